import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/log.ts';
import type { ObjectChange } from '../../src/machines/object-store.ts';
import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';
import { PostgresServer } from '../contract/postgres-server.ts';
import { atMs } from '../contract/shared-store.ts';
import { attempt } from '../contract/store-contract.ts';

const rounds = 20;

function machine(name: string, revision: number, mac: string): ObjectChange {
  return { kind: 'Machine', name, revision, document: { kind: 'Machine', name, nics: [{ mac }] } };
}

/** Of each round, what the two servers got that did the same at once. */
async function race<Outcome>(round: (store: Store, n: number) => Promise<Outcome>, stores: readonly Store[]): Promise<Outcome[][]> {
  const outcomes: Outcome[][] = [];
  for (let n = 0; n < rounds; n++) outcomes.push(await Promise.all(stores.map((store) => round(store, n))));
  return outcomes;
}

describe('two servers on one PostgreSQL', { timeout: 60_000 }, () => {
  let server: PostgresServer;
  let stores: Store[] = [];

  beforeAll(async () => {
    server = await PostgresServer.start();
    const database = server.createDatabase();
    for (const serverId of ['one', 'two']) stores.push(await openStore({ database, serverId, log: silentLog }));
  }, 60_000);

  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    stores = [];
    await server.close();
  });

  const first = () => {
    const [store] = stores;
    if (store === undefined) throw new Error('the servers are started before the first test');
    return store;
  };

  it('change an object at once: one of them does, the other is told', async () => {
    const outcomes = await race((store, n) => store.objects.commit([machine('post01', n, '52:54:00:00:00:01')], 'anna', atMs), stores);
    expect(outcomes.map((both) => both.map(({ kind }) => kind).sort())).toEqual(Array.from({ length: rounds }, () => ['conflict', 'done']));
    expect((await first().objects.load()).objects).toMatchObject([{ name: 'post01', revision: rounds }]);
  });

  it('enrol machines of one MAC address at once: one of them does, the other is told whose it is', async () => {
    const outcomes = await race((store, n) => {
      const name = `of-${stores.indexOf(store)}-${n}`;
      return store.objects.commit([machine(name, 0, `52:54:00:00:01:${n.toString(16).padStart(2, '0')}`)], 'anna', atMs);
    }, stores);
    expect(outcomes.map((both) => both.map(({ kind }) => kind).sort())).toEqual(Array.from({ length: rounds }, () => ['conflict', 'done']));
    const conflicts = outcomes.flat().flatMap((outcome) => (outcome.kind === 'conflict' ? outcome.conflicts : []));
    expect(conflicts.filter(({ reason }) => reason?.includes('belongs to the machine of-') === true)).toHaveLength(rounds);
  });

  it('publish a template at once: one of them does, the other gets what was published', async () => {
    const outcomes = await race(async (store, n) => {
      const updatedBy = `editor ${stores.indexOf(store)}`;
      const version = { name: 'menu.lst', version: n + 1, text: updatedBy, sha256: 'x', author: 'anna', note: '', createdMs: atMs };
      const state = { name: 'menu.lst', revision: n + 1, published: n + 1, updatedMs: atMs, updatedBy };
      return store.templates.commit({ state, added: { ...version, origin: 'edit' } });
    }, stores);
    expect(outcomes.map((both) => both.map(({ kind }) => kind).sort())).toEqual(Array.from({ length: rounds }, () => ['conflict', 'done']));
    expect(await first().templates.versions('menu.lst')).toHaveLength(rounds);
  });

  it('take an idempotency key, add a user and delete a one-shot boot at once: one of them does', async () => {
    const keys = await race((store, n) => {
      const kept = { actor: 'anna', key: `k${n}`, requestHash: String(stores.indexOf(store)), createdMs: atMs };
      return store.idempotency.begin(kept);
    }, stores);
    expect(keys.flat().filter((taken) => taken === undefined)).toHaveLength(rounds);
    const users = await race(
      (store, n) =>
        store.accounts.addUser({ name: `user${n}`, role: 'viewer', passwordHash: '', disabled: false, createdMs: atMs, updatedMs: atMs }),
      stores,
    );
    expect(users.flat().filter(Boolean)).toHaveLength(rounds);
    for (let n = 0; n < 5; n++) {
      const id = `o${n}`;
      await first().objects.saveOneShot({ id, machine: 'post01', profile: 'installer', requestedMs: atMs, requestedBy: 'anna' });
      const deleted = await Promise.all(stores.map((store) => store.objects.deleteOneShot(id)));
      expect(deleted.filter(Boolean)).toHaveLength(1);
    }
  });

  it('change objects, ask for one-shot boots and use them up at once, and get in nobody’s way', async () => {
    const work = stores.flatMap((store, which) =>
      Array.from({ length: 15 }, async (_, n) => {
        const name = `busy-${which}-${n}`;
        const id = `one-shot of ${name}`;
        await store.objects.commit([machine(name, 0, `52:54:00:00:0${which + 2}:${n.toString(16).padStart(2, '0')}`)], 'anna', atMs);
        await store.objects.saveOneShot({ id, machine: name, profile: 'installer', requestedMs: atMs, requestedBy: 'anna' });
        await store.attempts.save(attempt(`attempt of ${name}`, { oneShot: { id, used: true } }));
        await store.events.append([{ atMs, kind: 'a.b', severity: 'info', detail: {} }]);
      }),
    );
    await Promise.all(work);
    const { objects, oneShots } = await first().objects.load();
    expect(objects.filter(({ name }) => name.startsWith('busy-'))).toHaveLength(30);
    expect(oneShots).toEqual([]);
    expect(await first().events.bounds()).toEqual({ oldest: 1, newest: 30 });
  });
});
