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
  async add(boot: Omit<HostBoot, 'boot'>): Promise<HostBoot> {
    const added = this.rows.find(({ attempt }) => attempt === boot.attempt) ?? { ...boot, boot: this.rows.length + 1 };
    if (!this.rows.includes(added)) this.rows.push(added);
    return added;
  }
  async prune(): Promise<number> {
    return 0;
  }
  follow(listener: () => void): void {
    this.#listener = listener;
  }
  async addByAnother(boot: Omit<HostBoot, 'boot'>): Promise<void> {
    await this.add(boot);
    this.#listener();
  }
}

const hello = (machine: string, attempt: string) => ({ machine, attempt, redeemedMs: 1 });
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function open(table: Table, clock = new HeldClock(), log = new CapturedLog()) {
  const boots = await HostBoots.open({ store: table, clock, log });
  const told: number[] = [];
  boots.subscribe(({ boot }) => told.push(boot));
  return { boots, told, clock, log };
}

describe('the boots that machines have proved', () => {
  it('are told once each, when they are durable, and the newest is known', async () => {
    const { boots, told } = await open(new Table());
    await boots.add(hello('post01', 'a'));
    await boots.add(hello('post01', 'b'));
    await boots.add(hello('post01', 'b'));
    expect(told).toEqual([1, 2]);
    expect(boots.newest('post01')?.attempt).toBe('b');
  });

  it('never go back: an older one that comes late is not told', async () => {
    const table = new Table();
    const { boots, told } = await open(table);
    await boots.add(hello('post01', 'a'));
    await boots.add(hello('post01', 'b'));
    await boots.add(hello('post01', 'a'));
    expect([told, boots.newest('post01')?.boot]).toEqual([[1, 2], 2]);
  });

  it('that another server has taken are told as well, also where the database is away at first', async () => {
    const table = new Table();
    const { told, clock } = await open(table);
    table.failing = true;
    await table.addByAnother(hello('post02', 'x'));
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
    await boots.add(hello('post01', 'a'));
    expect([told, log.lines.length]).toEqual([[1, 1], 1]);
  });

  it('leave no timer behind', async () => {
    const table = new Table();
    const { boots, clock } = await open(table);
    table.failing = true;
    await table.addByAnother(hello('post02', 'x'));
    await settled();
    boots.close();
    expect(clock.pendingTimers).toBe(0);
  });
});
