import { describe, expect, it } from 'vitest';
import { topics } from '../../../src/manager/protocol.ts';

describe('topics', () => {
  it('have no dot, which NATS would cut a level at', () => {
    expect([topics.toAgent('a.b-c'), topics.group('label.rack.b'), topics.manager('m.x')].join(' ')).not.toMatch(/\./);
  });

  it.each(['post01', 'a.b.example', 'x-1'])('of %s lead back to it', (machine) => {
    expect([topics.toAgent(machine), topics.fromAgent(machine), topics.presence(machine)].map((topic) => topics.machineOf(topic))).toEqual([
      machine,
      machine,
      machine,
    ]);
  });

  it.each(['virtdom/1/agent/a/b/out', 'virtdom/2/agent/a/out', 'virtdom/1/agent//out', 'virtdom/1/group/a/in'])(
    '%s are of no agent',
    (topic) => {
      expect(topics.machineOf(topic)).toBeUndefined();
    },
  );
});
