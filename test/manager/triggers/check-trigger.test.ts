import { describe, expect, it } from 'vitest';
import { checkTrigger } from '../../../src/manager/triggers/check-trigger.ts';
import type { KnownNames } from '../../../src/manager/triggers/check-trigger.ts';
import type { Trigger } from '../../../src/model/vm-environment.ts';
import { trigger } from './facts.ts';

const known: KnownNames = { environments: new Set(['worker']), roles: new Set(['farm']), machines: new Set(['post01']) };

function problemsOf(changes: Partial<Trigger>): string[] {
  const checked = checkTrigger(trigger(changes), known);
  return checked.kind === 'refused' ? checked.problems.map(({ pointer, detail }) => `${pointer} ${detail}`) : [];
}

describe('a trigger that is saved', () => {
  it.each<[string, Partial<Trigger>]>([
    ['over all agents', {}],
    ['for each agent', { expr: 'agent.properties.load > 4', forEach: 'agent', cmd: { command: 'drain' } }],
    ['over a group', { expr: 'groups["role.worker"].properties.load.avg > 4.5', cmd: { command: 'scale', environment: 'worker', by: 1 } }],
    ['over environments', { expr: 'environments.worker.ready < environments.worker.wanted' }],
    ['over events', { expr: 'events.exists(e, e.kind == "vm.failed" && e.ageSeconds < 60)' }],
    ['over the time', { expr: 'time.hour >= 22 || time.hour < 6', cmd: { command: 'scale', environment: 'worker', to: 8 } }],
    ['on updates alone', { ticks: 0, onUpdateCheck: true }],
    ['that asks', { cmd: { command: 'query', group: 'label.rack.a', properties: ['smart'] } }],
    ['that gives a role', { cmd: { command: 'assign-role', role: 'farm', machine: 'post01' } }],
    ['that switches off', { cmd: { command: 'power', action: 'off', machine: 'post01' } }],
    ['that names the agent', { forEach: 'agent', cmd: { command: 'notify', severity: 'info', message: '{agent} is hot' } }],
  ])('is taken: %s', (_what, changes) => {
    expect(problemsOf(changes)).toEqual([]);
  });

  it.each<[string, Partial<Trigger>, string]>([
    ['a field that is not there', { expr: 'agents.exists(a, a.lode > 4)' }, '/expr line 1, letter 20: there is no field lode'],
    ['no condition', { expr: 'agents.size()' }, '/expr expected true or false, this gives int'],
    ['agent without forEach', { expr: 'agent.vms > 3' }, '/expr line 1, letter 1: there is no variable agent (did you mean agents?)'],
    ['an aggregate that is not there', { expr: 'groups.all.properties.load.mean > 1' }, '/expr line 1, letter 28: there is no field mean'],
    ['nothing to be updated by', { expr: 'agents.size() > 3', onUpdateCheck: true }, '/onUpdateCheck expr reads no property'],
    ['never', { ticks: 0 }, '/ticks it is never evaluated'],
    ['a day and more', { ticks: 90_000 }, '/ticks expected whole seconds'],
    ['parts of a second', { ticks: 0.5 }, '/ticks expected whole seconds'],
    ['quiet for less than no time', { quietSeconds: -1 }, '/quietSeconds expected whole seconds'],
    [
      'more and more at once',
      { quietSeconds: 0, cmd: { command: 'scale', environment: 'worker', by: 1 } },
      '/quietSeconds expected at least 30',
    ],
    [
      'off and on at once',
      { quietSeconds: 5, cmd: { command: 'power', action: 'cycle', machine: 'post01' } },
      '/quietSeconds expected at least 30',
    ],
    ['scale by and to', { cmd: { command: 'scale', environment: 'worker', by: 1, to: 2 } }, '/cmd expected either to'],
    ['scale to nothing said', { cmd: { command: 'scale', environment: 'worker' } }, '/cmd expected either to'],
    ['scale by 0', { cmd: { command: 'scale', environment: 'worker', by: 0 } }, '/cmd/by'],
    ['scale to less than none', { cmd: { command: 'scale', environment: 'worker', to: -1 } }, '/cmd/to'],
    [
      'an unknown environment',
      { cmd: { command: 'scale', environment: 'wroker', to: 1 } },
      '/cmd/environment there is no Environment wroker (did you mean worker?)',
    ],
    ['an unknown role', { forEach: 'agent', cmd: { command: 'assign-role', role: 'fram' } }, '/cmd/role there is no Role fram'],
    ['an unknown machine', { cmd: { command: 'drain', machine: 'post99' } }, '/cmd/machine there is no Machine post99'],
    ['whom to drain', { cmd: { command: 'drain' } }, '/cmd/machine expected a machine; or forEach: agent'],
    ['an unknown group', { cmd: { command: 'query', group: 'workers', properties: ['load'] } }, '/cmd/group expected all, role.<role>'],
    ['no properties', { cmd: { command: 'query', group: 'all', properties: [] } }, '/cmd/properties expected 1 to 64 names'],
    ['no name of a property', { cmd: { command: 'query', group: 'all', properties: ['a', 'b c'] } }, '/cmd/properties/1 expected the name'],
    ['an empty message', { cmd: { command: 'notify', severity: 'info', message: ' ' } }, '/cmd/message expected a text'],
    ['an agent that is not there', { cmd: { command: 'notify', severity: 'info', message: '{agent}' } }, '/cmd/message {agent} stands for'],
  ])('is refused: %s', (_what, changes, problem) => {
    expect(problemsOf(changes)[0]).toContain(problem);
  });

  it('is told everything at once', () => {
    expect(problemsOf({ expr: '1 +', ticks: 0, quietSeconds: -1, cmd: { command: 'drain' } })).toHaveLength(4);
  });

  it('is not refused for names where it is not known which there are', () => {
    expect(checkTrigger(trigger({ cmd: { command: 'drain', machine: 'post99' } })).kind).toBe('checked');
  });
});
