import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StoredAttempt } from '../../src/boot/attempt-store.ts';
import { defaultStageSeconds } from '../../src/model/boot-profile.ts';
import type { Subnet } from '../../src/model/subnet.ts';
import { ApiRig } from './api-rig.ts';

let rig: ApiRig;
beforeAll(async () => {
  rig = await ApiRig.start();
});
afterAll(async () => {
  await rig.close();
});
function attempt(number: number, more: Partial<StoredAttempt> = {}): StoredAttempt {
  const openedMs = rig.clock.now() + number * 60_000;
  const [machine] = rig.plane.objects.current.machines;
  const [profile] = rig.plane.objects.current.profiles;
  const [subnet] = rig.plane.objects.current.subnets;
  if (machine === undefined || profile === undefined || subnet === undefined) throw new Error('the rig has some of each');
  const at = (seconds: number) => openedMs + seconds * 1000;
  return {
    id: `boot-${number}`,
    machine,
    mac: '52:54:00:00:00:01',
    subnet: subnet as Subnet,
    profile: { ...profile, stageSeconds: defaultStageSeconds },
    image: 'dom0@2',
    menus: [{ path: '/grub/post01.conf', template: 'menu.lst', templateSha256: 'e'.repeat(64), text: 'default 0\n' }],
    openedMs,
    lastSeenMs: at(40),
    stateSinceMs: at(40),
    lastPacket: 'hello',
    addresses: ['192.168.0.11'],
    stages: [
      { stage: 'discover', atMs: openedMs, protocol: 'dhcp' },
      { stage: 'loader', atMs: at(2 + number), protocol: 'tftp', file: '/pxegrub', bytes: 1000 },
      { stage: 'hello', atMs: at(40), protocol: 'http' },
    ],
    state: 'up',
    reason: 'said hello',
    ...more,
  };
}

describe('boots', () => {
  beforeAll(async () => {
    for (const number of [1, 2, 3, 4]) await rig.store.attempts.save(attempt(number));
    const stages = attempt(5).stages.slice(0, 2);
    await rig.store.attempts.save(attempt(5, { state: 'stuck', reason: 'waits for the menu', lastPacket: 'RRQ /pxegrub', stages }));
    const stuck = {
      lastStage: 'loader',
      lastPacket: 'RRQ /pxegrub',
      expectedStage: 'menu',
      expectedPacket: 'the menu',
      waitedSeconds: 30,
      causes: ['no driver'],
    };
    rig.events.append({
      atMs: rig.clock.now(),
      kind: 'boot.stuck',
      severity: 'warning',
      machine: 'post01',
      attempt: 'boot-5',
      detail: stuck,
    });
    rig.events.append({
      atMs: rig.clock.now(),
      kind: 'boot.ignored',
      severity: 'debug',
      attempt: 'boot-5',
      detail: { protocol: 'tftp', reason: 'a stranger' },
    });
    await rig.events.idle();
  });

  it('are listed newest first in pages, by machine and state', async () => {
    const first = await rig.ask('GET', '/boots?machine=post01&limit=3', { as: 'viewer' });
    const { items, nextCursor } = first.json() as { items: { id: string }[]; nextCursor: string };
    expect(items.map(({ id }) => id)).toEqual(['boot-5', 'boot-4', 'boot-3']);
    const second = (await rig.ask('GET', `/boots?machine=post01&limit=3&cursor=${nextCursor}`)).json<{ items: { id: string }[] }>();
    expect(second.items.map(({ id }) => id)).toEqual(['boot-2', 'boot-1']);
    expect((await rig.ask('GET', '/boots?state=stuck')).json()).toMatchObject({
      items: [{ id: 'boot-5', state: 'stuck', reason: 'waits for the menu', lastStage: 'loader' }],
    });
    expect((await rig.ask('GET', '/boots?mac=5254.0000.0001&profile=dom0&limit=1')).json()).toMatchObject({ items: [{ id: 'boot-5' }] });
    expect((await rig.ask('GET', '/boots?mac=junk')).statusCode).toBe(400);
  });

  it('show each stage with its time against the usual of this machine and profile', async () => {
    const answer = await rig.ask('GET', '/boots/boot-4', { as: 'viewer' });
    expect(answer.json()).toMatchObject({
      state: 'up',
      seconds: 40,
      usualSeconds: 40,
      stages: [
        { stage: 'discover', seconds: 0 },
        { stage: 'loader', seconds: 6, usualSeconds: 4, file: '/pxegrub', stuckAfterSeconds: 60 },
        { stage: 'hello' },
      ],
      menus: [{ text: 'default 0\n' }],
    });
    expect((await rig.ask('GET', '/boots/boot-2')).json()).not.toHaveProperty('usualSeconds');
  });

  it('that hang say where, what was seen last, what should come, and why usually', async () => {
    const answer = await rig.ask('GET', '/boots/boot-5');
    expect(answer.json()).toMatchObject({
      state: 'stuck',
      stuck: { lastStage: 'loader', expectedStage: 'menu', causes: ['no driver'] },
      timeline: [{ kind: 'boot.stuck' }, { kind: 'boot.ignored', detail: { reason: 'a stranger' } }],
      timelineCut: false,
    });
    expect((await rig.ask('GET', '/boots/none')).statusCode).toBe(404);
  });
});

async function ids(query: string): Promise<{ ids: number[]; nextCursor?: string }> {
  const { items, nextCursor } = (await rig.ask('GET', `/events?${query}`)).json() as { items: { id: number }[]; nextCursor?: string };
  return { ids: items.map(({ id }) => id), ...(nextCursor !== undefined && { nextCursor }) };
}

describe('a machine that is switched on', () => {
  it('is booting at once, with the boot and what it boots', async () => {
    const [subnet] = rig.plane.objects.current.subnets;
    rig.desk.advise({ mac: '52:54:00:00:00:02', arch: 'bios', face: 'firmware-pxe' }, subnet as Subnet, 'DISCOVER');
    const answer = await rig.ask('GET', '/machines/post02');
    expect(answer.json()).toMatchObject({ state: 'booting', bootedProfile: 'dom0', image: 'dom0@2', lastStage: 'discover' });
    const { lastBoot } = answer.json<{ lastBoot: string }>();
    expect((await rig.ask('GET', `/boots/${lastBoot}`)).json()).toMatchObject({ id: lastBoot, machine: 'post02', state: 'booting' });
  });
});

describe('events', () => {
  it('tell each change that was made, by whom, and none that was refused', async () => {
    await rig.ask('POST', '/machines/post02:assign', { body: { role: 'worker' } });
    await rig.ask('POST', '/machines/nobody:assign', { body: { role: 'worker' } });
    await rig.events.idle();
    const answer = await rig.ask('GET', '/events?kind=machine.*', { as: 'viewer' });
    expect(answer.json()).toMatchObject({
      items: [{ kind: 'machine.assigned', machine: 'post02', severity: 'info', detail: { by: 'token:admin-test', role: 'worker' } }],
    });
    expect(answer.json<{ items: unknown[] }>().items).toHaveLength(1);
  });

  it('come in pages, in both directions', async () => {
    const all = (await ids('order=oldest-first')).ids;
    expect(all.length).toBeGreaterThan(2);
    for (const order of ['oldest-first', 'newest-first']) {
      const walked: number[] = [];
      let cursor = '';
      do {
        const page = await ids(`order=${order}&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
        walked.push(...page.ids);
        cursor = page.nextCursor ?? '';
      } while (cursor !== '');
      expect(walked).toEqual(order === 'oldest-first' ? all : all.toReversed());
    }
  });

  it.each(['severity=awful', 'since=yesterday', 'order=random', 'cursor=WyJ4IiwxXQ'])('are not listed by ?%s', async (query) => {
    expect((await rig.ask('GET', `/events?${query}`)).statusCode).toBe(400);
  });
});

describe('the audit log', () => {
  it('has each change with who, when, which request, and how it ended; what many were told of is one entry each', async () => {
    const answer = await rig.ask('POST', '/machines:assign', {
      body: { select: { names: ['post01', 'nobody'] }, role: 'gateway' },
      as: 'operator',
    });
    const { items } = (await rig.ask('GET', '/audit?action=machine.assign&limit=2')).json<{ items: { object: string }[] }>();
    const both = items.toSorted((left, right) => left.object.localeCompare(right.object));
    const requestId = answer.headers['x-request-id'];
    expect(both).toMatchObject([
      { actor: 'token:operator-test', via: 'token', object: 'machine/nobody', outcome: 'refused', requestId },
      {
        actor: 'token:operator-test',
        object: 'machine/post01',
        outcome: 'done',
        requestId,
        detail: { role: 'gateway', owner: 'operator' },
      },
    ]);
  });

  it('has what was refused, with the reason', async () => {
    await rig.ask('POST', '/machines', { as: 'viewer', body: { name: 'x', nics: [{ mac: '52:54:00:00:00:66' }] } });
    const { items } = (await rig.ask('GET', '/audit?actor=token:viewer-test')).json<{ items: object[] }>();
    expect(items[0]).toMatchObject({ action: 'machine.create', outcome: 'refused', detail: { status: 403 } });
  });

  it('comes in pages, newest first', async () => {
    const first = (await rig.ask('GET', '/audit?limit=1')).json() as { items: { id: number }[]; nextCursor: string };
    const second = (await rig.ask('GET', `/audit?limit=1&cursor=${first.nextCursor}`)).json<{ items: { id: number }[] }>();
    expect(second.items[0]?.id).toBeLessThan(first.items[0]?.id ?? 0);
  });

  it('has nothing of strangers but their tries to log in: nobody fills the disk without an account', async () => {
    const before = (await rig.ask('GET', '/audit')).body;
    await rig.ask('POST', '/machines/post01:release', { as: 'nobody' });
    await rig.ask('POST', '/setup', { as: 'nobody', body: { token: 'guess', name: 'eve', password: 'twelve letters' } });
    await rig.ask('POST', '/session', { as: 'nobody', body: { name: 'eve' } });
    expect((await rig.ask('GET', '/audit')).body).toBe(before);
  });
});

describe('leases', () => {
  beforeAll(() => {
    const expiresMs = rig.clock.now() + 3_600_000;
    for (const last of [10, 9, 110]) {
      const state = last === 9 ? ('expired' as const) : ('bound' as const);
      rig.leases.push({
        address: `192.168.0.${last}`,
        subnet: 'lab',
        mac: `52:54:00:00:00:0${last % 7}`,
        state,
        grantedMs: rig.clock.now(),
        expiresMs,
      });
    }
  });

  it('are listed in the order of addresses, with the machine that has them', async () => {
    const answer = await rig.ask('GET', '/leases?limit=2&total=true', { as: 'viewer' });
    expect(answer.json()).toMatchObject({
      total: 3,
      items: [
        { address: '192.168.0.9', state: 'expired', machine: 'post02' },
        { address: '192.168.0.10', state: 'bound' },
      ],
    });
    const { nextCursor } = answer.json<{ nextCursor: string }>();
    expect((await rig.ask('GET', `/leases?limit=2&cursor=${nextCursor}`)).json()).toMatchObject({ items: [{ address: '192.168.0.110' }] });
    expect((await rig.ask('GET', '/leases?state=expired&machine=post02&subnet=lab&mac=5254.0000.0002')).json()).toMatchObject({
      items: [{}],
    });
  });

  it('that are bound are ended only by force', async () => {
    expect((await rig.ask('DELETE', '/leases/192.168.0.10')).statusCode).toBe(409);
    expect((await rig.ask('DELETE', '/leases/192.168.0.10?force=true')).statusCode).toBe(204);
    expect((await rig.ask('DELETE', '/leases/192.168.0.10?force=true')).statusCode).toBe(404);
    expect((await rig.ask('DELETE', '/leases/192.168.0.9')).statusCode).toBe(204);
  });
});

describe('images and tasks', () => {
  it('are listed with who uses them', async () => {
    const answer = await rig.ask('GET', '/images', { as: 'viewer' });
    expect(answer.json()).toMatchObject({
      items: [
        { ref: 'dom0@1', newest: false, profiles: [] },
        { ref: 'dom0@2', newest: true, profiles: ['dom0'] },
      ],
    });
    expect((await rig.ask('GET', '/images/dom0%402')).json()).toMatchObject({ version: 2 });
    expect((await rig.ask('GET', '/images/dom0@9')).statusCode).toBe(404);
  });

  it('are verified by a task: 202 with its place, then the result (INTERFACES REST 10)', async () => {
    const begun = await rig.ask('POST', '/images/dom0@1:verify');
    expect(begun.statusCode).toBe(202);
    const place = String(begun.headers['location']);
    await expect
      .poll(async () => (await rig.ask('GET', place)).json())
      .toMatchObject({
        kind: 'image.verify',
        object: 'image/dom0@1',
        state: 'done',
        result: { problems: [] },
        progress: { done: 1, total: 1, unit: 'contents' },
      });
    expect((await rig.ask('GET', '/tasks?state=done')).json()).toMatchObject({ items: [{ kind: 'image.verify' }] });
    const id = place.split('/').at(-1) ?? '';
    expect((await rig.ask('POST', `/tasks/${id}:cancel`)).statusCode).toBe(409);
    expect((await rig.ask('POST', '/tasks/none:cancel')).statusCode).toBe(404);
  });

  it('are cancelled while they run', async () => {
    const { promise, resolve } = Promise.withResolvers<string[]>();
    Object.assign(rig.plane.images, {
      verify: (_ref: unknown, _progress: unknown, signal: AbortSignal) => (signal.addEventListener('abort', () => resolve([])), promise),
    });
    const { id } = (await rig.ask('POST', '/images/dom0@1:verify')).json<{ id: string }>();
    expect((await rig.ask('POST', `/tasks/${id}:cancel`)).json()).toMatchObject({ state: 'cancelled', reason: 'it was cancelled' });
  });

  it('are deleted where they are neither the newest nor in use', async () => {
    expect((await rig.ask('DELETE', '/images/dom0@2')).statusCode).toBe(409);
    expect((await rig.ask('DELETE', '/images/dom0@1')).statusCode).toBe(204);
    expect((await rig.ask('GET', '/images/dom0@1')).statusCode).toBe(404);
  });
});

describe('the service', () => {
  it('says how it is to everybody', async () => {
    const answer = await rig.ask('GET', '/health', { as: 'nobody' });
    expect(answer.json()).toMatchObject({ state: 'ok', reason: 'serving', uptimeSeconds: 0 });
  });

  it('shows its own description to everybody', async () => {
    const answer = await rig.ask('GET', '/openapi.json', { as: 'nobody' });
    expect(answer.json()).toMatchObject({ openapi: '3.1.0' });
  });
});
