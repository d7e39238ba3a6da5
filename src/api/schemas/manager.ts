import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, listOf, oneOf, optional, shape, standing, text, time } from './fields.ts';
import { notes } from './vm.ts';

export const managerStates = ['leading', 'standby', 'starting', 'stopped'] as const;
const otherStates = ['leading', 'standby', 'left', 'lost'] as const;

const byState = (description: string, example: Readonly<Record<string, number>>) =>
  Type.Record(Type.String(), Type.Integer({ minimum: 1 }), { description, examples: [example] });

export const managerSchema = shape(
  'How the VM manager is.',
  {
    name: text('Which, where there are several.', 'server1', 256),
    ...standing('Whether it decides, or waits for the one that does.', managerStates),
    hold: optional(
      shape('While it is there, nothing is fenced and nothing recovered.', {
        reason: text('Why.', '3 of 4 hosts are silent at once', 4096),
        since: time('Since when.'),
        by: oneOf('By whom.', ['storm-guard', 'operator']),
      }),
    ),
    bus: shape('What carries its messages.', {
      state: oneOf('Whether it does.', ['connected', 'disconnected']),
      reason: text('Why.', 'connected to the broker', 4096),
      kind: text('Which.', 'embedded', 256),
    }),
    agents: count('Agents that are here.', 4),
    openCommands: count('Commands that have not ended.', 0),
    hosts: byState('How many hosts are in which state; states that none is in are left out.', { online: 4 }),
    vms: byState('Likewise VMs.', { running: 12, lost: 1 }),
    others: listOf(
      'Managers that are or were on the same bus.',
      shape('Another manager.', {
        name: text('Which.', 'server2', 256),
        ...standing('What it said of itself, or the broker when it went without goodbye.', otherStates),
      }),
    ),
    notes,
  },
  {
    name: 'server1',
    state: 'leading',
    reason: 'it has led since it started',
    since: '2026-03-01T09:00:00.000Z',
    bus: { state: 'connected', reason: 'connected to the broker', kind: 'embedded' },
    agents: 4,
    openCommands: 0,
    hosts: { online: 4 },
    vms: { running: 12, lost: 1 },
    others: [{ name: 'server2', state: 'standby', reason: 'server1 leads', since: '2026-03-01T09:00:04.000Z' }],
  },
);
export type ManagerResource = Static<typeof managerSchema>;

export const holdSchema = shape(
  'Why.',
  {
    reason: Type.String({
      description: 'What others are told.',
      minLength: 1,
      maxLength: 1024,
      examples: ['the switch of rack a3 is replaced'],
    }),
  },
  { reason: 'the switch of rack a3 is replaced' },
);
