import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BootEvent } from '../../src/boot/boot-event.ts';
import { address, later, mac, post02, Rig, rom, secondMac, strangeMac, subnet } from './rig.ts';

const away = new Error('the database is away');
let rig: Rig;

beforeEach(async () => {
  rig = new Rig();
  rig.hasManager = true;
  await rig.start();
});
afterEach(() => rig.remove());

const hello = (token: string, from = address): Promise<{ accepted: boolean; reason?: string; session?: string }> =>
  rig.desk.hello({ token, clientAddress: from, body: '' });
const states = (): string[] => rig.desk.attemptsOf('post01').map(({ state }) => state);
const eventsSince = (count: number): string[] =>
  rig.events.slice(count).map((event: BootEvent) => (event.kind === 'stage' ? event.stage : event.kind));

/** A DISCOVER of somebody who has put the machine's MAC into it; the ROM had been heard a moment ago. */
function forge(from = mac): void {
  rig.desk.advise({ ...rom, mac: from }, subnet, 'DISCOVER');
  rig.dhcp('DISCOVER', 'received', from);
  rig.dhcp('OFFER', 'sent', from, address);
}

function elsewhere(redeemedMs: number): void {
  rig.store.boots.push({ machine: 'post01', boot: rig.store.boots.length + 1, attempt: 'post01-elsewhere', redeemedMs });
}

describe('what a hello does', () => {
  it('makes the token used and the boot proved in one commit, and tells the machine alone how to go on', async () => {
    rig.boot();
    expect(await hello(await rig.token())).toEqual({ accepted: true, session: 'post01/1 at http://192.168.0.5:8080' });
    const [attempt] = await rig.store.load();
    expect(attempt).toMatchObject({ state: 'up', redeemedMs: rig.clock.now(), redeemedFrom: address });
    expect(rig.store.boots).toEqual([{ machine: 'post01', boot: 1, attempt: attempt?.id, address, mac, redeemedMs: rig.clock.now() }]);
  });

  it('is answered only when that is durable, and never writes the one before the other', async () => {
    rig.lease();
    const token = await rig.token();
    const redeem = rig.store.redeem.bind(rig.store);
    const { promise: written, resolve: write } = Promise.withResolvers<void>();
    rig.store.redeem = async (...args) => {
      await written;
      return redeem(...args);
    };
    let answered = false;
    const answer = hello(token).finally(() => (answered = true));
    rig.fetch('pxegrub');
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    expect((await rig.store.load()).filter(({ redeemedMs }) => redeemedMs !== undefined)).toEqual([]);
    write();
    expect(await answer).toMatchObject({ accepted: true });
    expect((await rig.store.load()).at(-1)).toMatchObject({ redeemedMs: rig.clock.now() });
  });

  it('waits for what is being written of the attempt, and what else happens to it waits for the hello', async () => {
    rig.lease();
    const token = await rig.token();
    await rig.desk.close();
    const save = rig.store.save.bind(rig.store);
    const { promise: written, resolve: write } = Promise.withResolvers<void>();
    const writes: string[] = [];
    rig.store.save = async (attempt) => {
      writes.push(attempt.redeemedMs === undefined ? 'unused' : 'used');
      if (attempt.redeemedMs === undefined) await written;
      await save(attempt);
    };
    const redeem = rig.store.redeem.bind(rig.store);
    rig.store.redeem = (...args) => {
      writes.push('hello');
      return redeem(...args);
    };
    rig.fetch('pxegrub');
    await new Promise((resolve) => setImmediate(resolve));
    const answer = hello(token);
    await new Promise((resolve) => setImmediate(resolve));
    expect(rig.store.boots).toEqual([]);
    rig.fetch('/grub/post01.conf');
    write();
    await answer;
    await rig.desk.close();
    expect(writes.slice(0, 3)).toEqual(['unused', 'hello', 'used']);
    expect(rig.store.attempts.values().next().value).toMatchObject({ state: 'up', redeemedFrom: address });
  });

  it('keeps no boot of a client that nobody knows, and keeps that of the machine that it has become meanwhile', async () => {
    const open = { ...subnet, unknown: { kind: 'profile', profile: 'dom0' } } as const;
    rig.objects = { ...rig.objects, subnets: [open] };
    rig.desk.setObjects(rig.objects);
    const tokenOf = async (): Promise<string> =>
      /virtdom\.token=([\w-]+)/.exec(await rig.text('/grub/02-00-00-00-00-99.conf', '192.168.0.60'))?.[1] ?? 'no token';
    rig.lease({ ...rom, mac: strangeMac }, '192.168.0.60', open);
    expect(await hello(await tokenOf(), '192.168.0.60')).toEqual({ accepted: true });
    rig.clock.advance(600_000);
    rig.lease({ ...rom, mac: strangeMac }, '192.168.0.60', open);
    const token = await tokenOf();
    const machines = [...rig.objects.machines, { ...post02, name: 'post07', nics: [{ mac: strangeMac }] }];
    rig.desk.setObjects({ ...rig.objects, machines });
    expect(await hello(token, '192.168.0.60')).toMatchObject({ accepted: true, session: expect.stringMatching(/^post07\/1 /) });
    expect(rig.store.boots.map(({ machine }) => machine)).toEqual(['post07']);
  });

  it('keeps no boot where there is no manager', async () => {
    rig.hasManager = false;
    await rig.restart();
    rig.boot();
    expect(await hello(await rig.token())).toEqual({ accepted: true });
    expect(rig.store.boots).toEqual([]);
  });
});

describe('a hello whose answer was lost', () => {
  it('is accepted again from the same address within a minute, with the same answer and without effect', async () => {
    rig.boot();
    const token = await rig.token();
    const first = await hello(token);
    const events = rig.events.length;
    rig.clock.advance(60_000);
    expect(await hello(token)).toEqual(first);
    expect(await hello(token, '192.168.0.77')).toMatchObject({ accepted: false, reason: expect.stringContaining('was used already') });
    expect(eventsSince(events)).toEqual(['ignored']);
    rig.clock.advance(1);
    expect(await hello(token)).toMatchObject({ accepted: false });
    expect(rig.store.boots).toHaveLength(1);
  });

  it('is accepted for as long as the database is away, and a minute longer', async () => {
    rig.boot();
    const token = await rig.token();
    const redeem = rig.store.redeem.bind(rig.store);
    rig.store.redeem = () => Promise.reject(away);
    await expect(hello(token)).rejects.toThrow(away);
    rig.clock.advance(600_000);
    await expect(hello(token)).rejects.toThrow(away);
    rig.store.redeem = redeem;
    expect(await hello(token, '192.168.0.77')).toMatchObject({ accepted: false });
    expect(await hello(token)).toMatchObject({ accepted: true });
    rig.clock.advance(60_001);
    expect(await hello(token)).toMatchObject({ accepted: false, reason: expect.stringContaining('was used already') });
  });

  it('is accepted after a restart, however long that took, since nobody knows whether the answer arrived', async () => {
    rig.boot();
    const token = await rig.token();
    const first = await hello(token);
    await rig.restart();
    rig.clock.advance(86_400_000);
    expect(await hello(token, '192.168.0.77')).toMatchObject({ accepted: false });
    expect(await hello(token)).toEqual(first);
    expect(rig.store.boots).toHaveLength(1);
    rig.clock.advance(60_001);
    expect(await hello(token)).toMatchObject({ accepted: false });
  });

  it('stays used up over a restart when its minute had passed', async () => {
    rig.boot();
    const token = await rig.token();
    await hello(token);
    rig.clock.advance(60_001);
    await rig.restart();
    expect(await hello(token)).toMatchObject({ accepted: false, reason: expect.stringContaining('was used already') });
    expect(rig.clock.pendingTimers).toBe(0);
  });

  it('has its boot kept where an older version had kept the token alone', async () => {
    rig.boot();
    const token = await rig.token();
    await hello(token);
    rig.store.boots.splice(0);
    await rig.restart();
    rig.clock.advance(3_600_000);
    expect(await hello(token)).toMatchObject({ accepted: true, session: expect.stringMatching(/^post01\/1 /) });
    expect(rig.store.boots).toMatchObject([{ machine: 'post01', redeemedMs: rig.clock.now() }]);
  });
});

describe('a DISCOVER that is not the machine’s own, between its boot and its hello', () => {
  it('keeps nobody from saying hello: the boot that says it goes on, and the other ends', async () => {
    rig.boot();
    const token = await rig.token();
    forge();
    expect(states()).toEqual(['failed', 'booting']);
    const events = rig.events.length;
    rig.clock.advance(5000);
    expect(await hello(token)).toMatchObject({ accepted: true, session: expect.stringMatching(/^post01\/1 /) });
    const [forged, real] = rig.desk.attemptsOf('post01');
    expect(forged).toMatchObject({
      state: 'failed',
      reason: `the machine did not begin anew: it has said hello by the boot before, ${real?.id}`,
    });
    expect(real).toMatchObject({ state: 'up', reason: 'the running system said hello with its boot token' });
    expect(rig.desk.stateOf('post01')).toMatchObject({ state: 'up', attempt: real?.id, address });
    expect(rig.desk.decisionNow('post01')).not.toHaveProperty('running');
    expect(eventsSince(events)).toEqual(['failed', 'resumed', 'hello', 'up']);
    rig.clock.advance(3_600_000);
    expect(rig.events.filter(({ kind }) => kind === 'stuck')).toEqual([]);
  });

  it('is over when the hello has come: by its token no second boot is proved, which the first one would be dead by', async () => {
    rig.boot();
    const token = await rig.token();
    forge();
    const forged = await rig.token();
    await hello(token);
    const refused = { accepted: false, reason: expect.stringContaining('post01 has said hello since, by another boot: post01-') };
    expect(await hello(forged)).toMatchObject(refused);
    await rig.restart();
    expect(await hello(forged)).toMatchObject(refused);
    expect(rig.store.boots).toHaveLength(1);
    expect(rig.desk.stateOf('post01')?.state).toBe('up');
  });

  it('takes nothing from the address of the running system', async () => {
    rig.boot();
    const token = await rig.token();
    forge();
    rig.lease(later);
    rig.mount();
    await hello(token);
    expect(rig.desk.addressInUse(address)).toBe(true);
    rig.clock.advance(86_400_000);
    await rig.restart();
    expect(rig.desk.addressInUse(address)).toBe(true);
    expect(rig.desk.stateOf('post01')?.state).toBe('up');
  });

  it('takes nothing from it either where the running system had another address than its firmware', async () => {
    rig.lease(rom, '192.168.0.150');
    rig.fetch('pxegrub', { clientAddress: '192.168.0.150' });
    const token = await rig.token();
    forge();
    rig.lease(later);
    await hello(token);
    expect(rig.desk.addressInUse(address)).toBe(true);
    expect(rig.desk.stateOf('post01')).toMatchObject({ state: 'up', address });
  });

  it('may come as often as it likes, by each of its NICs', async () => {
    rig.boot();
    const token = await rig.token();
    for (let n = 0; n < 40; n++) forge(n % 2 === 0 ? secondMac : mac);
    expect(states()).toHaveLength(10);
    expect(await hello(token)).toMatchObject({ accepted: true });
    for (let n = 0; n < 40; n++) forge(n % 2 === 0 ? secondMac : mac);
    expect(states()).toContain('up');
    expect(states().filter((state) => state === 'booting')).toHaveLength(1);
  });

  it('does not keep a machine from saying hello after a restart of the server', async () => {
    rig.boot();
    const token = await rig.token();
    forge();
    await rig.restart();
    rig.clock.advance(600_000);
    expect(await hello(token)).toMatchObject({ accepted: true });
    expect(states()).toEqual(['failed', 'up']);
  });

  it('is the machine’s own where its menu is read by it: then that one says hello', async () => {
    rig.lease();
    rig.fetch('pxegrub');
    const before = await rig.token();
    forge();
    const token = await rig.token();
    expect(await hello(token)).toMatchObject({ accepted: true });
    expect(await hello(before)).toMatchObject({ accepted: false, reason: expect.stringContaining('has said hello since') });
    expect(states()).toEqual(['failed', 'up']);
  });
});

describe('a hello of a boot that is over', () => {
  it.each([true, false])('is refused when a newer one has said hello, and proves nothing (with a manager: %s)', async (hasManager) => {
    rig.hasManager = hasManager;
    await rig.restart();
    rig.boot();
    const before = await rig.token();
    rig.clock.advance(1000);
    rig.boot();
    await hello(await rig.token());
    expect(await hello(before)).toMatchObject({ accepted: false, reason: expect.stringContaining('post01 has said hello since') });
    await rig.restart();
    expect(await hello(before)).toMatchObject({ accepted: false });
    expect(rig.store.boots).toHaveLength(hasManager ? 1 : 0);
  });

  it('is refused when it was answered before and the machine has said hello anew, also from the same address in that minute', async () => {
    rig.boot();
    const before = await rig.token();
    await hello(before);
    rig.clock.advance(1000);
    rig.boot();
    await hello(await rig.token());
    expect(await hello(before)).toMatchObject({ accepted: false, reason: expect.stringContaining('has said hello since') });
    expect(rig.store.boots.map(({ boot }) => boot)).toEqual([1, 2]);
  });

  it('is refused where the newer one said hello by another NIC, under another name', async () => {
    rig.boot();
    const before = await rig.token();
    const machines = [{ ...post02, name: 'post09', nics: [{ mac }] }];
    rig.desk.setObjects({ ...rig.objects, machines });
    rig.clock.advance(1000);
    rig.lease();
    const token = /virtdom\.token=([\w-]+)/.exec(await rig.text('/grub/post09.conf'))?.[1] ?? 'no token';
    expect(await hello(token)).toMatchObject({ accepted: true });
    expect(await hello(before)).toMatchObject({ accepted: false, reason: expect.stringContaining('has said hello since') });
  });

  it('leaves the next one alone: a repeat of the one before neither ends it nor is it refused by it', async () => {
    rig.boot();
    const before = await rig.token();
    await hello(before);
    rig.clock.advance(20_000);
    rig.boot();
    const token = await rig.token();
    expect(await hello(before)).toMatchObject({ accepted: true, session: expect.stringMatching(/^post01\/1 /) });
    expect(rig.desk.stateOf('post01')?.state).toBe('booting');
    expect(await hello(token)).toMatchObject({ accepted: true, session: expect.stringMatching(/^post01\/2 /) });
  });

  it('does not count a clock that was set: what had been proved when a boot began is older than it', async () => {
    rig.boot();
    await hello(await rig.token());
    const [first] = rig.store.boots.splice(0);
    if (first === undefined) throw new Error('no boot was kept');
    rig.store.boots.push({ ...first, redeemedMs: rig.clock.now() + 3_600_000 });
    rig.clock.advance(1000);
    rig.boot();
    expect(await hello(await rig.token())).toMatchObject({ accepted: true });
  });
});

describe('a hello of a machine that said hello to another server on the same database', () => {
  it('is refused where that was after this boot had begun', async () => {
    rig.boot();
    elsewhere(rig.clock.now());
    expect(await hello(await rig.token())).toEqual({
      accepted: false,
      reason: 'post01 has said hello since, by another boot: post01-elsewhere',
    });
    expect(states()).toEqual(['booting']);
  });

  it('is taken back where the news come with the commit only, and its boot is not kept', async () => {
    rig.boot();
    const token = await rig.token();
    const redeem = rig.store.redeem.bind(rig.store);
    rig.store.redeem = (...args) => {
      elsewhere(rig.clock.now());
      return redeem(...args);
    };
    const reason = 'post01 has said hello since, by another boot: post01-elsewhere';
    expect(await hello(token)).toEqual({ accepted: false, reason });
    expect(rig.desk.attemptsOf('post01')).toMatchObject([{ state: 'failed', reason }]);
    expect(rig.desk.attemptsOf('post01')[0]?.stages.map(({ stage }) => stage)).not.toContain('hello');
    expect(rig.desk.attemptsOf('post01')[0]).not.toHaveProperty('redeemedMs');
    expect(rig.store.boots.map(({ attempt }) => attempt)).toEqual(['post01-elsewhere']);
  });

  it('is refused where it is a repeat, and was up all the same', async () => {
    rig.boot();
    const token = await rig.token();
    await hello(token);
    const redeem = rig.store.redeem.bind(rig.store);
    rig.store.redeem = (...args) => {
      elsewhere(rig.clock.now());
      return redeem(...args);
    };
    expect(await hello(token)).toMatchObject({ accepted: false, reason: expect.stringContaining('post01-elsewhere') });
    await rig.desk.close();
    expect(await rig.store.load()).toMatchObject([{ state: 'up', redeemedFrom: address }]);
  });

  it('is accepted where that was before', async () => {
    elsewhere(rig.clock.now());
    rig.clock.advance(1000);
    rig.boot();
    expect(await hello(await rig.token())).toMatchObject({ accepted: true, session: expect.stringMatching(/^post01\/2 /) });
  });
});
