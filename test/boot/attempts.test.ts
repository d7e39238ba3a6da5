import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { opensAttempt } from '../../src/boot/attempt-rules.ts';
import type { BootEvent } from '../../src/boot/boot-event.ts';
import type { BootClient } from '../../src/model/boot-decision.ts';
import type { BootStage } from '../../src/model/boot-profile.ts';
import { address, dom0, ipxe, later, mac, otherMac, post01, post02, Rig, rom, secondMac, strangeMac, subnet } from './rig.ts';

const allStages = ['discover', 'offer', 'lease', 'loader', 'menu', 'kernel', 'kernel-lease', 'mount', 'hello'];
let rig: Rig;

beforeEach(async () => {
  rig = await new Rig().start();
});
afterEach(() => rig.remove());

function eventsOf<Kind extends BootEvent['kind']>(kind: Kind): Extract<BootEvent, { kind: Kind }>[] {
  return rig.events.filter((event): event is Extract<BootEvent, { kind: Kind }> => event.kind === kind);
}

const hello = (token: string, from = address): Promise<{ accepted: boolean; reason?: string; session?: string }> =>
  rig.desk.hello({ token, clientAddress: from, body: '' });

describe('whether a packet begins a new power-on (rule 5)', () => {
  const rows: readonly {
    name: string;
    face?: BootClient['face'];
    from?: string;
    stages?: readonly BootStage[];
    loader?: string;
    silentSeconds?: number;
    opens: boolean;
  }[] = [
    { name: 'firmware, and nothing before', opens: true },
    { name: 'an iPXE ROM, and nothing before', face: 'ipxe', opens: true },
    { name: 'GRUB or a kernel never opens one', face: 'other', opens: false },
    { name: 'a ROM that retries its DISCOVER', stages: ['discover', 'offer'], silentSeconds: 8, opens: false },
    { name: 'a ROM that comes again after a minute of silence', stages: ['discover', 'offer'], silentSeconds: 61, opens: true },
    { name: 'a reset before the loader was there', stages: ['discover', 'offer', 'lease'], silentSeconds: 5, opens: false },
    { name: 'a reset after the loader', stages: ['discover', 'offer', 'lease', 'loader'], silentSeconds: 1, opens: true },
    { name: 'a reset in mid-load of the kernel', stages: ['discover', 'offer', 'lease', 'loader', 'menu'], silentSeconds: 1, opens: true },
    {
      name: 'a new boot of a machine that is up',
      stages: ['discover', 'offer', 'lease', 'loader', 'menu', 'kernel', 'mount', 'hello'],
      opens: true,
    },
    { name: 'an iPXE ROM reset after its loader pxegrub', face: 'ipxe', stages: ['lease', 'loader'], loader: 'pxegrub', opens: true },
    { name: 'iPXE that was the loader goes on', face: 'ipxe', stages: ['lease', 'loader'], loader: 'undionly.kpxe', opens: false },
    { name: 'iPXE after iPXE had its menu', face: 'ipxe', stages: ['lease', 'loader', 'menu'], loader: 'undionly.kpxe', opens: true },
    {
      name: 'the other NIC tries, since the first found nothing',
      from: secondMac,
      stages: ['discover', 'offer'],
      silentSeconds: 10,
      opens: true,
    },
  ];
  it.each(rows)('$name', ({ face = 'firmware-pxe', from = mac, stages, loader, silentSeconds = 0, opens }) => {
    const nowMs = 1_000_000;
    const records = stages?.map((stage) => ({
      stage,
      atMs: 0,
      protocol: 'dhcp' as const,
      ...(stage === 'loader' && { file: loader ?? 'pxegrub' }),
    }));
    const previous = records === undefined ? undefined : { mac, stages: records, lastSeenMs: nowMs - silentSeconds * 1000 };
    expect(opensAttempt(face, from, previous, nowMs)).toBe(opens);
  });
});

describe('one power-on, one attempt (rule 5)', () => {
  it('goes through all stages to up, each at its time', async () => {
    rig.boot();
    expect(await hello(await rig.token())).toEqual({ accepted: true });
    expect(rig.stages()).toEqual(allStages);
    expect(eventsOf('opened')).toMatchObject([{ machine: 'post01', mac, profile: 'dom0', image: 'dom0@3' }]);
    expect(eventsOf('stage').map((event) => event.elapsedMs)).toEqual([0, 0, 0, 1000, 2000, 3000, 4000, 5000, 6000]);
    expect(eventsOf('stage')[0]).toMatchObject({ protocol: 'dhcp', bytes: 300 });
    expect(eventsOf('stage')[3]).toMatchObject({ protocol: 'tftp', file: 'pxegrub', bytes: 1000 });
    expect(eventsOf('stage')[7]).toMatchObject({ protocol: 'nfs', file: '/images/dom0@3' });
    expect(rig.desk.attemptsOf('post01').map((attempt) => attempt.state)).toEqual(['up']);
  });

  it('does not end by a hello from a network that nobody boots on, whoever knows the token', async () => {
    rig.boot();
    const token = await rig.token();
    expect(await hello(token, '10.9.9.9')).toEqual({ accepted: false, reason: '10.9.9.9 is on no subnet that machines boot on' });
    expect(await hello(token)).toEqual({ accepted: true });
  });

  it('tells the time of the packet, not of the moment when a worker told of it', () => {
    rig.lease();
    const cameMs = rig.clock.now() + 500;
    rig.clock.advance(2000);
    rig.fetch('pxegrub', { atMs: cameMs });
    expect(eventsOf('stage').at(-1)).toMatchObject({ stage: 'loader', atMs: cameMs, elapsedMs: 500 });
  });

  it('counts retries of the ROM, the DHCP of GRUB and files opened twice to the same attempt', () => {
    rig.discover();
    rig.clock.advance(4000);
    rig.lease();
    rig.fetch('pxegrub');
    rig.lease(later);
    rig.fetch('/grub/post01.conf');
    rig.fetch('/grub/post01.conf');
    expect(eventsOf('opened')).toHaveLength(1);
    expect(rig.stages()).toEqual(['discover', 'offer', 'lease', 'loader', 'menu']);
  });

  it('takes an iPXE ROM as firmware, and chainloaded iPXE as part of the attempt (rule 12)', async () => {
    rig.objects = { ...rig.objects, profiles: [{ ...dom0, loaders: { bios: 'undionly.kpxe' } }] };
    await rig.start();
    rig.lease();
    rig.fetch('undionly.kpxe');
    rig.lease(ipxe);
    rig.fetch('/boot.ipxe');
    expect(eventsOf('opened')).toHaveLength(1);
    expect(rig.stages()).toEqual(['discover', 'offer', 'lease', 'loader', 'menu']);
  });

  it('has the kernel only when it was fetched whole', () => {
    rig.lease();
    rig.fetch('pxegrub');
    rig.fetch('/images/dom0@3/vmlinuz', { phase: 'aborted', bytes: 400 });
    rig.fetch('/images/dom0@3/xen.gz');
    expect(rig.stages()).not.toContain('kernel');
    rig.fetch('/images/dom0@3/vmlinuz', { protocol: 'http', bytes: 600 });
    expect(rig.stages()).not.toContain('kernel');
    rig.fetch('/images/dom0@3/vmlinuz', { protocol: 'http', bytes: 400 });
    expect(rig.stages()).toContain('kernel');
  });

  it('is not opened by what a stranger sends, and shows what was ignored', () => {
    expect(rig.discover({ ...rom, mac: strangeMac }).kind).toBe('ignore');
    rig.desk.observe({ kind: 'ignored', atMs: 0, protocol: 'dhcp', mac: strangeMac, reason: 'no machine of ours' });
    rig.lease();
    rig.desk.observe({ kind: 'ignored', atMs: 0, protocol: 'dhcp', mac, reason: 'a REQUEST for another server' });
    expect(eventsOf('opened')).toHaveLength(1);
    expect(eventsOf('ignored')).toMatchObject([
      { mac: strangeMac, reason: 'no machine of ours' },
      { machine: 'post01', reason: 'a REQUEST for another server' },
    ]);
  });

  it('boots a stranger where its subnet does, as a machine called by its MAC', () => {
    const open = { ...subnet, unknown: { kind: 'profile' as const, profile: 'dom0' } };
    const decision = rig.desk.advise({ ...rom, mac: strangeMac }, open, 'DISCOVER');
    expect(decision).toMatchObject({ kind: 'boot', menuPath: '/grub/02-00-00-00-00-99.conf' });
    expect(eventsOf('opened')).toMatchObject([{ machine: '02-00-00-00-00-99' }]);
  });

  it('ends as local where the machine is sent to its own disk, and never as stuck', async () => {
    rig.objects = { ...rig.objects, profiles: [{ ...dom0, boot: 'local' }] };
    await rig.start();
    expect(rig.lease().kind).toBe('local');
    rig.clock.advance(3_600_000);
    expect(rig.kinds()).toEqual(['opened', 'discover', 'offer', 'lease', 'local']);
    rig.fetch('pxegrub');
    expect(rig.kinds().filter((kind) => kind === 'local')).toHaveLength(1);
  });

  it('ends as handed over where the profile has no image of ours', async () => {
    const { image: _, ...rest } = dom0;
    rig.objects = { ...rig.objects, profiles: [rest] };
    await rig.start();
    rig.lease();
    rig.fetch('pxegrub');
    rig.fetch('/grub/post01.conf');
    expect(rig.kinds().at(-1)).toBe('handed-over');
    expect(rig.clock.pendingTimers).toBe(0);
  });
});

describe('what the first decision pins (rule 5)', () => {
  it('keeps image N for menu, option 150 and preview although N+1 is published in mid-boot', async () => {
    rig.lease();
    rig.fetch('pxegrub');
    rig.published.push({ image: 'dom0', version: 4 });
    const menu = await rig.text('/grub/post01.conf');
    expect(menu).toContain('/images/dom0@3/vmlinuz');
    expect(menu).not.toContain('dom0@4');
    expect(rig.desk.advise(later, subnet, 'DISCOVER')).toMatchObject({ image: { version: 3 } });
    const preview = rig.desk.preview('post01', 'menu.lst');
    expect(preview.kind === 'files' && Buffer.from(preview.files[0]?.bytes ?? []).toString()).toContain('dom0@3');
    rig.clock.advance(1000);
    rig.lease();
    expect(await rig.text('/grub/post01.conf')).toContain('/images/dom0@4/vmlinuz');
  });

  it('keeps its templates, image and token over a restart of the server', async () => {
    rig.lease();
    rig.fetch('pxegrub');
    const before = await rig.text('/grub/post01.conf');
    rig.published.push({ image: 'dom0', version: 4 });
    await rig.restart();
    expect(await rig.text('/grub/post01.conf')).toBe(before);
    rig.fetch('/grub/post01.conf');
    rig.fetch('/images/dom0@3/vmlinuz');
    expect(rig.stages()).toEqual(['discover', 'offer', 'lease', 'loader', 'menu', 'kernel']);
    expect(eventsOf('opened')).toHaveLength(1);
  });

  it('boots by the NIC that sent the DISCOVER, not by the first one (rule 4)', async () => {
    rig.lease({ ...rom, mac: secondMac }, '192.168.0.100');
    const menu = await rig.text('/grub/post01.conf', '192.168.0.100');
    expect(menu).toContain('BOOTIF=01-52-54-00-00-00-02');
  });

  it('answers the kernel on the other NIC within the same attempt', () => {
    rig.lease();
    expect(rig.desk.advise({ ...later, mac: secondMac }, subnet, 'DISCOVER')).toMatchObject({ kind: 'boot', machine: post01 });
    expect(eventsOf('opened')).toHaveLength(1);
  });
});

describe('the boot token (rule 7)', () => {
  it('is used up by one hello; a second is refused and said', async () => {
    rig.boot();
    const token = await rig.token();
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(await hello(token)).toEqual({ accepted: true });
    rig.clock.advance(60_001);
    expect(await hello(token)).toMatchObject({ accepted: false, reason: expect.stringContaining('was used already') });
    expect(rig.kinds().filter((kind) => kind === 'up')).toHaveLength(1);
    expect(eventsOf('ignored')).toMatchObject([{ machine: 'post01', protocol: 'http' }]);
  });

  it('is the same in every download, and none of them uses it up', async () => {
    rig.lease();
    const first = await rig.token();
    expect(await rig.token()).toBe(first);
    expect(await rig.text('/boot.ipxe')).toContain(`virtdom.token=${first}`);
    expect(await hello(first)).toEqual({ accepted: true });
  });

  it('outlives a slow boot', async () => {
    rig.boot();
    const token = await rig.token();
    rig.clock.advance(3_600_000);
    expect(await hello(token)).toEqual({ accepted: true });
    expect(rig.kinds().slice(-3)).toEqual(['resumed', 'hello', 'up']);
  });

  it("is refused from another machine's address, and when nobody has it", async () => {
    rig.boot();
    rig.leases.set('192.168.0.12', otherMac);
    expect(await hello(await rig.token(), '192.168.0.12')).toMatchObject({ accepted: false, reason: expect.stringContaining(post02.name) });
    expect(await hello('x'.repeat(43))).toMatchObject({ accepted: false, reason: expect.stringContaining('no attempt') });
  });

  it('is neither stored nor logged nor told', async () => {
    rig.boot();
    const token = await rig.token();
    await hello(token);
    await hello(token);
    await rig.desk.close();
    expect(JSON.stringify([...rig.store.attempts.values(), rig.log.lines, rig.events])).not.toContain(token);
  });
});

describe('a boot that hangs', () => {
  const waits: readonly { last: string; next: BootStage; steps: number; packet: RegExp; cause: RegExp }[] = [
    { last: 'offer', next: 'lease', steps: 0, packet: /DHCP REQUEST from 52:54/, cause: /another DHCP server/ },
    { last: 'lease', next: 'loader', steps: 1, packet: /the whole of pxegrub or \/grub.efi by TFTP/, cause: /UDP port 69/ },
    { last: 'loader', next: 'menu', steps: 2, packet: /\/grub\/post01.conf/, cause: /another path/ },
    { last: 'menu', next: 'kernel', steps: 3, packet: /\/images\/dom0@3\/vmlinuz/, cause: /password/ },
    { last: 'kernel', next: 'kernel-lease', steps: 4, packet: /kernel's own DHCP/, cause: /console/ },
    { last: 'kernel-lease', next: 'mount', steps: 5, packet: /NFS MOUNT of \/images\/dom0@3/, cause: /2049/ },
    { last: 'mount', next: 'hello', steps: 6, packet: /boot token/, cause: /console/ },
  ];
  it.each(waits)('after $last says that $next is missing, when its time has passed', ({ last, next, steps, packet, cause }) => {
    const all = [
      () => rig.lease(),
      () => rig.fetch('pxegrub'),
      () => rig.fetch('/grub/post01.conf'),
      () => rig.fetch('/images/dom0@3/vmlinuz'),
      () => rig.lease(later),
      () => rig.mount(),
    ];
    if (steps === 0) rig.discover();
    for (const step of all.slice(0, steps)) step();
    const seconds = dom0.stageSeconds[next];
    rig.clock.advance(seconds * 1000 - 1);
    expect(eventsOf('stuck')).toHaveLength(0);
    rig.clock.advance(1);
    expect(eventsOf('stuck')).toMatchObject([{ lastStage: last, expectedStage: next, waitedSeconds: seconds }]);
    expect(eventsOf('stuck')[0]?.expectedPacket).toMatch(packet);
    expect(eventsOf('stuck')[0]?.causes.join('\n')).toMatch(cause);
    expect(rig.clock.pendingTimers).toBe(0);
  });

  it('names the last packet and what went wrong on the way, first', () => {
    rig.lease();
    rig.fetch('pxegrub');
    rig.desk.observe({
      kind: 'file',
      atMs: 0,
      protocol: 'tftp',
      phase: 'missing',
      clientAddress: address,
      path: '/grub/x.lst',
      bytes: 0,
      reason: 'no loader',
    });
    rig.clock.advance(30_000);
    const [stuck] = eventsOf('stuck');
    expect(stuck?.lastPacket).toBe('TFTP /grub/x.lst missing (0 bytes)');
    expect(stuck?.causes[0]).toBe('/grub/x.lst was missing: no loader');
  });

  it('at a loader that is not there says so first, whatever else went wrong', async () => {
    rig.objects = { ...rig.objects, profiles: [{ ...dom0, loaders: { bios: 'pxegrub2' } }] };
    await rig.start();
    rig.lease();
    const missing = { kind: 'file', protocol: 'tftp', phase: 'missing', clientAddress: address, bytes: 0 } as const;
    const file = await rig.desk.open({ clientAddress: address, path: 'pxegrub2' });
    rig.desk.observe({ ...missing, atMs: rig.clock.now(), path: 'pxegrub2', reason: 'reason' in file ? file.reason : 'it is there' });
    rig.desk.observe({ ...missing, atMs: rig.clock.now(), path: '/splash.xpm', reason: 'no loader is called so' });
    rig.dhcp('NAK', 'sent', mac);
    rig.clock.advance(dom0.stageSeconds.loader * 1000);
    const [stuck] = eventsOf('stuck');
    expect(stuck).toMatchObject({ lastStage: 'lease', expectedStage: 'loader', waitedSeconds: 60, lastPacket: 'DHCP NAK sent' });
    expect(stuck?.expectedPacket).toBe('the whole of pxegrub2 by TFTP or HTTP');
    expect(stuck?.causes[0]).toBe('pxegrub2 was missing: no loader is called /pxegrub2, and post01 has no such menu');
    expect(stuck?.causes).toContain('/splash.xpm was missing: no loader is called so');
    expect(rig.desk.stateOf('post01')).toMatchObject({
      state: 'stuck',
      reason: '60 s after lease, still waiting for the whole of pxegrub2 by TFTP or HTTP',
      stuck: { expectedStage: 'loader', thresholdSeconds: 60, causes: stuck?.causes },
    });
  });

  it('goes on when the next stage comes after all, and may be stuck again', () => {
    rig.lease();
    rig.clock.advance(60_000);
    rig.fetch('pxegrub');
    expect(rig.kinds().filter((kind) => kind !== 'file')).toEqual(['opened', 'discover', 'offer', 'lease', 'stuck', 'resumed', 'loader']);
    rig.clock.advance(30_000);
    expect(eventsOf('stuck')).toHaveLength(2);
  });

  it('is not helped by more of the same packets', () => {
    rig.discover();
    for (let retry = 0; retry < 4; retry++) {
      rig.clock.advance(4000);
      rig.discover();
    }
    expect(eventsOf('stuck')).toHaveLength(1);
    expect(eventsOf('resumed')).toHaveLength(0);
  });

  it('has failed when the machine begins anew, unless it was up', async () => {
    rig.lease();
    rig.fetch('pxegrub');
    rig.clock.advance(1000);
    rig.boot();
    expect(eventsOf('failed')).toMatchObject([{ lastStage: 'loader', reason: 'the machine began anew after loader' }]);
    await hello(await rig.token());
    rig.boot();
    expect(eventsOf('failed')).toHaveLength(1);
    expect(rig.desk.attemptsOf('post01').map((attempt) => attempt.state)).toEqual(['failed', 'up', 'booting']);
  });

  it('waits anew after a restart of the server, since nobody was there to see packets', async () => {
    rig.lease();
    rig.clock.advance(59_000);
    await rig.restart();
    rig.clock.advance(59_000);
    expect(eventsOf('stuck')).toHaveLength(0);
    rig.clock.advance(1000);
    expect(eventsOf('stuck')).toMatchObject([{ lastStage: 'lease' }]);
  });

  it('leaves no timer behind when the desk closes', async () => {
    rig.lease();
    await rig.desk.close();
    expect(rig.clock.pendingTimers).toBe(0);
  });
});

describe('addresses that must not be given away (rule 14)', () => {
  it('are those of a mounted root and of a machine that is up', async () => {
    rig.lease();
    expect(rig.desk.addressInUse(address)).toBe(false);
    rig.clock.advance(1000);
    rig.boot();
    expect(rig.desk.addressInUse(address)).toBe(true);
    await hello(await rig.token());
    rig.clock.advance(30 * 86_400_000);
    await rig.restart();
    expect(rig.desk.addressInUse(address)).toBe(true);
  });

  it('are those that read from us within the hour', () => {
    rig.reads.set('192.168.0.77', rig.clock.now());
    expect(rig.desk.addressInUse('192.168.0.77')).toBe(true);
    rig.clock.advance(3_600_000);
    expect(rig.desk.addressInUse('192.168.0.77')).toBe(false);
  });

  it('are the newest of an attempt: what its firmware had is free when the kernel has another', () => {
    rig.lease(rom, '192.168.0.150');
    rig.fetch('pxegrub', { clientAddress: '192.168.0.150' });
    rig.lease(later);
    rig.mount();
    expect(rig.desk.addressInUse(address)).toBe(true);
    expect(rig.desk.addressInUse('192.168.0.150')).toBe(false);
  });

  it('are free again when the machine boots anew with another address', () => {
    rig.boot();
    rig.lease(rom, '192.168.0.150');
    expect(rig.desk.addressInUse(address)).toBe(false);
  });

  it('are reserved where a machine says so', () => {
    expect(rig.desk.reservedAddress(mac, subnet)).toBe(address);
    expect(rig.desk.reservedAddress(secondMac, subnet)).toBeUndefined();
    expect(rig.desk.isReserved(address)).toBe(true);
    expect(rig.desk.isReserved('192.168.0.12')).toBe(false);
  });
});

function foreign(): void {
  const reason = 'the client took the offer of another DHCP server';
  rig.desk.observe({ kind: 'foreign', atMs: rig.clock.now(), mac, server: '192.168.0.6', reason });
}

describe("a client that takes another DHCP server's offer", () => {
  it('has its attempt handed over, with the reason, and is not stuck', () => {
    rig.discover();
    foreign();
    rig.clock.advance(3_600_000);
    expect(rig.desk.stateOf('post01')).toMatchObject({
      state: 'handed-over',
      reason: 'the client took the offer of another DHCP server (192.168.0.6)',
      lastPacket: 'DHCP REQUEST to 192.168.0.6',
    });
    expect(rig.kinds()).toEqual(['opened', 'discover', 'offer', 'ignored', 'handed-over']);
  });

  it('begins anew with its next DISCOVER, however soon', () => {
    rig.discover();
    foreign();
    rig.clock.advance(1000);
    rig.lease();
    expect(rig.desk.attemptsOf('post01').map(({ state }) => state)).toEqual(['handed-over', 'booting']);
  });

  it('goes on where it already had an address of ours', () => {
    rig.lease();
    foreign();
    expect(rig.desk.stateOf('post01')?.state).toBe('booting');
    rig.clock.advance(60_000);
    expect(eventsOf('stuck')[0]?.causes[0]).toMatch(/took the offer of another DHCP server \(192.168.0.6\)/);
  });

  it('is told as ignored where nobody knows it', () => {
    rig.desk.observe({ kind: 'foreign', atMs: 0, mac: strangeMac, server: '192.168.0.6', reason: 'another server' });
    expect(eventsOf('ignored')).toMatchObject([{ mac: strangeMac, protocol: 'dhcp', reason: 'another server (192.168.0.6)' }]);
  });
});

it('names attempts so that people can read them and two servers make no two alike', () => {
  rig.lease();
  const [first] = rig.desk.attemptsOf('post01');
  expect(first?.id).toMatch(/^post01-20260101T000000-[0-9a-f]{6}$/);
  expect(rig.desk.attempt(first?.id ?? '')).toEqual(first);
  expect(rig.desk.attempt('post01-0')).toBeUndefined();
});

it('remembers ten attempts of a machine, and the store gets every one', async () => {
  for (let power = 0; power < 15; power++) {
    rig.lease();
    rig.fetch('pxegrub');
    rig.clock.advance(1000);
  }
  expect(rig.desk.attemptsOf('post01')).toHaveLength(10);
  await rig.desk.close();
  expect(rig.store.attempts.size).toBe(15);
});

it('goes on although the store fails, and says so, but takes no hello', async () => {
  rig.store.save = () => Promise.reject(new Error('disk full'));
  rig.boot();
  await new Promise((resolve) => setImmediate(resolve));
  await expect(hello(await rig.token())).rejects.toThrow('disk full');
  await rig.desk.close();
  expect(rig.log.lines).toContainEqual(expect.objectContaining({ level: 'error', message: 'the boot attempt could not be stored' }));
});
