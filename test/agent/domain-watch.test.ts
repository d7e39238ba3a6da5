import { describe, expect, it } from 'vitest';
import { DomainWatch } from '../../src/agent/domain-watch.ts';
import type { Domain } from '../../src/agent/parts.ts';
import { HeldClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { FakeXen, settle, uuid } from './fake-dom0.ts';

class Rig {
  readonly clock = new HeldClock();
  readonly xen = new FakeXen();
  readonly gone: string[] = [];
  readonly lookedAtMs: number[] = [];
  changes = 0;
  /** Looks wait for it. */
  listing: Promise<void> | undefined;
  readonly watch: DomainWatch;

  constructor() {
    this.watch = new DomainWatch({
      hypervisor: { list: () => this.#list() },
      clock: this.clock,
      log: silentLog,
      nameOf: (wanted) => (wanted === uuid ? 'worker-1' : undefined),
      changed: () => void this.changes++,
      looked: () => undefined,
      gone: (names) => void this.gone.push(...names),
    });
  }

  /** Looks at these distances in time, beside the watch's own, which are five seconds after the last. */
  async looks(...distancesMs: readonly number[]): Promise<void> {
    for (const distanceMs of distancesMs) {
      this.clock.advance(distanceMs);
      await this.watch.look();
    }
  }

  async #list(): Promise<readonly Domain[]> {
    this.lookedAtMs.push(this.clock.monotonic());
    const found = [...this.xen.domains];
    await this.listing;
    return found;
  }
}

function states({ watch }: Rig): string[] {
  return watch.domains.map(({ name, state, missingMs }) => `${name} ${missingMs === undefined ? state : 'missing'}`);
}

describe('the watch over domains', () => {
  it('looks every five seconds', async () => {
    const rig = new Rig();
    rig.watch.start();
    for (let second = 0; second < 12; second++) {
      await settle();
      rig.clock.advance(1000);
    }
    await settle();
    expect(rig.lookedAtMs).toEqual([0, 5000, 10_000]);
    rig.watch.close();
    expect(rig.clock.pendingTimers).toBe(0);
  });

  it('lets a domain go after two looks five seconds apart, not after three in between', async () => {
    const rig = new Rig();
    rig.xen.add('worker-1');
    await rig.looks(0);
    rig.xen.remove('worker-1');
    await rig.looks(1000, 2000, 2900);
    expect(states(rig)).toEqual(['worker-1 missing']);
    expect(rig.gone).toEqual([]);
    await rig.looks(100);
    expect(states(rig)).toEqual([]);
    expect(rig.gone).toEqual(['worker-1']);
  });

  it('forgets that a domain was missing when it is there again (a guest that reboots)', async () => {
    const rig = new Rig();
    rig.xen.add('worker-1');
    await rig.looks(0);
    const [domain] = rig.xen.domains;
    rig.xen.domains = [];
    await rig.looks(1000);
    rig.xen.domains = domain === undefined ? [] : [domain];
    await rig.looks(1000);
    rig.xen.domains = [];
    await rig.looks(4000);
    expect(states(rig)).toEqual(['worker-1 missing']);
  });

  it('is sure after two looks five seconds apart', async () => {
    const rig = new Rig();
    await rig.looks(0, 1000, 3900);
    expect(rig.watch.sure).toBe(false);
    await rig.looks(100);
    expect(rig.watch.sure).toBe(true);
  });

  it('counts no look that had begun before a doubt', async () => {
    const rig = new Rig();
    await rig.looks(0, 5000);
    const { promise, resolve } = Promise.withResolvers<void>();
    rig.listing = promise;
    const looking = rig.watch.look();
    rig.watch.doubt();
    resolve();
    await looking;
    expect(rig.watch.sure).toBe(false);
    await rig.looks(5000);
    expect(rig.watch.sure).toBe(false);
    await rig.looks(5000);
    expect(rig.watch.sure).toBe(true);
  });

  it('makes a look of its own for who asks while one is under way', async () => {
    const rig = new Rig();
    const { promise, resolve } = Promise.withResolvers<void>();
    rig.listing = promise;
    const first = rig.watch.look();
    rig.xen.add('worker-1');
    const second = rig.watch.look();
    const third = rig.watch.look();
    resolve();
    await first;
    expect(states(rig)).toEqual([]);
    await Promise.all([second, third]);
    expect(states(rig)).toEqual(['worker-1 running']);
    rig.watch.close();
  });

  it('knows a domain that has lost its name by its uuid', async () => {
    const rig = new Rig();
    rig.xen.add('worker-1');
    await rig.looks(0);
    rig.xen.change('worker-1', { name: '', state: 'dying' });
    await rig.looks(6000);
    expect(states(rig)).toEqual(['worker-1 dying']);
    rig.xen.domains = [];
    rig.xen.add('', { uuid: '7b4d1b0a-1111-4222-8333-444455556666' });
    await rig.looks(1000);
    expect(states(rig)).toEqual(['worker-1 missing', 'unnamed-2 running']);
  });

  it('after a restart of the agent by the record', async () => {
    const rig = new Rig();
    rig.xen.add('', { state: 'paused' });
    await rig.looks(0);
    expect(states(rig)).toEqual(['worker-1 paused']);
  });

  it('tells of a change once', async () => {
    const rig = new Rig();
    rig.xen.add('worker-1');
    await rig.looks(0, 1000, 1000);
    expect(rig.changes).toBe(1);
  });
});
