import { describe, expect, it } from 'vitest';
import type { AuditEntry, AuditPage } from '../../src/events/audit-store.ts';
import { SharedStore, atMs, odd } from './shared-store.ts';
import type { StoreUnderTest } from './store-contract.ts';

function entry(more: Partial<AuditEntry> = {}): AuditEntry {
  return { atMs, actor: 'anna', via: 'session', action: 'machine.assign', object: 'machine/post01', outcome: 'done', detail: {}, ...more };
}

/** Where it is kept who did what. */
export function auditContract(make: () => Promise<StoreUnderTest>): void {
  describe('the audit log', () => {
    const store = new SharedStore(make);
    const audit = () => store.now.audit;

    it('gives back what was done as it was written, newest first', async () => {
      const detail = { text: odd, from: { profile: null }, to: [1, 2 ** 40] };
      const both = [entry({ detail, requestId: 'r-1', actor: 'änna "x"' }), entry({ atMs: 2 ** 45, via: 'socket', outcome: 'refused' })];
      await audit().append(both);
      await audit().append([]);
      await store.reopen();
      const page = await audit().page({ limit: 10 });
      expect(page).toEqual([
        { ...both[1], id: 2 },
        { ...both[0], id: 1 },
      ]);
    });

    it('is asked for by actor, action and object, alone and together, page by page', async () => {
      const actors = ['bert', 'carl'];
      const actions = ['template.publish', 'user.create'];
      const objects = ['template/a', 'template/b', 'user/c'];
      const all = actors.flatMap((actor) => actions.flatMap((action) => objects.map((object) => entry({ actor, action, object }))));
      await audit().append([...all, ...all]);
      const asked: readonly [Omit<AuditPage, 'limit'>, number][] = [
        [{ actor: 'bert' }, 12],
        [{ action: 'user.create' }, 12],
        [{ object: 'user/c' }, 8],
        [{ actor: 'carl', action: 'user.create' }, 6],
        [{ actor: 'carl', action: 'user.create', object: 'template/b' }, 2],
        [{ actor: 'nobody' }, 0],
      ];
      for (const [filter, count] of asked) {
        const whole = await audit().page({ ...filter, limit: 100 });
        expect(whole).toHaveLength(count);
        for (const one of whole) expect(one).toMatchObject(filter);
        const ids = whole.map(({ id }) => id);
        expect(ids).toEqual(ids.toSorted((a, b) => b - a));
        const walked: number[] = [];
        for (let before: number | undefined; ; before = walked.at(-1)) {
          const page = await audit().page({ ...filter, ...(before !== undefined && { before }), limit: 5 });
          if (page.length === 0) break;
          walked.push(...page.map(({ id }) => id));
        }
        expect(walked).toEqual(ids);
      }
    });

    it('takes an object that no database can write, and is asked for it', async () => {
      const refused = entry({ object: 'machine/\0', outcome: 'refused' });
      await audit().append([refused]);
      const page = await audit().page({ object: 'machine/\0', limit: 10 });
      expect(page).toEqual([{ ...refused, id: page[0]?.id }]);
    });

    it('is pruned before a time, and no later entry takes the number of one that is gone', async () => {
      await audit().append(Array.from({ length: 1100 }, (_, i) => entry({ atMs: 1000 + i, actor: 'old' })));
      const [last] = await audit().page({ limit: 1 });
      expect(await audit().prune(1000)).toBe(0);
      expect(await audit().prune(2000)).toBe(1000);
      expect(await audit().page({ actor: 'old', limit: 1000 })).toHaveLength(100);
      expect(await audit().prune(3000)).toBe(100);
      await audit().append([entry({ actor: 'new' })]);
      expect((await audit().page({ limit: 1 }))[0]?.id).toBe((last?.id ?? 0) + 1);
    });
  });
}
