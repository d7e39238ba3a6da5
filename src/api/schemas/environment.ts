import type { Static } from 'typebox';
import { environmentFields } from './documents.ts';
import { changed, count, oneOf, optional, shape, text, time, yes } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';
import { notes } from './vm.ts';

export const environmentStates = ['as-wanted', 'changing', 'short', 'paused', 'error'] as const;

const fieldsExample = {
  name: 'worker',
  instances: 'at-least-one',
  image: 'worker',
  memoryMib: 512,
  networks: [{ bridge: 'xenbr0', address: 'dhcp' }],
  count: { min: 2, max: 8 },
};

export const environmentStatusSchema = shape('How many of its VMs there are, and how many there should be.', {
  wanted: count('How many are wanted now.', 2),
  wantedBy: text('By whom: its document, a person, a trigger.', 'its document', 4096),
  running: count('How many run.', 2),
  ready: count('How many of them said that they are ready.', 2),
  starting: count('How many start.', 0),
  troubled: count('How many are lost, wait or failed.', 0),
  paused: yes('Whether nothing is started or stopped for it, by its document or by a person.'),
  state: oneOf('Where it stands.', environmentStates),
  reason: text('Why it is in this state, in words.', '2 of 2 run', 4096),
  since: optional(time('When it came into this state.')),
});
export type EnvironmentStatusResource = Static<typeof environmentStatusSchema>;

export const environmentSchema = shape(
  'A class of VMs: as a person wrote it, and what there is of it.',
  { ...environmentFields, status: optional(environmentStatusSchema), ...changed, notes },
  {
    ...fieldsExample,
    status: {
      wanted: 2,
      wantedBy: 'its document',
      running: 2,
      ready: 2,
      starting: 0,
      troubled: 0,
      paused: false,
      state: 'as-wanted',
      reason: '2 of 2 run',
    },
    revision: 4,
    updatedAt: '2026-02-14T10:00:00.000Z',
    updatedBy: 'anna',
  },
);
export type EnvironmentResource = Static<typeof environmentSchema>;
export const environmentPageSchema = pageOf('environments', environmentSchema);
export const environmentQuerySchema = shape('Which environments.', {
  ...pageQuery,
  ...totalQuery,
  state: optional(text('One state, or several with commas between.', 'short,error')),
  q: optional(text('A text that the name or the image holds.', 'work')),
  sort: optional(text('name, updatedAt, priority or state, falling with a dash before it.', 'name')),
});

/** For POST and PUT: the whole environment as a person writes it. */
export const environmentWriteSchema = shape(
  'An environment as a whole. What is left out has its default.',
  environmentFields,
  fieldsExample,
);
