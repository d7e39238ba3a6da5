import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Preview } from '../../src/boot/client-tree.ts';
import { TemplateSet } from '../../src/boot/template-set.ts';
import type { Machine } from '../../src/model/machine.ts';
import { address, dom0, later, mac, oneShot, post01, post02, Rig, rom, secondMac, strangeMac, subnet } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await new Rig().start();
});
afterEach(() => rig.remove());

const put = (change: Partial<Rig['objects']>): void => rig.desk.setObjects((rig.objects = { ...rig.objects, ...change }));
const farm = { ...dom0, name: 'farm', menus: [{ path: '/farm/{name}.lst', template: 'menu.lst' }] };

describe('objects that are changed while machines boot', () => {
  it('count for the boots that begin after it; the one that goes on keeps what it pinned (rule 5)', async () => {
    rig.lease();
    rig.fetch('pxegrub');
    put({ profiles: [farm], machines: [{ ...post01, profile: 'farm', parameters: { menuTitle: 'changed' } }] });
    expect(rig.desk.advise(later, subnet, 'DISCOVER')).toMatchObject({ profile: { name: 'dom0' }, menuPath: '/grub/post01.conf' });
    expect(await rig.text('/grub/post01.conf')).not.toContain('changed');
    rig.lease();
    expect(await rig.text('/farm/post01.lst')).toContain('title changed');
    expect(rig.desk.stateOf('post01')?.profile).toBe('farm');
  });

  it('keep a machine booting that is deleted, ignored or released meanwhile', async () => {
    rig.boot();
    const token = await rig.token();
    for (const machines of [[], [{ ...post01, ignored: true }], [{ ...post01, profile: undefined } as unknown as Machine]]) {
      put({ machines });
      expect(rig.desk.advise(later, subnet, 'REQUEST')).toMatchObject({ kind: 'boot', profile: { name: 'dom0' } });
    }
    expect(await rig.desk.hello({ token, clientAddress: address, body: '' })).toEqual({ accepted: true });
    rig.clock.advance(61_000);
    expect(rig.discover()).toMatchObject({
      kind: 'ignore',
      reason: expect.stringContaining('post01, which has no profile, and subnet lab ignores'),
    });
  });

  it('reserve and free addresses at once', () => {
    put({ machines: [{ ...post01, nics: [{ mac, address: '192.168.0.44' }] }] });
    expect(rig.desk.reservedAddress(mac, subnet)).toBe('192.168.0.44');
    expect(rig.desk.isReserved('192.168.0.44')).toBe(true);
    expect(rig.desk.isReserved(address)).toBe(false);
  });

  it('make a new path of a menu known, and who it names', async () => {
    rig.leases.set(address, mac);
    rig.leases.set('192.168.0.12', post02.nics[0]?.mac ?? '');
    put({ profiles: [{ ...dom0, menus: farm.menus }] });
    expect(await rig.text('/farm/post01.lst')).toMatch(/^# post01/);
    expect(await rig.text('/farm/post01.lst', '192.168.0.12')).toMatch(/^refused: the path names post01/);
  });

  it('belong to the machine that has the NIC now: an attempt of an unknown client goes on under it', () => {
    const open = { ...subnet, unknown: { kind: 'profile' as const, profile: 'dom0' } };
    rig.lease({ ...rom, mac: strangeMac }, '192.168.0.100', open);
    put({ machines: [{ ...post02, name: 'post09', nics: [{ mac: strangeMac }] }] });
    expect(rig.desk.stateOf('post09')).toMatchObject({ state: 'booting', mac: strangeMac });
    rig.fetch('pxegrub', { clientAddress: '192.168.0.100' });
    expect(rig.desk.stateOf('post09')?.lastStage).toBe('loader');
  });

  it('take the hello of a boot that began under no name as that of the machine', async () => {
    const open = { ...subnet, unknown: { kind: 'profile' as const, profile: 'dom0' } };
    rig.lease({ ...rom, mac: strangeMac }, '192.168.0.100', open);
    const token = /virtdom\.token=([\w-]+)/.exec(await rig.text('/grub/menu.lst', '192.168.0.100'))?.[1] ?? '';
    put({ machines: [{ ...post02, name: 'post09', nics: [{ mac: strangeMac }] }] });
    expect(await rig.desk.hello({ token, clientAddress: '192.168.0.100', body: '' })).toEqual({ accepted: true });
    expect(rig.desk.stateOf('post09')?.state).toBe('up');
  });

  it('leave the token of a boot that began under no name without effect once the machine booted anew and said hello (rule 7)', async () => {
    const open = { ...subnet, unknown: { kind: 'profile' as const, profile: 'dom0' } };
    put({ subnets: [open] });
    rig.lease({ ...rom, mac: strangeMac }, '192.168.0.100', open);
    rig.fetch('pxegrub', { clientAddress: '192.168.0.100' });
    const tokenNow = async (): Promise<string> =>
      /virtdom\.token=([\w-]+)/.exec(await rig.text('/grub/menu.lst', '192.168.0.100'))?.[1] ?? '';
    const token = await tokenNow();
    put({ machines: [{ ...post02, name: 'post09', nics: [{ mac: strangeMac }] }] });
    expect(await rig.text(`/by-token/${token}/grub/menu.lst`, '192.168.0.100')).toContain(token);
    rig.clock.advance(1000);
    rig.lease({ ...rom, mac: strangeMac }, '192.168.0.100', open);
    const hello = (of: string) => rig.desk.hello({ token: of, clientAddress: '192.168.0.100', body: '' });
    expect(await hello(await tokenNow())).toEqual({ accepted: true });
    expect(await hello(token)).toMatchObject({ accepted: false, reason: expect.stringContaining('has said hello since') });
  });

  it('swap the NIC of one machine for that of another without mixing their boots', () => {
    rig.lease();
    rig.fetch('pxegrub');
    put({
      machines: [
        { ...post01, nics: [{ mac: '52:54:00:00:00:0c' }] },
        { ...post02, nics: [{ mac }] },
      ],
    });
    rig.clock.advance(1000);
    expect(rig.lease()).toMatchObject({ machine: { name: 'post02' } });
    expect(rig.desk.stateOf('post02')).toMatchObject({ state: 'booting' });
    expect(rig.desk.attemptsOf('post01').map(({ state }) => state)).toEqual(['failed']);
  });

  it('give the NIC of one machine to another: its hello is that of the other, and in the way of no boot of the first', async () => {
    rig.boot();
    const ofFirst = await rig.token();
    const newNic = '52:54:00:00:00:0c';
    put({
      machines: [
        { ...post01, nics: [{ mac: newNic }] },
        { ...post02, nics: [{ mac }] },
      ],
    });
    rig.lease({ ...rom, mac: newNic }, '192.168.0.12');
    const ofSecond = /virtdom\.token=([\w-]+)/.exec(await rig.text('/grub/post01.conf', '192.168.0.12'))?.[1] ?? '';
    const hello = (token: string, clientAddress: string) => rig.desk.hello({ token, clientAddress, body: '' });
    expect(await hello(ofFirst, address)).toEqual({ accepted: true });
    expect(rig.desk.stateOf('post01')?.state).toBe('booting');
    expect(await hello(ofSecond, '192.168.0.12')).toEqual({ accepted: true });
    expect([rig.desk.stateOf('post01')?.state, rig.desk.stateOf('post02')?.state]).toEqual(['up', 'up']);
  });

  it('say that a machine is ignored, whatever its profile', () => {
    put({ machines: [{ ...post01, ignored: true }] });
    expect(rig.discover()).toEqual({ kind: 'ignore', reason: 'post01 is ignored: an operator said so' });
    expect(rig.desk.advise(later, subnet, 'DISCOVER').kind).toBe('ignore');
  });
});

function profileFrom(): string | undefined {
  const now = rig.desk.decisionNow('post01');
  return now.kind === 'decided' ? now.profileFrom : now.reason;
}

describe('decisionNow', () => {
  it('says what would be booted, by which client, subnet and profile, and changes nothing', () => {
    const before = JSON.stringify([rig.events, rig.desk.attemptsOf('post01'), rig.seen]);
    expect(rig.desk.decisionNow('POST01')).toMatchObject({
      kind: 'decided',
      mac,
      client: { mac, arch: 'bios', face: 'firmware-pxe' },
      clientFrom: 'assumed',
      subnet: { name: 'lab' },
      subnetFrom: 'reservation',
      profileFrom: 'machine',
      reservedAddress: address,
      decision: { kind: 'boot', bootFile: 'pxegrub', image: { image: 'dom0', version: 3 } },
    });
    expect(JSON.stringify([rig.events, rig.desk.attemptsOf('post01'), rig.seen])).toBe(before);
  });

  it('takes the firmware, NIC and running attempt from the last boot, and any NIC that is asked for', () => {
    rig.lease({ ...rom, mac: secondMac, arch: 'uefi-x64' }, '192.168.0.100');
    rig.published.push({ image: 'dom0', version: 4 });
    expect(rig.desk.decisionNow('post01')).toMatchObject({
      mac: secondMac,
      clientFrom: 'last boot',
      subnetFrom: 'last boot',
      decision: { bootFile: '/grub.efi', image: { version: 4 } },
      running: { profile: 'dom0', image: 'dom0@3' },
    });
    expect(rig.desk.decisionNow('post01', mac)).toMatchObject({ mac, reservedAddress: address });
    expect(rig.desk.decisionNow('post01', strangeMac)).toEqual({ kind: 'unknown', reason: `post01 has no NIC ${strangeMac}` });
  });

  it('says where the profile is from: one-shot, subnet, or the wait for an assignment', () => {
    const { profile: _, ...unassigned } = post01;
    put({ oneShots: new Map([['post01', { ...oneShot, profile: 'dom0' }]]) });
    expect(profileFrom()).toBe('one-shot');
    put({ oneShots: new Map(), machines: [unassigned] });
    expect(profileFrom()).toBeUndefined();
    put({ subnets: [{ ...subnet, unknown: { kind: 'profile', profile: 'dom0' } }] });
    expect(profileFrom()).toBe('subnet');
    put({ subnets: [{ ...subnet, unknown: { kind: 'pending' } }] });
    expect(profileFrom()).toBe('waiting');
  });

  it('says so where there is no such machine', () => {
    expect(rig.desk.decisionNow('post77')).toEqual({ kind: 'unknown', reason: 'there is no machine post77' });
    expect(rig.desk.stateOf('post77')).toBeUndefined();
  });
});

function parsed(texts: Record<string, string>): TemplateSet {
  const set = TemplateSet.parse(new Map(Object.entries(texts)));
  if (!(set instanceof TemplateSet)) throw new Error(JSON.stringify(set));
  return set;
}

const bad = parsed({ 'menu.lst': '{{parameters.rack}}', 'grub.cfg': '', 'boot.ipxe': '' });

function textOf(preview: Preview): string {
  return preview.kind === 'files' ? preview.files.map(({ bytes }) => Buffer.from(bytes).toString()).join('') : preview.reason;
}

describe('checking templates', () => {
  it('counts the machines that all renders for', async () => {
    put({ machines: [{ ...post01, parameters: { rack: 'r1' } }, post02] });
    expect(await rig.desk.checkTemplates(bad)).toMatchObject({ machines: 2, rendered: 1, problems: [{ machine: 'post02', line: 1 }] });
  });

  it('finds the rack of the subnet where neither profile nor machine has one', async () => {
    put({ subnets: [{ ...subnet, parameters: { rack: 'r9' } }] });
    expect(await rig.desk.checkTemplates(bad)).toEqual({ machines: 2, rendered: 2, problems: [] });
  });

  it('counts what a machine boots once, and who is unknown on subnets that boot such clients', async () => {
    const other = { ...dom0, name: 'installer', menus: [{ path: '/x.lst', template: 'gone.lst' }] };
    put({ profiles: [dom0, other], oneShots: new Map([['post02', { ...oneShot, machine: 'post02' }]]) });
    expect(await rig.desk.checkTemplates()).toMatchObject({
      machines: 2,
      rendered: 1,
      problems: [{ machine: 'post02', template: 'gone.lst.hbs' }],
    });
    put({ oneShots: new Map(), subnets: [{ ...subnet, unknown: { kind: 'profile', profile: 'installer' } }] });
    expect(await rig.desk.checkTemplates()).toMatchObject({
      machines: 3,
      rendered: 2,
      problems: [{ machine: 'an unknown client on lab' }],
    });
    put({ subnets: [{ ...subnet, unknown: { kind: 'pending' } }] });
    expect(await rig.desk.checkTemplates()).toEqual({ machines: 3, rendered: 3, problems: [] });
    expect((await rig.desk.checkTemplates(bad)).problems.map(({ template }) => template)).toContain('waiting.lst.hbs');
  });

  it('leaves out who boots nothing: ignored, or without profile where the subnet has none for it', async () => {
    const { profile: _, ...unassigned } = post01;
    put({ machines: [unassigned, { ...post02, ignored: true }] });
    expect(await rig.desk.checkTemplates(bad)).toEqual({ machines: 0, rendered: 0, problems: [] });
  });

  it('says who uses which templates, by the names that problems are told by, and shows what they get', async () => {
    const other = { ...dom0, name: 'installer', menus: [{ path: '/x.lst', template: 'menu.lst' }] };
    const { profile: _, ...unassigned } = post02;
    put({
      profiles: [dom0, other],
      machines: [post01, unassigned],
      subnets: [{ ...subnet, unknown: { kind: 'pending' } }],
      oneShots: new Map([['post01', oneShot]]),
    });
    const stranger = 'an unknown client on lab';
    expect(rig.desk.templateUses()).toEqual([
      { profile: 'pending', templates: ['waiting.lst', 'waiting.cfg', 'waiting.ipxe'], machines: ['post02', stranger] },
      { profile: 'dom0', templates: ['menu.lst', 'grub.cfg', 'boot.ipxe'], machines: ['post01'] },
      { profile: 'installer', templates: ['menu.lst'], machines: ['post01'] },
    ]);
    expect(rig.desk.templateUses()).toBe(rig.desk.templateUses());
    expect(textOf(rig.desk.preview(stranger, 'waiting.cfg'))).toContain('virtdom machine assign" 02-00-00-00-00-00');
    expect(textOf(rig.desk.preview('post02', 'waiting.lst'))).toContain('# post02 waits');
    expect(rig.desk.preview('post01'), 'what it boots once').toMatchObject({ files: [{ path: '/x.lst' }] });
  });

  it('gives DHCP its turn with ten thousand machines, and says of each what is wrong', async () => {
    const machines = Array.from({ length: 10_000 }, (_, number) => ({
      ...post02,
      name: `node${number}`,
      nics: [{ mac: `52:54:01:00:${(number >> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}` }],
    }));
    put({ machines });
    let turns = 0;
    let isOver = false;
    const takeTurn = (): void => {
      turns++;
      if (!isOver) setImmediate(takeTurn);
    };
    setImmediate(takeTurn);
    const check = await rig.desk.checkTemplates(bad);
    isOver = true;
    expect(check).toMatchObject({ machines: 10_000, rendered: 0 });
    expect(check.problems).toHaveLength(10_000);
    expect(turns).toBeGreaterThanOrEqual(2500);
  });

  it('previews a set that is not served, as of a boot that begins now, while another goes on', () => {
    rig.lease();
    const set = parsed({ 'menu.lst': 'draft {{image.ref}}', 'grub.cfg': '', 'boot.ipxe': '' });
    rig.published.push({ image: 'dom0', version: 4 });
    expect(textOf(rig.desk.preview('post01', 'menu.lst', set))).toBe('draft dom0@4');
    expect(textOf(rig.desk.preview('post01', 'menu.lst'))).toContain('dom0@3');
  });
});
