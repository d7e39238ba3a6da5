import { describe, expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { AuditLog } from '../../src/events/audit-log.ts';
import type { AuditEntry, AuditPage, AuditStore } from '../../src/events/audit-store.ts';
import { CapturedLog } from '../../src/log.ts';

class MemoryAuditStore implements AuditStore {
  readonly entries: (AuditEntry & { id: number })[] = [];
  held: Promise<void> = Promise.resolve();
  pruned: number[] = [];

  async append(entries: readonly AuditEntry[]): Promise<void> {
    await this.held;
    for (const entry of entries) this.entries.push({ ...entry, id: this.entries.length + 1 });
  }

  page({ limit }: AuditPage): Promise<readonly (AuditEntry & { readonly id: number })[]> {
    return Promise.resolve(this.entries.toReversed().slice(0, limit));
  }

  prune(beforeMs: number): Promise<number> {
    this.pruned.push(beforeMs);
    return Promise.resolve(0);
  }
}

const entry = { actor: 'anna', via: 'session', action: 'machine.assign', object: 'machine/post01', outcome: 'done', detail: {} } as const;

function opened() {
  const store = new MemoryAuditStore();
  const clock = new HeldClock();
  const log = new CapturedLog();
  return { store, clock, log, audit: new AuditLog({ store, keepDays: 365, clock, log }) };
}

describe('the audit log', () => {
  it('is durable when it says so', async () => {
    const { store, clock, audit } = opened();
    const held = Promise.withResolvers<void>();
    store.held = held.promise;
    let isDone = false;
    const recorded = audit.record(entry).then(() => (isDone = true));
    await new Promise((resolve) => void setImmediate(resolve));
    expect(isDone).toBe(false);
    held.resolve();
    await recorded;
    expect(await audit.page({ limit: 10 })).toEqual([{ ...entry, id: 1, atMs: clock.now() }]);
    await audit.close();
  });

  it('fails where it cannot be written: nothing is done that nobody can see', async () => {
    const { store, audit } = opened();
    store.held = Promise.reject(new Error('disk full'));
    await expect(audit.record(entry)).rejects.toThrow('disk full');
    await audit.close();
  });

  it('keeps entries for their time', async () => {
    const { store, clock, audit } = opened();
    clock.advance(60_000);
    await audit.close();
    expect(store.pruned).toEqual([clock.now() - 365 * 86_400_000]);
    expect(clock.pendingTimers).toBe(0);
  });
});
