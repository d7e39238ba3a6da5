import { describe, expect, it } from 'vitest';
import type { Blame } from '../../src/store/engine.ts';
import { GroupCommit } from '../../src/store/group-commit.ts';

/** Transactions that stay open until the test lets them finish, and what was written in each. */
function heldTransactions() {
  const written: string[][] = [];
  const finish: (() => void)[] = [];
  let holding = true;
  const transact = async (body: (group: string[]) => Promise<void>): Promise<void> => {
    const group: string[] = [];
    await body(group);
    if (holding) await new Promise<void>((resolve) => finish.push(resolve));
    written.push(group);
  };
  const commits = new GroupCommit(transact, () => 'statement');
  const write = (word: string) => commits.commit((group) => Promise.resolve(group.push(word)));
  const finishAll = (): void => {
    holding = false;
    for (const end of finish) end();
  };
  return { commits, write, written, finish, finishAll };
}

/** Writes whose name begins so fail with this error; `commitFailures` are errors of the commit itself, one after the other. */
function failingTransactions(blame: Blame, errors: Readonly<Record<string, Error>>, commitFailures: (Error | undefined)[] = []) {
  const written: string[][] = [];
  let begun = 0;
  const transact = async (body: (group: string[]) => Promise<void>): Promise<void> => {
    begun++;
    const group: string[] = [];
    await body(group);
    const failure = commitFailures.shift();
    if (failure !== undefined) throw failure;
    written.push(group);
  };
  const commits = new GroupCommit(transact, () => blame);
  const write = (word: string) =>
    commits.commit((group) => {
      const error = errors[word];
      if (error !== undefined) return Promise.reject(error);
      group.push(word);
      return Promise.resolve(`${word} done`);
    });
  return { commits, write, written, begun: () => begun };
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

  it('gives each write its own result', async () => {
    const { write } = failingTransactions('statement', {});
    expect(await Promise.all([write('a'), write('b')])).toEqual(['a done', 'b done']);
  });

  it('fails the write that is to blame, and writes the others of its group', async () => {
    const { write, written } = failingTransactions('statement', { bad: new Error('refused') });
    const outcomes = await Promise.allSettled([write('a'), write('bad'), write('c')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(written).toEqual([['a'], ['c']]);
  });

  it('fails the whole group at once when the database is gone: a second try would write what the first may have written', async () => {
    const { write, begun } = failingTransactions('database', {}, [new Error('connection lost')]);
    const outcomes = await Promise.allSettled([write('a'), write('b')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(begun()).toBe(1);
  });

  it('tries again what failed by chance, such as a deadlock', async () => {
    const { write, written, commits } = failingTransactions('chance', {}, [new Error('deadlock'), new Error('deadlock')]);
    expect(await Promise.all([write('a'), write('b')])).toEqual(['a done', 'b done']);
    expect(written).toEqual([['a', 'b']]);
    expect(commits.counts.writes).toBe(2);
  });

  it('gives up after six deadlocks', async () => {
    const { write, begun } = failingTransactions(
      'chance',
      {},
      Array.from({ length: 9 }, () => new Error('deadlock')),
    );
    await expect(write('a')).rejects.toThrow('deadlock');
    expect(begun()).toBe(6);
  });

  it('writes at most 500 in one transaction, so that the first of them does not wait for all', async () => {
    const { write, written } = failingTransactions('statement', {});
    await Promise.all(Array.from({ length: 1200 }, (_, i) => write(`w${i}`)));
    expect(written.map(({ length }) => length)).toEqual([500, 500, 200]);
  });

  it('refuses what would make the queue longer than 20000: a database that hangs must not fill the memory', async () => {
    const { write, finishAll, commits } = heldTransactions();
    void write('first');
    await turns();
    const waiting = Array.from({ length: 20_000 }, () => write('more'));
    await expect(write('too many')).rejects.toThrow('20000 writes wait already');
    finishAll();
    await Promise.all(waiting);
    expect(commits.counts.writes).toBe(20_001);
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
