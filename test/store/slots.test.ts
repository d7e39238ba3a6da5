import { describe, expect, it } from 'vitest';
import { Slots } from '../../src/store/slots.ts';

function heldWork() {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const work = (name: string) => () => {
    begun.push(name);
    return new Promise<string>((resolve) => ends.push(() => resolve(name)));
  };
  return { begun, ends, work };
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('slots', () => {
  it('let so many run at once, and the others after them in their order', async () => {
    const { begun, ends, work } = heldWork();
    const slots = new Slots(2, 10);
    const all = ['a', 'b', 'c', 'd'].map((name) => slots.run(work(name)));
    await turn();
    expect(begun).toEqual(['a', 'b']);
    ends[1]?.();
    const late = slots.run(work('late'));
    await turn();
    expect(begun).toEqual(['a', 'b', 'c']);
    for (const index of [0, 2, 3, 4]) {
      ends[index]?.();
      await turn();
    }
    expect(await Promise.all([...all, late])).toEqual(['a', 'b', 'c', 'd', 'late']);
  });

  it('are free again after a failure', async () => {
    const slots = new Slots(1, 10);
    await expect(slots.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await slots.run(() => Promise.resolve('good'))).toBe('good');
  });

  it('refuse those that would make too long a queue', async () => {
    const { ends, work } = heldWork();
    const slots = new Slots(1, 2);
    const all = ['a', 'b', 'c'].map((name) => slots.run(work(name)));
    await expect(slots.run(work('d'))).rejects.toThrow('2 others wait already');
    for (const index of [0, 1, 2]) {
      await turn();
      ends[index]?.();
    }
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c']);
  });
});
