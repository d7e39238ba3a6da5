import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BootProfile } from '../../src/model/boot-profile.ts';
import { address, dom0, ipxe, later, oneShot, post01, Rig, rom, secondMac, subnet } from './rig.ts';

/** As dom0, of another image: what `virtdom machine boot --once installer` is for. */
const installer: BootProfile = { ...dom0, name: 'installer', image: 'installer' };
const kernel = '/images/installer@1/vmlinuz';

let rig: Rig;
beforeEach(async () => {
  rig = new Rig();
  rig.published.push({ image: 'installer', version: 1 });
  rig.objects = { ...rig.objects, profiles: [dom0, installer], oneShots: new Map([['post01', oneShot]]) };
  await rig.start();
});
afterEach(() => rig.remove());

const profileNow = (): string | undefined => rig.desk.stateOf('post01')?.profile;
const stored = (): Promise<unknown> => rig.desk.close().then(() => [...rig.store.attempts.values()].at(-1)?.oneShot);

/** The ROM's DHCP and the loader, as each boot begins. */
function begin(client = rom): void {
  rig.lease(client);
  rig.fetch('pxegrub');
}

describe('a boot that was asked for once', () => {
  it('takes the place of the profile, pinned, and says whose wish it is', () => {
    const decision = rig.discover();
    expect(decision).toMatchObject({ kind: 'boot', profile: { name: 'installer' }, image: { image: 'installer', version: 1 } });
    expect(decision.reason).toContain('one-shot boot of installer, asked for by anna at 1970-01-01T00:00:00.000Z');
    expect(rig.events[0]).toMatchObject({ kind: 'opened', profile: 'installer', oneShot: oneShot.id });
    expect(rig.desk.stateOf('post01')).toMatchObject({ profile: 'installer', oneShot: true });
  });

  it('stays pinned although it is cancelled while it boots', () => {
    begin();
    rig.desk.setObjects({ ...rig.objects, oneShots: new Map() });
    expect(rig.desk.advise(later, subnet, 'DISCOVER')).toMatchObject({ profile: { name: 'installer' } });
  });

  it('is one for a machine without a profile too', () => {
    const { profile: _, ...unassigned } = post01;
    rig.desk.setObjects({ ...rig.objects, machines: [unassigned] });
    expect(rig.discover()).toMatchObject({ profile: { name: 'installer' } });
  });

  it('does not wake a machine that is ignored', () => {
    rig.desk.setObjects({ ...rig.objects, machines: [{ ...post01, ignored: true }] });
    expect(rig.discover()).toMatchObject({ kind: 'ignore' });
  });
});

describe('it is used up once, when the kernel is there whole (rule 6)', () => {
  const rows: readonly { name: string; steps: (at: Rig) => void; used: boolean }[] = [
    { name: 'not by a ROM that retries', steps: (at) => [at.discover(), at.clock.advance(4000), at.discover()], used: false },
    {
      name: 'not by its loader and its menu',
      steps: (at) => [at.lease(), at.fetch('pxegrub'), at.fetch('/grub/post01.conf')],
      used: false,
    },
    { name: "not by GRUB's own DHCP", steps: (at) => [at.lease(), at.fetch('pxegrub'), at.lease(later)], used: false },
    {
      name: 'not by a kernel that was broken off',
      steps: (at) => [at.lease(), at.fetch('pxegrub'), at.fetch(kernel, { phase: 'aborted', bytes: 400 })],
      used: false,
    },
    { name: 'by the kernel, over TFTP', steps: (at) => [at.lease(), at.fetch('pxegrub'), at.fetch(kernel)], used: true },
    { name: 'by the kernel, over HTTP', steps: (at) => [at.lease(ipxe), at.fetch(kernel, { protocol: 'http' })], used: true },
    {
      name: 'by a root that is mounted, where nobody saw the kernel',
      steps: (at) => [at.lease(), at.mount('/images/installer@1')],
      used: true,
    },
  ];
  it.each(rows)('$name', async ({ steps, used }) => {
    steps(rig);
    expect(rig.usedOneShots).toEqual(used ? [oneShot.id] : []);
    rig.clock.advance(61_000);
    expect(rig.discover()).toMatchObject({ profile: { name: used ? 'dom0' : 'installer' } });
    await rig.desk.close();
    expect([...rig.store.attempts.values()][0]?.oneShot).toEqual({ id: oneShot.id, used });
  });

  it('is tried again after a reset in mid-load, and not after it was had', () => {
    begin();
    begin();
    expect(profileNow()).toBe('installer');
    rig.fetch(kernel);
    begin();
    expect(profileNow()).toBe('dom0');
    expect(rig.usedOneShots).toEqual([oneShot.id]);
  });

  it('by the other NIC as well as by the first', () => {
    begin({ ...rom, mac: secondMac });
    rig.fetch(kernel);
    begin();
    expect(profileNow()).toBe('dom0');
  });

  it('is told once, although the kernel is fetched twice and the boot goes on', async () => {
    begin();
    rig.fetch(kernel);
    rig.fetch(kernel);
    rig.lease(later);
    rig.mount('/images/installer@1');
    expect(rig.usedOneShots).toEqual([oneShot.id]);
  });

  it('at its last stage where the profile has no kernel of ours', async () => {
    const { image: _, ...loaderOnly } = installer;
    rig.desk.setObjects({ ...rig.objects, profiles: [dom0, loaderOnly] });
    begin();
    expect(rig.usedOneShots).toEqual([]);
    rig.fetch('/grub/post01.conf');
    expect(rig.usedOneShots).toEqual([oneShot.id]);
    expect(rig.desk.stateOf('post01')?.state).toBe('handed-over');
  });

  it('at its lease where it boots from the own disk, once', () => {
    rig.desk.setObjects({ ...rig.objects, profiles: [dom0, { ...installer, boot: 'local' }] });
    expect(rig.lease().kind).toBe('local');
    expect(rig.usedOneShots).toEqual([oneShot.id]);
    rig.clock.advance(61_000);
    expect(rig.discover()).toMatchObject({ kind: 'boot', profile: { name: 'dom0' } });
  });

  it('leaves a newer wish alone', () => {
    begin();
    rig.desk.setObjects({ ...rig.objects, oneShots: new Map([['post01', { ...oneShot, id: 'once-2' }]]) });
    rig.fetch(kernel);
    expect(rig.usedOneShots).toEqual([oneShot.id]);
    begin();
    expect(profileNow()).toBe('installer');
  });
});

describe('over a kill -9 of the server', () => {
  it('is still to be had where the kernel was not', async () => {
    begin();
    await rig.restart();
    expect(rig.usedOneShots).toEqual([]);
    rig.fetch(kernel);
    expect(rig.usedOneShots).toEqual([oneShot.id]);
  });

  it('is used up where the kernel was stored, although the mark was lost', async () => {
    begin();
    rig.fetch(kernel);
    await rig.desk.close();
    const [attempt] = [...rig.store.attempts.values()];
    expect(attempt?.oneShot).toEqual({ id: oneShot.id, used: true });
    if (attempt !== undefined) await rig.store.save({ ...attempt, oneShot: { id: oneShot.id, used: false } });
    rig.usedOneShots.length = 0;
    await rig.start();
    expect(rig.usedOneShots).toEqual([oneShot.id]);
    begin();
    expect(profileNow()).toBe('dom0');
    await rig.desk.close();
    expect([...rig.store.attempts.values()][0]?.oneShot).toEqual({ id: oneShot.id, used: true });
  });

  it('is used up by a later stage where the kernel stage was lost', async () => {
    begin();
    rig.fetch('/grub/post01.conf');
    await rig.restart();
    rig.lease(later);
    expect(rig.usedOneShots).toEqual([]);
    rig.mount('/images/installer@1');
    expect(rig.usedOneShots).toEqual([oneShot.id]);
    expect(await stored()).toEqual({ id: oneShot.id, used: true });
  });

  it('is used up at once in memory, and with the very write that stores the kernel stage', async () => {
    const saves: string[] = [];
    const save = rig.store.save.bind(rig.store);
    rig.store.save = (attempt) => {
      const hasKernel = attempt.stages.some(({ stage }) => stage === 'kernel');
      saves.push(`${hasKernel ? 'kernel' : 'no kernel'}, ${attempt.oneShot?.used === true ? 'used' : 'not used'}`);
      return save(attempt);
    };
    begin();
    await new Promise((resolve) => setImmediate(resolve));
    rig.fetch(kernel);
    expect(rig.usedOneShots).toEqual([oneShot.id]);
    await rig.desk.close();
    expect(new Set(saves)).toEqual(new Set(['no kernel, not used', 'kernel, used']));
  });

  it('whatever the objects still say: what was used up is not decided again', () => {
    begin();
    rig.fetch(kernel);
    rig.desk.setObjects({ ...rig.objects });
    expect(rig.desk.decisionNow('post01')).toMatchObject({ kind: 'decided', profileFrom: 'machine' });
    expect(rig.desk.addressInUse(address)).toBe(false);
  });
});
