import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiRig } from './api-rig.ts';

let rig: ApiRig;
beforeAll(async () => {
  rig = await ApiRig.start();
});
afterAll(async () => {
  await rig.close();
});
const installer = { name: 'installer', loaders: { bios: 'other.kpxe' } };

describe('profiles and subnets', () => {
  it('are shown as people wrote them, without defaults, with what is known beside', async () => {
    const profile = await rig.ask('GET', '/profiles/dom0', { as: 'viewer' });
    expect(profile.json()).toMatchObject({ name: 'dom0', image: 'dom0', machines: 2, revision: 1, updatedBy: 'setup' });
    expect(profile.json()).not.toHaveProperty('stageSeconds');
    const subnet = await rig.ask('GET', '/subnets/lab', { as: 'viewer' });
    expect(subnet.json()).toMatchObject({ cidr: '192.168.0.0/24', poolSize: 100 });
    expect(subnet.json()).not.toHaveProperty('mode');
  });

  it('are shown with how many addresses of the pool are given away: reserved and ended ones are none of them', async () => {
    const states = { 50: 'bound', 100: 'bound', 150: 'expired', 151: 'released', 199: 'bound' } as const;
    for (const [last, state] of Object.entries(states)) {
      const address = `192.168.0.${last}`;
      rig.leases.push({ address, state, subnet: 'lab', mac: '52:54:00:00:00:01', grantedMs: 0, expiresMs: 1e13 });
    }
    const shown = await rig.ask('GET', '/subnets/lab', { as: 'viewer' });
    const listed = await rig.ask('GET', '/subnets', { as: 'viewer' });
    rig.leases.splice(0);
    expect(shown.json()).toMatchObject({ leases: 2, poolSize: 100 });
    expect(listed.json()).toMatchObject({ items: [{ leases: 2, poolSize: 100 }] });
  });

  it('that are not answered say why', async () => {
    const reason = 'interface: expected one of this machine, found eth9';
    const other = await ApiRig.start({ streams: 0, unserved: () => new Map([['lab', reason]]) });
    const shown = (await other.ask('GET', '/subnets/lab', { as: 'viewer' })).json<object>();
    await other.close();
    expect(shown).toMatchObject({ name: 'lab', unserved: reason });
    expect((await rig.ask('GET', '/subnets/lab', { as: 'viewer' })).json()).not.toHaveProperty('unserved');
  });

  it('are listed by name in pages', async () => {
    const first = await rig.ask('GET', '/profiles?limit=1&total=true');
    const { nextCursor } = first.json<{ nextCursor: string }>();
    expect(first.json()).toMatchObject({ items: [{ name: 'dom0' }], total: 2 });
    expect((await rig.ask('GET', `/profiles?limit=1&cursor=${nextCursor}`)).json()).toMatchObject({ items: [{ name: 'installer' }] });
    expect((await rig.ask('GET', '/profiles?q=inst')).json()).toMatchObject({ items: [{ name: 'installer' }] });
    expect((await rig.ask('GET', '/subnets?mode=authoritative')).json()).toMatchObject({ items: [{ name: 'lab' }] });
    expect((await rig.ask('GET', '/subnets?mode=proxy')).json()).toEqual({ items: [] });
  });

  it('are not changed without If-Match: 428 (INTERFACES REST 4)', async () => {
    const put = await rig.ask('PUT', '/profiles/installer', { body: installer });
    const gone = await rig.ask('DELETE', '/subnets/lab');
    expect([put.statusCode, gone.statusCode]).toEqual([428, 428]);
    expect(put.json()).toMatchObject({ type: '/api/v1/problems/revision-required' });
  });

  it('are not changed by who has not seen the last change: 412 with its version and author', async () => {
    const etag = await rig.etag('/profiles/installer');
    const [first, second] = await Promise.all(
      ['one.kpxe', 'two.kpxe'].map((bios) =>
        rig.ask('PUT', '/profiles/installer', { body: { ...installer, loaders: { bios } }, headers: { 'if-match': etag } }),
      ),
    );
    expect([first?.statusCode, second?.statusCode].toSorted((left = 0, right = 0) => left - right)).toEqual([200, 412]);
    const refused = [first, second].find((answer) => answer?.statusCode === 412);
    expect(refused?.json()).toMatchObject({ current: [{ object: 'profile/installer', revision: 2, updatedBy: 'token:admin-test' }] });
  });

  it('count as unchanged for If-Match while only what is shown beside them changes', async () => {
    const etag = await rig.etag('/profiles/installer');
    await rig.ask('POST', '/machines/spare:assign', { body: { profile: 'installer' } });
    expect(await rig.etag('/profiles/installer')).not.toBe(etag);
    const put = await rig.ask('PUT', '/profiles/installer?dryRun=true', { body: installer, headers: { 'if-match': etag } });
    expect(put.statusCode).toBe(200);
  });

  it.each(['W/"2"', '"1"', '"3-abc"', 'junk', '""'])('are not changed by If-Match: %s', async (etag) => {
    const put = await rig.ask('PUT', '/profiles/installer', { body: installer, headers: { 'if-match': etag } });
    expect(put.statusCode).toBe(412);
  });

  it('that machines need are not deleted', async () => {
    const gone = await rig.ask('DELETE', '/profiles/dom0', { headers: { 'if-match': '*' } });
    expect(gone.statusCode).toBe(422);
    expect((await rig.ask('GET', '/profiles/dom0')).statusCode).toBe(200);
  });

  it('are added, and deleted again', async () => {
    const body = { name: 'other', cidr: '10.0.0.0/24', interface: 'br1', serverAddress: '10.0.0.1' };
    const made = await rig.ask('POST', '/subnets', { body });
    expect([made.statusCode, made.headers['location']]).toEqual([201, '/api/v1/subnets/other']);
    expect((await rig.ask('POST', '/subnets', { body })).statusCode).toBe(409);
    const gone = await rig.ask('DELETE', '/subnets/other', { headers: { 'if-match': String(made.headers['etag']) } });
    expect(gone.statusCode).toBe(204);
    expect((await rig.ask('GET', '/subnets/other')).statusCode).toBe(404);
  });

  it('keep their names', async () => {
    const put = await rig.ask('PUT', '/profiles/installer', { body: { ...installer, name: 'other' }, headers: { 'if-match': '*' } });
    expect(put.json()).toMatchObject({ status: 400, errors: [{ pointer: '/name' }] });
  });
});

const machine = (name: string, mac: string, more: object = {}) => ({ kind: 'Machine', name, nics: [{ mac }], ...more });

describe('objects of a file', () => {
  it('are exported as they were written, and applied again change nothing', async () => {
    const exported = await rig.ask('GET', '/objects:export', { as: 'viewer' });
    const { documents } = exported.json() as { documents: { kind: string; name: string }[] };
    expect(documents.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'Subnet lab',
      'Profile dom0',
      'Profile installer',
      'Machine post01',
      'Machine post02',
      'Machine spare',
    ]);
    const applied = await rig.ask('POST', '/objects:apply', { body: { documents }, as: 'operator' });
    expect(applied.json()).toMatchObject({ created: 0, changed: 0, unchanged: 6, deleted: 0 });
    expect((await rig.ask('POST', '/objects:diff', { body: { documents }, as: 'viewer' })).json()).toEqual({ same: true, objects: [] });
    expect((await rig.ask('GET', '/objects:export?kind=Machine&name=spare')).json()).toMatchObject({ documents: [{ name: 'spare' }] });
  });

  it('differ field by field', async () => {
    const documents = [machine('post02', '52:54:00:00:00:02', { profile: 'installer', labels: { rack: 'a4' } })];
    const answer = await rig.ask('POST', '/objects:diff', { body: { documents } });
    expect(answer.json()).toMatchObject({
      same: false,
      objects: [{ kind: 'Machine', name: 'post02', outcome: 'changed', changes: [{ pointer: '/profile', from: 'dom0', to: 'installer' }] }],
    });
  });

  it('that have names, kinds and keys of any length are told of only as far as an answer goes', async () => {
    const long = 'x'.repeat(30_000);
    const documents = [
      machine(long, '52:54:00:00:03:01', { [long]: 1 }),
      { ...machine('bad', '52:54:00:00:03:02'), labels: { [long]: 1 } },
    ];
    const invalid = await rig.ask('POST', '/objects:apply', { body: { documents } });
    expect(invalid.statusCode).toBe(422);
    expect(invalid.json<{ errors: { object: string }[] }>().errors[0]?.object).toMatch(/^machine\/x{1015}…$/);
    const unread = await rig.ask('POST', '/objects:diff', { body: { documents: [{ kind: long, name: 'x' }] } });
    expect([unread.statusCode, unread.payload.length < 20_000]).toEqual([400, true]);
  });

  it('are applied all or none', async () => {
    const documents = [machine('good', '52:54:00:00:03:01'), machine('bad', 'no-mac')];
    const answer = await rig.ask('POST', '/objects:apply', { body: { documents } });
    expect(answer.json()).toMatchObject({ status: 422, errors: [{ object: 'machine/bad', pointer: '/nics/0/mac' }] });
    expect((await rig.ask('GET', '/machines/good')).statusCode).toBe(404);
  });

  it('must be objects: what is not is pointed to', async () => {
    const answer = await rig.ask('POST', '/objects:apply', { body: { documents: [{ kind: 'Machin', name: 'x' }] } });
    expect(answer.json()).toMatchObject({ status: 400, errors: [{ pointer: '/documents/0/kind' }] });
  });

  it('that are left out go with prune, of the kinds that are there', async () => {
    const documents = [machine('post01', '52:54:00:00:00:01')];
    const answer = await rig.ask('POST', '/objects:apply?dryRun=true', { body: { documents, prune: true } });
    expect(answer.json()).toMatchObject({ dryRun: true, changed: 1, deleted: 2 });
  });
});
