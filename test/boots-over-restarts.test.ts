import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { HelloResult } from '../src/boot/boot-desk.ts';
import { HostBoots } from '../src/host-boots.ts';
import { silentLog } from '../src/log.ts';
import { openStore, type Store } from '../src/store/store.ts';
import { address, Rig, subnet } from './boot/rig.ts';
import { PostgresServer } from './contract/postgres-server.ts';

/** What of `virtdom serve` takes hellos, over a database as it is; it can be gone from one moment to the next. */
class Server {
  readonly rig = new Rig();
  readonly store: Store;
  readonly boots: HostBoots;
  /** Called when all is durable, and nobody was told. */
  beforeAnswer = (): void => {};

  private constructor(store: Store, boots: HostBoots) {
    this.store = store;
    this.boots = boots;
  }

  static async start(database: string, serverId = 'boot1'): Promise<Server> {
    const store = await openStore({ database, serverId, log: silentLog });
    const server = new Server(store, await HostBoots.open({ store: store.hostBoots, clock: new Rig().clock, log: silentLog }));
    const { boots, rig } = server;
    rig.hasManager = true;
    rig.attemptStore = store.attempts;
    rig.leases.set(address, '52:54:00:00:00:01');
    rig.provedBoots = {
      newest: (machine) => boots.newest(machine),
      get latest() {
        return boots.latest;
      },
      kept(boot) {
        server.beforeAnswer();
        boots.learn(boot);
        return String(boot.boot);
      },
    };
    running.push(server);
    await rig.start();
    return server;
  }

  hello(token: string): Promise<HelloResult> {
    return this.rig.desk.hello({ token, clientAddress: address, body: '' });
  }

  /** The process is no more: of its desk nothing is written any more. */
  async kill(): Promise<void> {
    await this.store.close();
    this.boots.close();
  }

  async close(): Promise<void> {
    await this.rig.remove();
    await this.kill();
  }
}

let running: Server[] = [];
let folder: string;
let postgres: PostgresServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'virtdom-boots-'));
  postgres = await PostgresServer.start();
}, 60_000);
afterEach(async () => {
  await Promise.all(running.map((server) => server.close()));
  running = [];
});
afterAll(async () => {
  await postgres.close();
  rmSync(folder, { recursive: true });
});

const databases = [
  { name: 'SQLite', make: () => join(folder, `${Math.random()}.db`) },
  { name: 'PostgreSQL', make: () => postgres.createDatabase() },
];

describe.each(databases)('a hello over $name', { timeout: 60_000 }, ({ make }) => {
  it('is taken when it comes again, hours after the server was killed with the boot kept and before it could answer', async () => {
    const database = make();
    const first = await Server.start(database);
    first.rig.boot();
    const token = await first.rig.token();
    first.beforeAnswer = () => {
      throw new Error('killed');
    };
    await expect(first.hello(token)).rejects.toThrow('killed');
    await first.kill();

    const second = await Server.start(database);
    expect(second.boots.newest('post01')).toMatchObject({ boot: 1 });
    second.rig.clock.advance(5 * 3_600_000);
    expect(await second.hello(token)).toEqual({ accepted: true, session: '1' });
    expect(await second.store.hostBoots.load()).toMatchObject([{ machine: 'post01', boot: 1 }]);
    second.rig.clock.advance(60_001);
    expect(await second.hello(token)).toMatchObject({ accepted: false });
  });

  it('is taken when it comes again, after the server was killed with nothing kept', async () => {
    const database = make();
    const first = await Server.start(database);
    first.rig.boot();
    const token = await first.rig.token();
    await first.rig.desk.close();
    await first.store.close();
    await expect(first.hello(token)).rejects.toThrow('closed');
    await first.kill();

    const second = await Server.start(database);
    expect(second.rig.desk.stateOf('post01')?.state).toBe('booting');
    second.rig.clock.advance(5 * 3_600_000);
    expect(await second.hello(token)).toEqual({ accepted: true, session: '1' });
    expect(second.rig.desk.stateOf('post01')?.state).toBe('up');
  });

  it('is taken when it comes again, where another DISCOVER came between and the server was restarted', async () => {
    const database = make();
    const first = await Server.start(database);
    first.rig.boot();
    const token = await first.rig.token();
    first.rig.discover();
    await first.rig.desk.close();
    await first.kill();

    const second = await Server.start(database);
    second.rig.clock.advance(3_600_000);
    expect(await second.hello(token)).toEqual({ accepted: true, session: '1' });
    await second.rig.desk.close();
    await second.kill();

    const third = await Server.start(database);
    expect(third.rig.desk.stateOf('post01')?.state).toBe('up');
  });
});

describe('two servers on one PostgreSQL', { timeout: 60_000 }, () => {
  it('keep one boot of those that ran at once, whichever says hello first, and both know which', async () => {
    const database = postgres.createDatabase();
    const one = await Server.start(database, 'one');
    const two = await Server.start(database, 'two');
    for (let round = 1; round <= 5; round++) {
      const before = one.boots.latest;
      one.rig.boot();
      two.rig.clock.advance(10_000);
      two.rig.boot();
      for (const { rig } of [one, two]) rig.clock.advance(60_000);
      const tokens = await Promise.all([one.rig.token(), two.rig.token()]);
      const answers = await Promise.all([one.hello(tokens[0]), two.hello(tokens[1])]);
      expect(answers.filter(({ accepted }) => accepted)).toHaveLength(1);
      expect(answers.find(({ accepted }) => !accepted)).toMatchObject({ reason: expect.stringContaining('post01 has said hello since') });
      await expect.poll(() => one.boots.latest > before && one.boots.latest === two.boots.latest).toBe(true);
      expect(one.boots.newest('post01')).toEqual(two.boots.newest('post01'));
      for (const { rig } of [one, two]) rig.clock.advance(60_000);
    }
  });

  it('refuse the hello of a boot that was over when the machine said hello to the other one', async () => {
    const database = postgres.createDatabase();
    const one = await Server.start(database, 'one');
    const two = await Server.start(database, 'two');
    one.rig.boot();
    const token = await one.rig.token();
    two.rig.clock.advance(60_000);
    two.rig.boot();
    expect(await two.hello(await two.rig.token())).toMatchObject({ accepted: true });
    await expect.poll(() => one.boots.newest('post01')?.boot).toBe(two.boots.latest);
    expect(await one.hello(token)).toMatchObject({ accepted: false, reason: expect.stringContaining('has said hello since') });
    one.rig.discover(undefined, address, subnet);
    one.rig.clock.advance(1000);
    one.rig.boot();
    expect(await one.hello(await one.rig.token()), 'its next boot, though its clock is behind').toMatchObject({ accepted: true });
  });
});
