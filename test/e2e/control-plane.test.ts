import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { labProfile } from '../../src/lab/lab-files.ts';
import { LabRun, machineDocument, profile, subnet } from './lab-run.ts';

const mac = '52:54:00:00:00:07';
/** What a client is called until somebody names it. */
const stranger = '52-54-00-00-00-07';
const lostMac = '52:54:00:00:00:08';

interface MachineView {
  readonly state: string;
  readonly reason: string;
  readonly profile?: string;
}

interface BootView {
  readonly id: string;
  readonly state: string;
  readonly profile: string;
  readonly stages: readonly { readonly stage: string; readonly at: string }[];
}

const quick = { ...(labProfile['parameters'] as Record<string, unknown>), menuTimeout: 1 };
const { loaders, menus, menuByOption150, stageSeconds } = labProfile;

let run: LabRun;

beforeAll(async () => {
  run = await LabRun.start({
    name: 'control-plane',
    documents: [
      { ...subnet, unknown: 'pending' },
      labProfile,
      // QEMU's own ROM is an iPXE, which would wait by a script on its screen: it shall wait as an ordinary ROM does, by GRUB.
      profile('pending', {
        loaders,
        menuByOption150,
        menus: [
          { path: '/grub/{name}.conf', template: 'waiting.lst' },
          { path: '/grub/{name}.conf.wait', template: 'waiting.cfg' },
        ],
      }),
      // Linux alone: what is to be seen is that it is this profile which boots, once.
      profile('rescue', { loaders, menus, menuByOption150, stageSeconds, image: 'dom0', parameters: { ...quick, xen: false } }),
      profile('lost', {
        loaders: { bios: 'no-such-loader', ipxe: 'no-such-loader' },
        menus,
        image: 'dom0',
        stageSeconds: { ...(stageSeconds as object), loader: 10 },
      }),
      machineDocument('lost01', [{ mac: lostMac, address: '192.168.0.18' }], 'lost'),
    ],
    machines: [
      { name: 'post07', nics: [{ mac }], memoryMib: 1024 },
      { name: 'lost01', nics: [{ mac: lostMac }], memoryMib: 256 },
    ],
  });
});
afterAll(() => run?.close());

async function until(name: string, fits: (machine: MachineView) => boolean, seconds: number): Promise<MachineView> {
  let seen: MachineView | undefined;
  await vi.waitUntil(
    async () => {
      seen = await run.ask<MachineView>('machine', 'get', name).catch(() => undefined);
      return seen !== undefined && fits(seen);
    },
    { timeout: seconds * 1000, interval: 1000 },
  );
  return seen ?? { state: 'gone', reason: '' };
}

async function newestBoot(machine: string): Promise<BootView> {
  const [newest] = await run.ask<{ readonly id: string }[]>('boot', 'list', '--machine', machine, '--limit', '1');
  if (newest === undefined) throw new Error(`${machine} never booted`);
  return run.ask<BootView>('boot', 'show', newest.id);
}

describe('a machine with a broken loader path', () => {
  it('is reported stuck at that stage, with the missing file as first cause', async () => {
    run.powerOn('lost01');
    const event = await run.event('stuck', () => true, { seconds: 120, machine: 'lost01', what: 'lost01 is stuck' });
    expect(event).toMatchObject({ lastStage: 'lease', expectedStage: 'loader' });
    expect(event.causes[0]).toMatch(/no-such-loader was (?:missing|refused)/);
    expect(await run.ask('machine', 'get', 'lost01')).toMatchObject({
      state: 'stuck',
      reason: expect.stringMatching(/no-such-loader/) as string,
    });
    const shown = await run.virtdom(['boot', 'show', (await newestBoot('lost01')).id]);
    expect(shown).toMatch(/stuck/);
    expect(shown).toMatch(/no-such-loader/);
    await run.machine('lost01').powerOff();
  });
});

describe('a machine that nobody knows', () => {
  it('is switched on and waits, seen as pending', async () => {
    run.powerOn('post07');
    await until(stranger, ({ state }) => state === 'pending', 120);
    await vi.waitUntil(async () => (await newestBoot(stranger)).stages.some(({ stage }) => stage === 'menu'), {
      timeout: 60_000,
      interval: 1000,
    });
    expect(await newestBoot(stranger)).toMatchObject({ state: 'waiting', profile: 'pending' });
  });

  it('is assigned, and boots to its Dom0 without being touched', async () => {
    await run.virtdom(['machine', 'assign', stranger, '--name', 'post07', '--profile', 'dom0', '--role', 'worker', '--yes']);
    const { profile: assigned } = await until('post07', ({ state }) => state === 'up', 400);
    expect(assigned).toBe('dom0');
    expect((await newestBoot('post07')).stages.map(({ stage }) => stage)).toContain('hello');
    expect(run.machine('post07').current.console.text).toMatch(/Domain-0/);
  });
});

describe('a template that is edited, and a boot that is asked for once', () => {
  it('is in the next boot, with no restart', async () => {
    const shipped = await run.virtdom(['template', 'get', 'menu.lst']);
    const edited = shipped.replace('{{default parameters.menuTitle image.ref}}', 'edited for {{machine.name}}');
    expect(edited).not.toBe(shipped);
    await run.virtdom(['template', 'set', 'menu.lst', '-f', '-'], { input: edited });
    await run.virtdom(['template', 'publish', 'menu.lst', '--note', 'says whose it is']);
    await run.virtdom(['machine', 'boot', 'post07', '--once', 'rescue', '--yes']);
    await run.machine('post07').powerOff();
    run.powerOn('post07');
    await run.machine('post07').current.console.waitFor(/edited for post07/, 120_000);
  });

  it('boots by the other profile once', async () => {
    await vi.waitUntil(async () => (await newestBoot('post07')).stages.some(({ stage }) => stage === 'kernel-lease'), {
      timeout: 240_000,
      interval: 1000,
    });
    expect((await newestBoot('post07')).profile).toBe('rescue');
    await run.machine('post07').powerOff();
    run.powerOn('post07');
    await vi.waitUntil(
      async () => {
        const boot = await newestBoot('post07');
        return boot.profile === 'dom0' && boot.stages.some(({ stage }) => stage === 'kernel');
      },
      { timeout: 240_000, interval: 1000 },
    );
    expect(await run.ask('machine', 'get', 'post07')).not.toHaveProperty('bootOnce');
  });
});
