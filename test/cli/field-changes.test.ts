import { describe, expect, it } from 'vitest';
import { readFields } from '../../src/cli/field-changes.ts';

describe('fields that are set', () => {
  it.each([
    [['memoryMib=768'], { memoryMib: 768 }],
    [['constraints.labels.rack=a3', 'constraints.spread=true'], { constraints: { labels: { rack: 'a3' }, spread: true } }],
    [['count={min: 1, max: 3}'], { count: { min: 1, max: 3 } }],
    [['image='], {}],
    [['constraints.labels.rack=a3', 'constraints.labels.rack='], {}],
    [['parameters.note=a=b'], { parameters: { note: 'a=b' } }],
  ])('%j make %j of nothing', (texts, wanted) => {
    expect(readFields(texts)({})).toEqual(wanted);
  });

  it('leave the others as they are', () => {
    const before = { name: 'worker', constraints: { labels: { rack: 'a3', row: 'b' } } };
    expect(readFields(['constraints.labels.rack='])(before)).toEqual({ name: 'worker', constraints: { labels: { row: 'b' } } });
    expect(before.constraints.labels.rack).toBe('a3');
  });

  it.each([[[]], [['memoryMib']], [['=3']], [['a..b=3']], [['a=[']]])('%j are refused as wrong usage', (texts) => {
    expect(() => readFields(texts)).toThrow(expect.objectContaining({ exitCode: 2 }));
  });
});
