import { Type } from 'typebox';
import type { Static } from 'typebox';
import { anything, oneOf, optional, shape, text, time } from './fields.ts';
import { pageOf, pageQuery } from './page.ts';

export const severities = ['debug', 'info', 'warning', 'error'] as const;

export const eventExample = {
  id: 1042,
  at: '2026-03-01T09:30:00.000Z',
  kind: 'boot.stuck',
  severity: 'warning',
  machine: 'post01',
  attempt: 'b-01J8ZC',
  detail: { lastStage: 'loader' },
};

export const eventSchema = shape(
  'Something that happened.',
  {
    id: Type.Integer({ minimum: 1, description: 'Counts up without end.', examples: [1042] }),
    at: time('When.'),
    kind: text('The noun, a dot, what happened.', 'boot.stuck'),
    severity: oneOf('How bad it is.', severities),
    machine: optional(text('Which machine it is about.', 'post01')),
    attempt: optional(text('Which boot it is about.', 'b-01J8ZC')),
    detail: anything('What else is to be known.', { lastStage: 'loader' }),
  },
  eventExample,
);
export type EventResource = Static<typeof eventSchema>;
export const eventPageSchema = pageOf('events', eventSchema);

const filter = {
  kind: optional(text('A kind, or all of a noun: `boot.*`; several with commas between.', 'boot.*')),
  machine: optional(text('About this machine.', 'post01')),
  attempt: optional(text('About this boot.', 'b-01J8ZC')),
  severity: optional(oneOf('This one and worse.', severities)),
  q: optional(text('A text that the kind, the machine or the detail holds; looked for among the newest 100,000 events.', 'loader')),
};
export const eventQuerySchema = shape('Which events.', {
  ...pageQuery,
  ...filter,
  since: optional(time('Not before.')),
  until: optional(time('Not after.')),
  order: optional(oneOf('Newest first without it.', ['newest-first', 'oldest-first'])),
});
export const eventStreamQuerySchema = shape('Which events.', {
  ...filter,
  after: optional(
    Type.Integer({ minimum: 0, description: 'Also those after this number; the header Last-Event-ID wins over it.', examples: [1042] }),
  ),
});
