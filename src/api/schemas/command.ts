import { Type } from 'typebox';
import type { Static } from 'typebox';
import { anything, count, objectName, optional, shape, standing, text, time } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';
import { vmName } from './vm.ts';

export const commandStates = ['queued', 'sent', 'done', 'failed', 'expired', 'cancelled'] as const;

const command = {
  id: text('Its number: an agent runs each once.', 'c-01J8ZC', 64),
  host: objectName('To which host.', 'post01'),
  command: text('What it is to do.', 'vm.create', 64),
  vm: optional(vmName('With which VM.')),
  ...standing('Where it stands.', commandStates),
  author: text('Who wanted it: a person, a trigger, or the manager itself.', 'manager', 256),
  createdAt: time('When it was written down.'),
  sentAt: optional(time('When it was sent last.')),
  times: count('How often it was sent.', 1),
  endedAt: optional(time('When it ended.')),
  boot: count('The boot of the host that it is for.', 17),
  session: count('The agent session that it is for.', 42),
  expiresAt: time('When nobody begins it any more.'),
};
const example = {
  id: 'c-01J8ZC',
  host: 'post01',
  command: 'vm.create',
  vm: 'worker-17',
  state: 'done',
  reason: 'the domain runs',
  since: '2026-03-01T09:30:00.000Z',
  author: 'manager',
  createdAt: '2026-03-01T09:29:50.000Z',
  sentAt: '2026-03-01T09:29:50.100Z',
  times: 1,
  endedAt: '2026-03-01T09:30:00.000Z',
  boot: 17,
  session: 42,
  expiresAt: '2026-03-01T09:34:50.000Z',
};
export const commandSummarySchema = shape('A command to one agent.', command, example);
export type CommandSummary = Static<typeof commandSummarySchema>;
export const commandPageSchema = pageOf('commands, newest first', commandSummarySchema);
export const commandQuerySchema = shape('Which commands.', {
  ...pageQuery,
  ...totalQuery,
  host: optional(objectName('To this host.', 'post01')),
  vm: optional(vmName('About this VM.')),
  state: optional(text('One state, or several with commas between.', 'queued,sent')),
  q: optional(text('A text that the number, the command, the host, the VM or the reason holds.', 'vm.create')),
  sort: optional(text('createdAt, host or state, falling with a dash before it.', '-createdAt')),
});

export const commandSchema = shape(
  'A command to one agent with what it was given and what it answered.',
  {
    ...command,
    args: anything('What it was given.', { vm: 'worker-17' }),
    result: optional(Type.Unknown({ description: 'What the agent answered.', examples: [{ domid: 3 }] })),
  },
  { ...example, args: { vm: 'worker-17' }, result: { domid: 3 } },
);
export type CommandResource = Static<typeof commandSchema>;
