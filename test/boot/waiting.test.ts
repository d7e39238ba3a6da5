import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtInWaitingProfile } from '../../src/boot/waiting.ts';
import type { BootClient } from '../../src/model/boot-decision.ts';
import type { Machine } from '../../src/model/machine.ts';
import { dom0, oneShot, Rig, strangeMac, subnet as plainSubnet } from './rig.ts';

const subnet = { ...plainSubnet, unknown: { kind: 'pending' as const } };
const rom: BootClient = { mac: strangeMac, arch: 'bios', face: 'firmware-pxe' };
const ipxe: BootClient = { ...rom, face: 'ipxe' };
const address = '192.168.0.100';
const madeUp = '02-00-00-00-00-99';
const menu = `/grub/${madeUp}.conf`;
const named: Machine = { name: 'post09', nics: [{ mac: strangeMac }], labels: {}, parameters: {} };
const assigned: Machine = { ...named, profile: 'dom0' };

let rig: Rig;
beforeEach(async () => {
  rig = new Rig();
  rig.objects = { ...rig.objects, subnets: [subnet] };
  await rig.start();
});
afterEach(() => rig.remove());

/** From the ROM's DISCOVER until GRUB has shown its menu for the first time. */
function waitByGrub(): void {
  const decision = rig.lease(rom, address, subnet);
  expect(decision).toMatchObject({ kind: 'boot', waiting: true, bootFile: 'pxegrub', menuPath: menu });
  rig.fetch('pxegrub', { clientAddress: address });
  pollByGrub();
}

function pollByGrub(): void {
  rig.fetch(menu, { clientAddress: address });
}

function waitByIpxe(): void {
  expect(rig.lease(ipxe, address, subnet)).toMatchObject({ waiting: true, bootFile: 'http://192.168.0.5:8080/waiting.ipxe' });
  rig.fetch('/waiting.ipxe', { clientAddress: address, protocol: 'http' });
}

function put(...machines: readonly Machine[]): void {
  rig.objects = { ...rig.objects, machines };
  rig.desk.setObjects(rig.objects);
}

const lastReason = (): string | undefined => rig.desk.stateOf(madeUp)?.reason;

describe('a client without assignment where its subnet is pending', () => {
  it('gets a menu that says what it is and what to type, and a short lease', async () => {
    waitByGrub();
    expect(await rig.text(menu, address)).toMatch(/^# 02-00-00-00-00-99 waits for an assignment[^\n]*\n$/);
    expect(await rig.text(`${menu}.wait`, address)).toContain('virtdom machine assign" 02-00-00-00-00-99 "--profile PROFILE"');
    expect(rig.desk.advise({ ...rom, face: 'other' }, subnet, 'REQUEST')).toMatchObject({ kind: 'boot', leaseSeconds: 120 });
  });

  it('has the lease time that its subnet says, and waits by the profile `pending` where there is one', async () => {
    const own = { ...builtInWaitingProfile, loaders: { bios: '/own' } };
    const slow = { ...subnet, pendingLeaseSeconds: 300 };
    rig.desk.setObjects({ ...rig.objects, subnets: [slow], profiles: [dom0, own] });
    expect(rig.lease(rom, address, slow)).toMatchObject({ bootFile: '/own', leaseSeconds: 300 });
  });

  it('is waiting, with its reason, and never stuck', () => {
    waitByGrub();
    for (let hour = 0; hour < 24 * 360; hour++) {
      rig.clock.advance(10_000);
      pollByGrub();
    }
    expect(rig.desk.stateOf(madeUp)).toMatchObject({ state: 'waiting', lastStage: 'menu', profile: 'pending', address });
    expect(lastReason()).toMatch(/^02:00:00:00:00:99 is no machine of ours; on subnet lab it waits for an assignment/);
    expect(rig.clock.pendingTimers).toBe(0);
    expect(rig.kinds().filter((kind) => kind !== 'file')).toEqual(['opened', 'waiting', 'discover', 'offer', 'lease', 'loader', 'menu']);
  });

  it('tells its timeline of the first files only, not of each poll', () => {
    waitByGrub();
    const before = rig.events.length;
    for (let poll = 0; poll < 100; poll++) pollByGrub();
    expect(rig.events).toHaveLength(before);
  });

  it('keeps its address although its loader renews no lease', () => {
    waitByGrub();
    rig.clock.advance(3_600_000);
    pollByGrub();
    expect(rig.desk.addressInUse(address)).toBe(true);
    rig.clock.advance(61_000);
    expect(rig.desk.addressInUse(address)).toBe(false);
  });

  it('keeps it while it loads what it was assigned, and over a restart of the server', async () => {
    waitByGrub();
    rig.clock.advance(3_600_000);
    await rig.restart();
    expect(rig.desk.addressInUse(address), 'it may ask again in a moment').toBe(true);
    pollByGrub();
    put(assigned);
    pollByGrub();
    rig.clock.advance(300_000);
    expect(rig.desk.addressInUse(address)).toBe(true);
    rig.lease({ mac: strangeMac, face: 'other' }, '192.168.0.111', subnet);
    expect(rig.desk.addressInUse(address), 'the kernel has another one').toBe(false);
  });

  it('is told to whoever lists unknown clients, with its address and each poll', () => {
    waitByGrub();
    expect(rig.seen).toEqual([strangeMac, strangeMac, `${strangeMac} has ${address}`, strangeMac, strangeMac]);
  });

  it('may be a machine that has a name but no profile', () => {
    put(named);
    expect(rig.lease(rom, address, subnet)).toMatchObject({ waiting: true, machine: { name: 'post09' }, menuPath: '/grub/post09.conf' });
    expect(rig.desk.stateOf('post09')).toMatchObject({ state: 'waiting' });
  });

  it('begins anew at each power-on, without having failed', () => {
    waitByGrub();
    rig.lease(rom, address, subnet);
    expect(rig.kinds().filter((kind) => kind === 'failed')).toEqual([]);
    expect(rig.desk.attemptsOf(madeUp).map(({ state }) => state)).toEqual(['handed-over', 'waiting']);
  });

  it('says so where its loader is not there, since it is never stuck', () => {
    rig.lease(rom, address, subnet);
    rig.fetch('pxegrub', { clientAddress: address, phase: 'missing', reason: 'no loader is called /pxegrub' });
    expect(lastReason()).toBe('it cannot be shown what to wait for: pxegrub was missing: no loader is called /pxegrub');
  });

  it('gets only a short lease where it is no firmware', () => {
    expect(rig.desk.advise({ mac: strangeMac, face: 'other' }, subnet, 'DISCOVER')).toMatchObject({ kind: 'lease', leaseSeconds: 120 });
    expect(rig.seen).toEqual([]);
  });
});

describe('a machine that waits by GRUB and is assigned', () => {
  it('reads the menu of its assignment at its next poll, in an attempt that is pinned by then', async () => {
    waitByGrub();
    put(assigned);
    rig.published.push({ image: 'dom0', version: 4 });
    const text = await rig.text(menu, address);
    expect(text).toMatch(/^# post09: GRUB Legacy's menu/);
    expect(text).toContain('/images/dom0@3/vmlinuz');
    expect(rig.desk.stateOf('post09')).toMatchObject({ state: 'booting', profile: 'dom0', image: 'dom0@3', lastStage: 'loader', address });
    expect(rig.desk.stateOf('post09')?.reason).toMatch(/^assigned while it waited: 02:00:00:00:00:99 is post09/);
    expect(rig.desk.stateOf(madeUp)).toMatchObject({ state: 'handed-over', reason: 'it was assigned while it waited' });
  });

  it('may be a new NIC of a machine that booted before by another', async () => {
    put({ ...assigned, nics: [{ mac: '02:00:00:00:00:98' }] });
    rig.lease({ ...rom, mac: '02:00:00:00:00:98' }, '192.168.0.101', subnet);
    rig.clock.advance(1000);
    waitByGrub();
    put({ ...assigned, nics: [{ mac: '02:00:00:00:00:98' }, { mac: strangeMac }] });
    expect(await rig.text(menu, address)).toMatch(/BOOTIF=01-02-00-00-00-00-99/);
    pollByGrub();
    expect(rig.desk.stateOf('post09')).toMatchObject({ state: 'booting', mac: strangeMac, lastStage: 'menu' });
  });

  it('is shown as waiting under its new name while there is nothing for it to boot', () => {
    put({ ...assigned, nics: [{ mac: '02:00:00:00:00:98' }] });
    rig.lease({ ...rom, mac: '02:00:00:00:00:98' }, '192.168.0.101', subnet);
    rig.clock.advance(1000);
    rig.published.length = 0;
    waitByGrub();
    put({ ...assigned, nics: [{ mac: '02:00:00:00:00:98' }, { mac: strangeMac }] });
    expect(rig.desk.stateOf('post09')).toMatchObject({ state: 'waiting', mac: strangeMac });
  });

  it('may keep the name that it waited by', async () => {
    waitByGrub();
    put({ ...assigned, name: madeUp });
    expect(await rig.text(menu, address)).toMatch(/^# 02-00-00-00-00-99: GRUB Legacy's menu/);
    pollByGrub();
    expect(rig.desk.attemptsOf(madeUp).map(({ state }) => state)).toEqual(['handed-over', 'booting']);
    expect(rig.desk.stateOf(madeUp)).toMatchObject({ state: 'booting', lastStage: 'menu' });
  });

  it('goes through all further stages to up, in the attempt of its own name', async () => {
    waitByGrub();
    put(assigned);
    rig.events.length = 0;
    const token = /virtdom\.token=([\w-]+)/.exec(await rig.text(menu, address))?.[1] ?? 'none';
    pollByGrub();
    rig.fetch('/images/dom0@3/vmlinuz', { clientAddress: address });
    rig.lease({ mac: strangeMac, face: 'other' }, address, subnet);
    rig.desk.observe({ kind: 'mount', atMs: rig.clock.now(), clientAddress: address, path: '/images/dom0@3', outcome: 'mounted' });
    expect(await rig.desk.hello({ token, clientAddress: address, body: '' })).toEqual({ accepted: true });
    expect(rig.stages()).toEqual(['menu', 'kernel', 'kernel-lease', 'mount', 'hello']);
    expect(rig.desk.stateOf('post09')?.state).toBe('up');
  });

  it('is stuck where it asks no more', () => {
    waitByGrub();
    put(assigned);
    rig.clock.advance(30_000);
    expect(rig.desk.stateOf('post09')).toMatchObject({ state: 'stuck', stuck: { expectedStage: 'menu' } });
  });

  it('goes on over a restart of the server, before and after it was assigned', async () => {
    waitByGrub();
    await rig.restart();
    put(assigned);
    await rig.restart();
    expect(await rig.text(menu, address)).toMatch(/^# post09: GRUB Legacy's menu/);
    pollByGrub();
    expect(rig.desk.stateOf('post09')?.lastStage).toBe('menu');
  });

  it('goes on at the poll after the next where the server was away when it was assigned', async () => {
    waitByGrub();
    rig.clock.advance(600_000);
    rig.objects = { ...rig.objects, machines: [assigned] };
    await rig.restart();
    expect(await rig.text(menu, address)).toMatch(/waits for an assignment/);
    pollByGrub();
    expect(await rig.text(menu, address)).toMatch(/^# post09: GRUB Legacy's menu/);
  });

  it('is not booted behind its back where it was not heard of for a minute', () => {
    waitByGrub();
    rig.clock.advance(61_000);
    put(assigned);
    expect(rig.desk.stateOf('post09')?.state).toBe('waiting');
  });

  it.each([
    ['another loader', { ...dom0, loaders: { bios: 'grub2.0' } }, /profile dom0 has another loader, grub2.0/],
    ['no menu that the loader reads', { ...dom0, menus: [{ path: '/x', template: 'grub.cfg' }] }, /has no menu that the loader reads/],
    ['its own disk', { ...dom0, boot: 'local' as const }, /boots from its own disk/],
  ])('is told to reboot where its profile has %s', async (_, profile, reason) => {
    rig.desk.setObjects((rig.objects = { ...rig.objects, profiles: [profile] }));
    waitByGrub();
    put(assigned);
    expect(await rig.text(menu, address)).toMatch(/\ntimeout 3\n\ntitle [^\n]+\nreboot\n$/);
    expect(rig.desk.stateOf('post09')).toMatchObject({ state: 'waiting', reason: expect.stringMatching(reason) });
    expect(rig.lease(rom, address, subnet)).toMatchObject({ machine: { name: 'post09' }, profile: { name: 'dom0' } });
  });

  it('boots what was said last before its next poll', async () => {
    const other = { ...dom0, name: 'other', parameters: { menuTitle: 'the other one' } };
    rig.desk.setObjects((rig.objects = { ...rig.objects, profiles: [dom0, other] }));
    waitByGrub();
    put(assigned);
    put({ ...assigned, profile: 'other' });
    expect(await rig.text(menu, address)).toContain('title the other one');
    expect(rig.desk.attemptsOf('post09').map(({ state, reason }) => `${state}: ${reason}`)[0]).toBe(
      'handed-over: it was assigned anew before it had read its menu',
    );
    put(named);
    expect(await rig.text(menu, address)).toMatch(/waits for an assignment/);
    put(assigned);
    pollByGrub();
    put({ ...assigned, profile: 'other' });
    expect(rig.desk.stateOf('post09'), 'it has read its menu').toMatchObject({ state: 'booting', profile: 'dom0' });
  });

  it('boots what was asked for once', () => {
    rig.desk.setObjects((rig.objects = { ...rig.objects, profiles: [dom0, { ...dom0, name: 'installer' }] }));
    waitByGrub();
    rig.desk.setObjects({ ...rig.objects, machines: [named], oneShots: new Map([['post09', { ...oneShot, machine: 'post09' }]]) });
    expect(rig.desk.stateOf('post09')).toMatchObject({ state: 'booting', profile: 'installer', oneShot: true });
  });

  it('waits on, and says why, while its image is not published', () => {
    rig.published.length = 0;
    waitByGrub();
    put(assigned);
    expect(rig.desk.stateOf('post09')).toMatchObject({ state: 'waiting', reason: expect.stringContaining('not published') });
    rig.published.push({ image: 'dom0', version: 3 });
    pollByGrub();
    expect(rig.desk.stateOf('post09')?.state).toBe('booting');
  });

  it('gets no more answers once it is ignored', async () => {
    waitByGrub();
    put({ ...named, ignored: true });
    expect(rig.desk.stateOf('post09')).toMatchObject({ state: 'handed-over', reason: 'post09 is ignored: an operator said so' });
    expect(rig.desk.advise(rom, subnet, 'DISCOVER')).toEqual({ kind: 'ignore', reason: 'post09 is ignored: an operator said so' });
    expect(rig.desk.advise({ mac: strangeMac, face: 'other' }, subnet, 'REQUEST').kind).toBe('ignore');
  });

  it('waits again at its next boot when it is released', () => {
    waitByGrub();
    put(assigned);
    pollByGrub();
    put(named);
    expect(rig.desk.stateOf('post09')).toMatchObject({ state: 'booting', profile: 'dom0' });
    expect(rig.lease(rom, address, subnet)).toMatchObject({ waiting: true, machine: { name: 'post09' } });
  });

  it('is not read by anybody else at the path that it waited at (rule 3)', async () => {
    waitByGrub();
    put(assigned);
    rig.leases.set('192.168.0.12', '52:54:00:00:00:0b');
    expect(await rig.text(menu, '192.168.0.12')).toMatch(/^refused: the path names post09/);
  });
});

it('says what a client would get that only asked and never booted', () => {
  expect(rig.desk.decisionNow(madeUp)).toMatchObject({ kind: 'decided', mac: strangeMac, profileFrom: 'waiting', clientFrom: 'assumed' });
});

describe('a machine that waits by iPXE asks DHCP again', () => {
  it('and hears the same until it is assigned, in one attempt', () => {
    waitByIpxe();
    const before = rig.events.length;
    for (let poll = 0; poll < 10; poll++) {
      rig.clock.advance(10_000);
      expect(rig.lease(ipxe, address, subnet)).toMatchObject({ waiting: true, leaseSeconds: 120 });
    }
    expect(rig.events).toHaveLength(before);
    expect(rig.desk.attemptsOf(madeUp)).toHaveLength(1);
  });

  it('and then boots whatever loader it is told', () => {
    waitByIpxe();
    put(assigned);
    expect(rig.desk.stateOf('post09')?.state, 'DHCP decides, when it asks').toBe('waiting');
    rig.clock.advance(10_000);
    const decision = rig.lease(ipxe, address, subnet);
    expect(decision).toMatchObject({ kind: 'boot', bootFile: 'pxegrub', menuPath: '/grub/post09.conf' });
    expect(decision).not.toHaveProperty('leaseSeconds');
    rig.fetch('pxegrub', { clientAddress: address });
    expect(rig.desk.stateOf('post09')).toMatchObject({ state: 'booting', lastStage: 'loader' });
    expect(rig.desk.stateOf(madeUp)).toMatchObject({ state: 'handed-over', reason: 'it was assigned while it waited' });
  });

  it('and goes to its own disk where it is told so', () => {
    rig.desk.setObjects((rig.objects = { ...rig.objects, profiles: [{ ...dom0, boot: 'local' }] }));
    waitByIpxe();
    put(assigned);
    expect(rig.lease(ipxe, address, subnet).kind).toBe('local');
    expect(rig.desk.stateOf('post09')?.state).toBe('local');
  });

  it('and is left alone once it is ignored', () => {
    waitByIpxe();
    put({ ...named, ignored: true });
    expect(rig.desk.advise(ipxe, subnet, 'DISCOVER').kind).toBe('ignore');
    expect(rig.desk.stateOf('post09')?.state).toBe('handed-over');
  });

  it('as UEFI firmware does, which is sent iPXE first', () => {
    const uefi: BootClient = { ...rom, arch: 'uefi-x64' };
    expect(rig.lease(uefi, address, subnet)).toMatchObject({ waiting: true, bootFile: 'snponly.efi' });
    rig.fetch('snponly.efi', { clientAddress: address });
    expect(rig.lease({ ...uefi, face: 'ipxe' }, address, subnet)).toMatchObject({ bootFile: 'http://192.168.0.5:8080/waiting.ipxe' });
    rig.fetch('/waiting.ipxe', { clientAddress: address, protocol: 'http' });
    rig.clock.advance(10_000);
    rig.lease({ ...uefi, face: 'ipxe' }, address, subnet);
    expect(rig.desk.attemptsOf(madeUp)).toHaveLength(1);
    expect(rig.kinds().filter((kind) => kind === 'waiting')).toHaveLength(1);
    put(assigned);
    expect(rig.lease({ ...uefi, face: 'ipxe' }, address, subnet)).toMatchObject({ machine: { name: 'post09' }, profile: { name: 'dom0' } });
  });
});
