import { describe, expect, it, vi } from 'vitest';
import { UnknownClients } from '../../src/machines/unknown-clients.ts';
import type { UnknownClientStore } from '../../src/machines/object-store.ts';
import type { UnknownClient } from '../../src/model/unknown-client.ts';
import { bookOf, lab, machineDocument, macOf } from './book-rig.ts';

class MemoryUnknownStore implements UnknownClientStore {
  readonly clients = new Map<string, UnknownClient>();
  saves = 0;
  deleted = 0;
  failure: Error | undefined;

  load(): Promise<readonly UnknownClient[]> {
    return Promise.resolve([...this.clients.values()]);
  }

  async save(clients: readonly UnknownClient[]): Promise<void> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    this.saves++;
    for (const client of clients) this.clients.set(client.mac, client);
  }

  async delete(macs: readonly string[]): Promise<void> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    this.deleted += macs.length;
    for (const mac of macs) this.clients.delete(mac);
  }
}

const subnet = { name: 'lab' };

async function rig(most?: number, store = new MemoryUnknownStore()) {
  const { book, clock, log } = await bookOf(lab, machineDocument(1));
  const unknown = await UnknownClients.open({ store, book, clock, log, ...(most !== undefined && { most }) });
  return { book, clock, log, store, unknown };
}

describe('an unknown client', () => {
  it('is counted once a power-on, and tells more with every packet', async () => {
    const { unknown, clock } = await rig();
    const startMs = clock.now();
    const mac = macOf(7);
    unknown.seen({ mac, uuid: 'u', arch: 'bios' }, subnet, startMs);
    unknown.seen({ mac }, subnet, startMs + 59_000);
    unknown.addressed(mac, '192.168.9.9');
    expect(unknown.list()).toEqual([
      {
        mac,
        uuid: 'u',
        arch: 'bios',
        subnet: 'lab',
        address: '192.168.9.9',
        firstSeenMs: startMs,
        lastSeenMs: startMs + 59_000,
        timesSeen: 1,
      },
    ]);
    unknown.seen({ mac, arch: 'uefi-x64' }, { name: 'other' }, startMs + 59_000 + 60_001);
    expect(unknown.find('52-54-00-00-00-07')).toMatchObject({ arch: 'uefi-x64', subnet: 'other', timesSeen: 2, firstSeenMs: startMs });
  });

  it('is no machine of ours', async () => {
    const { unknown, clock } = await rig();
    unknown.seen({ mac: macOf(1) }, subnet, clock.now());
    expect(unknown.list()).toEqual([]);
  });

  it('leaves the list when it becomes a machine, in the database too', async () => {
    const { unknown, clock, book, store } = await rig();
    unknown.seen({ mac: macOf(7) }, subnet, clock.now());
    clock.advance(2_000);
    await vi.waitUntil(() => store.clients.size === 1);
    await book.commit([{ kind: 'Machine', name: 'post07', revision: 0, document: machineDocument(7) }], { author: 'anna' });
    expect(unknown.list()).toEqual([]);
    clock.advance(2_000);
    await vi.waitUntil(() => store.clients.size === 0);
  });

  it('makes room when it was silent longest', async () => {
    const { unknown, clock, store } = await rig(2);
    const startMs = clock.now();
    for (const [index, number] of [7, 8, 7, 9].entries()) unknown.seen({ mac: macOf(number) }, subnet, startMs + index);
    expect(unknown.list().map(({ mac }) => mac)).toEqual([macOf(7), macOf(9)]);
    await unknown.close();
    expect([...store.clients.keys()].sort()).toEqual([macOf(7), macOf(9)]);
  });

  it('whose MAC is made up like ten thousand others costs the database one delete at most', async () => {
    const { unknown, clock, store } = await rig(100);
    for (let number = 300; number < 10_300; number++) unknown.seen({ mac: macOf(number) }, subnet, clock.now());
    clock.advance(2_000);
    await vi.waitUntil(() => store.clients.size === 100);
    expect(store.deleted).toBe(0);
    for (let number = 20_000; number < 20_100; number++) unknown.seen({ mac: macOf(number) }, subnet, clock.now());
    await unknown.close();
    expect(store.deleted).toBe(100);
    expect(store.clients.size).toBe(100);
  });

  it('is written with all others of two seconds at once, and never by the packet', async () => {
    const { unknown, clock, store } = await rig();
    for (let number = 10; number < 60; number++) unknown.seen({ mac: macOf(number) }, subnet, clock.now());
    clock.advance(1_999);
    expect(store.saves).toBe(0);
    clock.advance(1);
    await vi.waitUntil(() => store.clients.size === 50);
    expect(store.saves).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is written again later where the database failed', async () => {
    const { unknown, clock, store, log } = await rig();
    store.failure = new Error('disk full');
    unknown.seen({ mac: macOf(7) }, subnet, clock.now());
    clock.advance(2_000);
    await vi.waitUntil(() => log.lines.length === 1);
    store.failure = undefined;
    clock.advance(30_000);
    await vi.waitUntil(() => store.clients.size === 1);
    expect(log.lines).toMatchObject([{ level: 'warn' }]);
  });

  it('is forgotten until it comes again', async () => {
    const { unknown, clock, store } = await rig();
    unknown.seen({ mac: macOf(7) }, subnet, clock.now());
    clock.advance(2_000);
    await vi.waitUntil(() => store.clients.size === 1);
    expect(await unknown.forget([macOf(7), macOf(8)])).toBe(1);
    expect(store.clients.size).toBe(0);
    unknown.seen({ mac: macOf(7) }, subnet, clock.now());
    expect(unknown.list()).toMatchObject([{ timesSeen: 1 }]);
  });

  it('is remembered after a restart, but for those that are machines by then', async () => {
    const first = await rig();
    for (const number of [8, 2, 7]) first.unknown.seen({ mac: macOf(number) }, subnet, first.clock.now() + number);
    await first.unknown.close();
    expect(first.clock.pendingTimers).toBe(0);
    first.store.clients.set(macOf(1), { mac: macOf(1), subnet: 'lab', firstSeenMs: 0, lastSeenMs: 0, timesSeen: 1 });
    const second = await rig(5_000, first.store);
    expect(second.unknown.list().map(({ mac }) => mac)).toEqual([macOf(2), macOf(7), macOf(8)]);
  });
});
