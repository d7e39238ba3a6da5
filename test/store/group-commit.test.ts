import { describe, expect, it } from 'vitest';
import { GroupCommit } from '../../src/store/group-commit.ts';

/** Transactions that stay open until the test lets them finish, and what was written in each. */
function heldTransactions() {
  const written: string[][] = [];
  const finish: (() => void)[] = [];
  const commits = new GroupCommit<string[]>(async (body) => {
    const group: string[] = [];
    await body(group);
    await new Promise<void>((resolve) => finish.push(resolve));
    written.push(group);
  });
  const write = (word: string) => commits.commit((group) => Promise.resolve(void group.push(word)));
  return { commits, write, written, finish };
}

async function turns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe('group commit', () => {
  it('lets what is queued during a transaction share the next one, in its order', async () => {
    const { commits, write, written, finish } = heldTransactions();
    const first = write('a');
    await turns();
    const later = [write('b'), write('c'), write('d')];
    await turns();
    expect(finish).toHaveLength(1);
    finish[0]?.();
    await first;
    await turns();
    finish[1]?.();
    await Promise.all(later);
    expect(written).toEqual([['a'], ['b', 'c', 'd']]);
    expect(commits.counts).toEqual({ transactions: 2, writes: 4 });
  });

  it('resolves a write only when its transaction is on disk (RFC 2131 3.1, step 4)', async () => {
    const { write, finish } = heldTransactions();
    let resolved = false;
    const done = write('a').then(() => (resolved = true));
    await turns();
    expect(resolved).toBe(false);
    finish[0]?.();
    await done;
    expect(resolved).toBe(true);
  });

  it('fails the write that is to blame, and writes the others of its group', async () => {
    const written: string[][] = [];
    const commits = new GroupCommit<string[]>(async (body) => {
      const group: string[] = [];
      await body(group);
      written.push(group);
    });
    const write = (word: string) =>
      commits.commit((group) => (word === 'bad' ? Promise.reject(new Error('refused')) : Promise.resolve(void group.push(word))));
    const outcomes = await Promise.allSettled([write('a'), write('bad'), write('c')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(written).toEqual([['a'], ['c']]);
  });

  it('is idle only when nothing is queued or being written', async () => {
    const { commits, write, finish } = heldTransactions();
    await commits.idle();
    const done = write('a');
    let idle = false;
    const waiting = commits.idle().then(() => (idle = true));
    await turns();
    expect(idle).toBe(false);
    finish[0]?.();
    await Promise.all([done, waiting]);
    expect(idle).toBe(true);
  });

  it('starts again after it was idle', async () => {
    const { write, written, finish } = heldTransactions();
    for (const word of ['a', 'b']) {
      const done = write(word);
      await turns();
      finish.at(-1)?.();
      await done;
      await turns();
    }
    expect(written).toEqual([['a'], ['b']]);
  });
});
