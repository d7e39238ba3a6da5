import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiRig } from './api-rig.ts';

let rig: ApiRig;
beforeAll(async () => {
  rig = await ApiRig.start();
});
afterAll(async () => {
  await rig.close();
});
const waiting = '52-54-00-00-00-99';

function seenWaiting(): void {
  const client = { mac: '52:54:00:00:00:99', arch: 'bios' as const };
  rig.unknown.seen(client, { name: 'lab' }, rig.clock.now());
}

const names = (answer: Awaited<ReturnType<ApiRig['ask']>>): string[] =>
  answer.json<{ items: { name: string }[] }>().items.map(({ name }) => name);

describe('machines', () => {
  it('are listed with their state, its reason and its time (INTERFACES REST 10)', async () => {
    const answer = await rig.ask('GET', '/machines', { as: 'viewer' });
    expect(answer.json()).toMatchObject({
      items: [
        {
          name: 'post01',
          known: true,
          state: 'new',
          reason: 'was never seen to boot',
          profile: 'dom0',
          labels: { rack: 'a3' },
          revision: 1,
        },
        { name: 'post02' },
        { name: 'spare', state: 'unassigned' },
      ],
    });
  });

  it.each([
    ['state=unassigned', ['spare']],
    ['state=new,unassigned&profile=dom0', ['post01', 'post02']],
    ['label=rack=a4', ['post02']],
    ['label=rack', ['post01', 'post02']],
    ['label=rack,row', []],
    ['q=00:00:03', ['spare']],
    ['sort=-name', ['spare', 'post02', 'post01']],
    ['role=nobody-has-it', []],
  ])('are filtered and sorted by ?%s', async (query, wanted) => {
    expect(names(await rig.ask('GET', `/machines?${query}`))).toEqual(wanted);
  });

  it('come in pages that go on where the one before ended, with a total only on request (INTERFACES REST 5)', async () => {
    const first = await rig.ask('GET', '/machines?limit=2&total=true');
    expect(names(first)).toEqual(['post01', 'post02']);
    const { nextCursor, total } = first.json() as { nextCursor: string; total: number };
    expect(total).toBe(3);
    const second = await rig.ask('GET', `/machines?limit=2&cursor=${nextCursor}`);
    expect(second.json()).not.toHaveProperty('nextCursor');
    expect(second.json()).not.toHaveProperty('total');
    expect(names(second)).toEqual(['spare']);
  });

  it.each(['limit=0', 'limit=1001', 'limit=x', 'cursor=junk', 'sort=shoe-size', 'state=asleep', 'colour=red', 'label==a3', 'label='])(
    'are not listed by ?%s: the problem names the parameter',
    async (query) => {
      const answer = await rig.ask('GET', `/machines?${query}`);
      expect(answer.statusCode).toBe(400);
      expect(answer.json()).toMatchObject({
        type: '/api/v1/problems/invalid-request',
        errors: [{ pointer: `?${query.split('=', 1)[0]}` }],
      });
    },
  );

  it('have an ETag, and a client that has it gets 304 (RFC 9110 13.1.2)', async () => {
    const answer = await rig.ask('GET', '/machines/post01');
    const etag = String(answer.headers['etag']);
    expect(etag).toMatch(/^"1-[\w-]{22}"$/);
    const again = await rig.ask('GET', '/machines/post01', { headers: { 'if-none-match': `"other", ${etag}` } });
    expect([again.statusCode, again.body, again.headers['etag']]).toEqual([304, '', etag]);
  });

  it('are added once; the second one of a name is a conflict', async () => {
    const body = { name: 'new01', nics: [{ mac: '52:54:00:00:01:01' }], profile: 'dom0' };
    const answer = await rig.ask('POST', '/machines', { body });
    expect([answer.statusCode, answer.headers['location']]).toEqual([201, '/api/v1/machines/new01']);
    expect(answer.json()).toMatchObject({ name: 'new01', revision: 1, updatedBy: 'token:admin-test' });
    const again = await rig.ask('POST', '/machines', { body });
    expect(again.statusCode).toBe(409);
    expect(again.json()).toMatchObject({ current: [{ object: 'machine/new01', revision: 1, updatedBy: 'token:admin-test' }] });
    await rig.ask('DELETE', '/machines/new01');
  });

  it('are refused with a pointer to each wrong value (RFC 9457, RFC 6901)', async () => {
    const body = { name: 'New', nics: [{ mac: 'five' }], profile: 'dom9' };
    const answer = await rig.ask('POST', '/machines', { body });
    expect(answer.statusCode).toBe(422);
    const { errors } = answer.json() as { errors: { pointer: string; detail: string }[] };
    expect(errors.map(({ pointer }) => pointer)).toEqual(expect.arrayContaining(['/name', '/nics/0/mac']));
  });

  it('take no MAC address of another machine', async () => {
    const answer = await rig.ask('POST', '/machines', { body: { name: 'thief', nics: [{ mac: '52:54:00:00:00:01' }] } });
    expect(answer.statusCode).toBe(422);
    expect(answer.json()).toMatchObject({ errors: [{ pointer: '/nics/0/mac' }] });
  });

  it('are changed by a merge patch, which only needs the revision of the ETag to be right (RFC 7396)', async () => {
    const etag = await rig.etag('/machines/post02');
    const answer = await rig.ask('PATCH', '/machines/post02', {
      body: { role: 'worker', labels: { rack: null, row: '1' } },
      headers: { 'if-match': etag },
    });
    expect(answer.json()).toMatchObject({ role: 'worker', labels: { row: '1' }, revision: 2 });
    const stale = await rig.ask('PATCH', '/machines/post02', { body: { role: 'gateway' }, headers: { 'if-match': etag } });
    expect(stale.statusCode).toBe(412);
    expect(stale.json()).toMatchObject({ current: [{ object: 'machine/post02', revision: 2, updatedBy: 'token:admin-test' }] });
    await rig.ask('PATCH', '/machines/post02', { body: { role: null, labels: { rack: 'a4', row: null } } });
  });

  it('can be renamed', async () => {
    const answer = await rig.ask('PATCH', '/machines/spare', { body: { name: 'spare2' } });
    expect(answer.json()).toMatchObject({ name: 'spare2' });
    expect((await rig.ask('GET', '/machines/spare')).statusCode).toBe(404);
    await rig.ask('PATCH', '/machines/spare2', { body: { name: 'spare' } });
  });

  it('that wait are in the list as pending, and an assignment enrols them', async () => {
    seenWaiting();
    const listed = await rig.ask('GET', '/machines?state=pending');
    expect(listed.json()).toMatchObject({
      items: [{ name: waiting, known: false, revision: 0, timesSeen: 1, nics: [{ mac: '52:54:00:00:00:99' }] }],
    });
    const answer = await rig.ask('POST', `/machines/${waiting}:assign`, {
      body: { profile: 'dom0', role: 'worker', name: 'post09' },
      as: 'operator',
    });
    expect(answer.json()).toMatchObject({ name: 'post09', known: true, profile: 'dom0', role: 'worker' });
    expect(names(await rig.ask('GET', '/machines?state=pending'))).toEqual([]);
    expect((await rig.ask('DELETE', '/machines/post09')).statusCode).toBe(204);
  });

  it('that wait can be forgotten', async () => {
    seenWaiting();
    expect((await rig.ask('DELETE', `/machines/${waiting}`)).statusCode).toBe(204);
    expect((await rig.ask('GET', `/machines/${waiting}`)).statusCode).toBe(404);
  });

  it('are released, ignored and answered again', async () => {
    const released = await rig.ask('POST', '/machines/post02:release');
    expect(released.json()).toMatchObject({ state: 'unassigned' });
    expect(released.json()).not.toHaveProperty('profile');
    expect((await rig.ask('POST', '/machines/post02:ignore')).json()).toMatchObject({ state: 'ignored', ignored: true });
    expect((await rig.ask('POST', '/machines/post02:ignore', { body: { ignored: false } })).json()).not.toHaveProperty('ignored');
    expect((await rig.ask('POST', '/machines/post02:assign', { body: { profile: 'dom0' } })).json()).toMatchObject({ profile: 'dom0' });
  });

  it('get one boot by another profile, which can be taken back', async () => {
    const asked = await rig.ask('POST', '/machines/post01:boot', { body: { profile: 'installer' } });
    expect(asked.json()).toMatchObject({ oneShot: { profile: 'installer', requestedBy: 'token:admin-test' } });
    expect((await rig.ask('POST', '/machines/post01:boot-cancel')).json()).not.toHaveProperty('oneShot');
    expect((await rig.ask('POST', '/machines/post01:boot', { body: { profile: 'no-such' } })).statusCode).toBe(422);
    expect((await rig.ask('POST', '/machines/nobody:boot', { body: { profile: 'dom0' } })).statusCode).toBe(404);
  });

  it('say what they would boot and why, each value with its origin', async () => {
    const answer = await rig.ask('GET', '/machines/post01:explain', { as: 'viewer' });
    expect(answer.json()).toMatchObject({ machine: 'post01', known: true, decision: { kind: 'boot' } });
    const { values } = answer.json<{ values: { name: string }[] }>();
    expect(values.find(({ name }) => name === 'profile')).toMatchObject({ value: 'dom0', origin: 'machine', object: 'machine/post01' });
    expect((await rig.ask('GET', '/machines/nobody:explain')).statusCode).toBe(404);
  });

  it('show the files that they would be served now, without a boot token', async () => {
    const all = await rig.ask('GET', '/machines/post01/files', { as: 'viewer' });
    expect(all.json()).toMatchObject({ profile: 'dom0', files: [{ path: '/grub/post01.conf', template: 'menu.lst', kind: 'rendered' }] });
    const one = await rig.ask('GET', '/machines/post01/files?path=menu.lst');
    expect(one.json<{ files: { text: string }[] }>().files[0]?.text).toContain('<boot-token>');
    expect((await rig.ask('GET', '/machines/post01/files?path=/etc/passwd')).statusCode).toBe(404);
  });
});

describe('many machines', () => {
  it('are answered for one by one: nothing is left out in silence (INTERFACES REST 7)', async () => {
    const answer = await rig.ask('POST', '/machines:assign', { body: { select: { hostlist: 'post[01-03]' }, role: 'worker' } });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      atomic: false,
      dryRun: false,
      done: 2,
      refused: 1,
      items: [
        { name: 'post01', outcome: 'done', status: 200, machine: { role: 'worker' } },
        { name: 'post02', outcome: 'done', status: 200 },
        { name: 'post03', outcome: 'refused', status: 404, problem: { type: '/api/v1/problems/not-found' } },
      ],
    });
  });

  it('are all left as they are where one cannot be changed and all or none was asked for', async () => {
    const answer = await rig.ask('POST', '/machines:assign', {
      body: { select: { names: ['post01', 'nobody'] }, role: 'gateway', atomic: true },
    });
    expect(answer.json()).toMatchObject({
      done: 0,
      refused: 2,
      items: [
        { outcome: 'undone', status: 409 },
        { outcome: 'refused', status: 404 },
      ],
    });
    expect((await rig.ask('GET', '/machines/post01')).json()).toMatchObject({ role: 'worker' });
  });

  it.each([
    [{ labels: ['rack'] }, ['post01', 'post02']],
    [{ labels: ['rack=a3'] }, ['post01']],
    [{ labels: ['rack=nowhere'] }, []],
    [{ all: true }, ['post01', 'post02', 'spare']],
  ])('are chosen by %j', async (select, wanted) => {
    const answer = await rig.ask('POST', '/machines:release?dryRun=true', { body: { select } });
    expect(names(answer)).toEqual(wanted);
  });

  it.each([{}, { names: [], all: true }, { hostlist: 'post[3-1]' }, { labels: [] }, { names: ['a'], labels: ['b'] }])(
    'are not chosen by %j',
    async (select) => {
      const answer = await rig.ask('POST', '/machines:release', { body: { select } });
      expect(answer.statusCode).toBe(400);
    },
  );

  it('boot once, are ignored and deleted together', async () => {
    const boot = await rig.ask('POST', '/machines:boot?dryRun=true', { body: { select: { all: true }, profile: 'installer' } });
    expect(boot.json()).toMatchObject({ dryRun: true, done: 3 });
    const ignore = await rig.ask('POST', '/machines:ignore?dryRun=true', { body: { select: { names: ['post01'] }, ignored: true } });
    expect(ignore.json()).toMatchObject({ items: [{ machine: { ignored: true } }] });
    const gone = await rig.ask('POST', '/machines:delete?dryRun=true', { body: { select: { names: ['post01', 'nobody'] } } });
    expect(gone.json()).toMatchObject({ done: 1, refused: 1 });
    expect((await rig.ask('GET', '/machines/post01')).json()).not.toHaveProperty('ignored');
  });

  it('are taken over from the file of another system, with what was not understood', async () => {
    const text =
      'host old01 { hardware ethernet 52:54:00:00:02:01; fixed-address 192.168.0.31; }\nhost post01 { hardware ethernet 52:54:00:00:00:01; }\nhost odd { wings 2; }\n';
    const answer = await rig.ask('POST', '/machines:import?dryRun=true', { body: { format: 'isc', text, profile: 'dom0' } });
    expect(answer.json()).toMatchObject({ dryRun: true, created: 1, objects: [{ name: 'old01', outcome: 'created' }] });
    const { notUnderstood } = answer.json() as { notUnderstood: { line: number; detail: string }[] };
    expect(notUnderstood.map(({ line }) => line)).toEqual(expect.arrayContaining([2, 3]));
    expect((await rig.ask('GET', '/machines/old01')).statusCode).toBe(404);
  });

  it('are taken over beside those that are there, of which one may have another name by now', async () => {
    const text = 'host gate { hardware ethernet 52:54:00:00:00:01; }\nhost old02 { hardware ethernet 52:54:00:00:02:02; }\n';
    const answer = await rig.ask('POST', '/machines:import?dryRun=true', { body: { format: 'isc', text } });
    expect(answer.json()).toMatchObject({
      created: 1,
      objects: [{ name: 'old02', outcome: 'created' }],
      notUnderstood: [{ line: 1, text: 'gate', detail: '52:54:00:00:00:01 is machine post01 already: it was left as it is' }],
    });
  });
});
