import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { control } from '../../../src/manager/protocol.ts';
import { effectiveLabels, groupsOf } from '../../../src/manager/roles/host-groups.ts';
import { role } from '../placement/cluster.ts';

describe('the labels of a host', () => {
  it("are its role's, over which the machine's own win", () => {
    const of = role('worker', [], { labels: { rack: 'a', tier: 'edge' } });
    expect(effectiveLabels({ labels: { rack: 'b' } }, of)).toEqual({ rack: 'b', tier: 'edge' });
    expect(effectiveLabels({ labels: { rack: 'b' } }, undefined)).toEqual({ rack: 'b' });
  });
});

describe('the groups of an agent', () => {
  it('are all, its role and its labels', () => {
    expect(groupsOf('worker', { row: '1', rack: 'b' })).toEqual(['all', 'role.worker', 'label.rack.b', 'label.row.1']);
    expect(groupsOf(undefined, {})).toEqual(['all']);
  });

  it('have no characters that mean something in a topic (MQTT 3.1.1, 4.7)', () => {
    expect(groupsOf(undefined, { 'a/+': '#' })).toEqual(['all', 'label.a--.-']);
  });

  it('are as few and as short as a message may carry', () => {
    const labels = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`key${index}`, 'v'.repeat(200)]));
    const groups = groupsOf('worker', labels);
    expect(groups).toHaveLength(64);
    expect(Value.Check(control, { v: 1, kind: 'CONTROL', id: 'x', action: 'groups', groups })).toBe(true);
  });

  it('are told once, where two labels give one', () => {
    expect(groupsOf(undefined, { 'a/b': '1', 'a+b': '1' })).toEqual(['all', 'label.a-b.1']);
  });
});
