import { describe, expect, it } from 'vitest';
import { HeldClock } from '../src/clock.ts';
import { HostBoots } from '../src/host-boots.ts';
import { CapturedLog } from '../src/log.ts';
import type { HostBoot } from '../src/model/host.ts';
import type { HostBootStore } from '../src/model/host-boot-store.ts';

/** As the database does it, with another server's writes. */
class Table implements HostBootStore {
  rows: HostBoot[] = [];
  failing = false;
  #listener = (): void => {};

  async load(): Promise<readonly HostBoot[]> {
    if (this.failing) throw new Error('the database is away');
    return this.rows;
  }
  async prune(): Promise<number> {
    return 0;
  }
  follow(listener: () => void): void {
    this.#listener = listener;
  }
  addByAnother(boot: HostBoot): void {
    this.rows = [...this.rows.filter(({ machine }) => machine !== boot.machine), boot];
    this.#listener();
  }
}

const hello = (machine: string, boot: number): HostBoot => ({ machine, boot, attempt: `${machine}-${boot}`, redeemedMs: 1 });
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function open(table: Table, clock = new HeldClock(), log = new CapturedLog()) {
  const boots = await HostBoots.open({ store: table, clock, log });
  const told: number[] = [];
  boots.subscribe(({ boot }) => told.push(boot));
  return { boots, told, clock, log };
}

describe('the boots that machines have proved', () => {
  it('are told once each, and the newest is known', async () => {
    const { boots, told } = await open(new Table());
    for (const boot of [1, 2, 2]) boots.learn(hello('post01', boot));
    expect(told).toEqual([1, 2]);
    expect(boots.newest('post01')?.attempt).toBe('post01-2');
  });

  it('never go back: an older one that comes late is not told', async () => {
    const { boots, told } = await open(new Table());
    for (const boot of [1, 2, 1]) boots.learn(hello('post01', boot));
    expect([told, boots.newest('post01')?.boot]).toEqual([[1, 2], 2]);
  });

  it('have a highest number over all machines, from the start', async () => {
    const table = new Table();
    expect((await open(table)).boots.latest).toBe(0);
    table.rows = [hello('post01', 7), hello('post02', 3)];
    const { boots } = await open(table);
    expect(boots.latest).toBe(7);
    boots.learn(hello('post02', 5));
    expect(boots.latest).toBe(7);
    boots.learn(hello('post02', 8));
    expect(boots.latest).toBe(8);
  });

  it('that another server has taken are told as well, also where the database is away at first', async () => {
    const table = new Table();
    const { told, clock } = await open(table);
    table.failing = true;
    table.addByAnother(hello('post02', 1));
    await settled();
    expect(told).toEqual([]);
    table.failing = false;
    clock.advance(1_000);
    await settled();
    expect(told).toEqual([1]);
  });

  it('are told to everybody, whoever fails', async () => {
    const { boots, told, log } = await open(new Table());
    boots.subscribe(() => {
      throw new Error('broken');
    });
    boots.subscribe(({ boot }) => told.push(boot));
    boots.learn(hello('post01', 1));
    expect([told, log.lines.length]).toEqual([[1, 1], 1]);
  });

  it('leave no timer behind', async () => {
    const table = new Table();
    const { boots, clock } = await open(table);
    table.failing = true;
    table.addByAnother(hello('post02', 1));
    await settled();
    boots.close();
    expect(clock.pendingTimers).toBe(0);
  });
});
