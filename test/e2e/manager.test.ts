import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { labProfile, type LabDocument } from '../../src/lab/lab-files.ts';
import { LabRun, machineDocument, subnet } from './lab-run.ts';

const machines = [
  { name: 'post01', mac: '52:54:00:00:00:01', address: '192.168.0.11' },
  { name: 'post02', mac: '52:54:00:00:00:02', address: '192.168.0.12' },
];
const server = '192.168.0.5';

/** The farm's own example: workers on a network of their own, whose only way out is a gateway of which there may never be two. */
const farm: readonly LabDocument[] = [
  {
    kind: 'Environment',
    name: 'gateway',
    instances: 'at-most-one',
    image: 'gateway',
    memoryMib: 128,
    networks: [
      { bridge: 'xenbr0', address: '192.168.0.50/24' },
      { bridge: 'inner', vlan: 12, address: '10.12.0.1/24' },
    ],
    count: 1,
    priority: 10,
    readySeconds: 300,
  },
  {
    kind: 'Environment',
    name: 'worker',
    instances: 'at-least-one',
    image: 'worker',
    memoryMib: 128,
    networks: [{ bridge: 'inner', vlan: 12, address: '10.12.0.10-10.12.0.99/24', gateway: '10.12.0.1' }],
    kernelArguments: [`virtdom.env.PING=${server}`],
    constraints: { spread: true },
    count: { min: 2, max: 3 },
    readySeconds: 300,
  },
  { kind: 'Role', name: 'farm', environments: ['gateway', 'worker'], networks: [{ bridge: 'inner', vlan: 12 }] },
];

interface VmView {
  readonly name: string;
  readonly environment: string;
  readonly state: string;
  readonly reason: string;
  readonly host?: string;
  readonly ready?: { readonly address?: string };
}

interface HostView {
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly role?: string;
  readonly boot?: number;
}

interface EventView {
  readonly kind: string;
  readonly machine?: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

let run: LabRun;

beforeAll(async () => {
  run = await LabRun.start({
    name: 'manager',
    images: ['worker', 'gateway'],
    documents: [
      subnet,
      labProfile,
      ...farm,
      ...machines.map(({ name, mac, address }) => ({ ...machineDocument(name, [{ mac, address }], 'dom0'), role: 'farm' })),
    ],
    machines: machines.map(({ name, mac }) => ({ name, nics: [{ mac }], memoryMib: 1536 })),
  });
});
afterAll(() => run?.close());

const vms = (): Promise<VmView[]> => run.ask<VmView[]>('vm', 'list');
const host = (name: string): Promise<HostView> => run.ask<HostView>('host', 'get', name);
const events = (kinds: string): Promise<EventView[]> => run.ask<EventView[]>('event', 'list', '--kind', kinds, '--limit', '1000');
const running = (all: readonly VmView[], environment: string): VmView[] =>
  all.filter((vm) => vm.environment === environment && vm.state === 'running');
const ready = (all: readonly VmView[], environment: string): VmView[] => running(all, environment).filter((vm) => vm.ready !== undefined);

/** Asks until it fits, and says what was seen last where it never did. */
async function until<Seen>(what: string, seconds: number, look: () => Promise<Seen>, fits: (seen: Seen) => boolean): Promise<Seen> {
  let seen: Seen | undefined;
  let failure: unknown;
  try {
    await vi.waitUntil(
      async () => {
        seen = await look().catch((error: unknown) => {
          failure = error;
          return undefined;
        });
        return seen !== undefined && fits(seen);
      },
      { timeout: seconds * 1000, interval: 1000 },
    );
  } catch (error) {
    throw new Error(`${what}: not within ${seconds} s; seen last: ${JSON.stringify(seen ?? String(failure))}; more in ${run.dir}`, {
      cause: error,
    });
  }
  return seen as Seen;
}

/** Those that run, as the manager sees them. */
async function vmsOf(environment: string): Promise<string[]> {
  return running(await vms(), environment).map(({ name }) => name);
}

const pings = async (): Promise<number> => (await run.virtdom(['vm', 'console', 'worker-1'])).split(`ping ${server} ok`).length;

describe('two machines that are switched on', () => {
  it('become Dom0s with agents, and get their role', async () => {
    for (const { name } of machines) run.powerOn(name);
    for (const { name } of machines) {
      const seen = await until(
        `${name} is online`,
        500,
        () => host(name),
        ({ state }) => state === 'online',
      );
      expect(seen.role).toBe('farm');
    }
  });

  it('run the gateway once and the workers twice, with nobody touching them', async () => {
    const all = await until(
      'gateway and workers are ready',
      400,
      vms,
      (seen) => ready(seen, 'gateway').length === 1 && ready(seen, 'worker').length === 2,
    );
    expect(all.map(({ name }) => name).filter((name) => name.startsWith('gateway'))).toEqual(['gateway-1']);
  });

  it('let a ping of each worker out through the gateway, whichever host that is on', async () => {
    const workers = running(await vms(), 'worker');
    for (const { name } of workers) {
      await until(
        `${name} pings`,
        120,
        () => run.virtdom(['vm', 'console', name]),
        (text) => text.includes(`virtdom: ping ${server} ok`),
      );
    }
    expect(workers).toHaveLength(2);
  });
});

describe('a VM that is moved to the other host', () => {
  it('goes on there with all that it had, and was not started again', async () => {
    const [before] = ready(await vms(), 'gateway');
    const to = machines.find(({ name }) => name !== before?.host)?.name ?? '';
    await run.virtdom(['vm', 'migrate', 'gateway-1', to]);
    const all = await until('the gateway is there', 300, vms, (seen) => ready(seen, 'gateway')[0]?.host === to);
    expect(ready(all, 'gateway')[0]?.ready?.address).toBe(before?.ready?.address);
    const soFar = await pings();
    await until('a worker pings through it', 60, pings, (count) => count > soFar);
    // What it said when it was started it said on the other host.
    expect(await run.virtdom(['vm', 'console', 'gateway-1'])).not.toMatch(/READY/);
    const commands = await run.ask<{ readonly command: string }[]>('command', 'list', '--vm', 'gateway-1');
    expect(commands.filter(({ command }) => command === 'vm.create')).toHaveLength(1);
  });
});

describe('a machine that is switched off hard', () => {
  let lost: string;
  let left: string;

  it('has its workers replaced, and its gateway lost but not doubled', async () => {
    lost = running(await vms(), 'gateway')[0]?.host ?? '';
    left = machines.find(({ name }) => name !== lost)?.name ?? '';
    await run.machine(lost).powerOff();
    await until(
      `${lost} is missed`,
      60,
      () => host(lost),
      ({ state }) => state === 'suspect',
    );
    const all = await until('two workers again', 300, vms, (seen) => ready(seen, 'worker').filter((vm) => vm.host === left).length === 2);
    expect(all.find(({ name }) => name === 'gateway-1')).toMatchObject({ state: 'lost', host: lost });
  });

  it('gives its gateway back by the word of the operator, which the log has', async () => {
    await run.virtdom(['host', 'confirm-dead', lost], { code: 2, input: 'y\n' });
    expect(running(await vms(), 'gateway')).toEqual([]);
    await run.virtdom(['host', 'confirm-dead', lost, '--yes-it-is-off', lost]);
    await until('the gateway moved', 300, vms, (seen) => ready(seen, 'gateway').some((vm) => vm.host === left));
    const [recovering] = await events('vm.recovering');
    expect(JSON.stringify(recovering)).toMatch(/operator/);
    expect((await run.virtdom(['audit', 'list'])).split('\n').some((line) => /confirm/.test(line) && line.includes(lost))).toBe(true);
  });

  it('comes back, takes its role, and doubles nothing', async () => {
    const before = (await host(lost)).boot ?? 0;
    run.powerOn(lost);
    const seen = await until(
      `${lost} is back`,
      500,
      () => host(lost),
      ({ state, boot = 0 }) => state === 'online' && boot > before,
    );
    expect(seen.role).toBe('farm');
    expect(await vmsOf('gateway')).toEqual(['gateway-1']);
    expect(await vmsOf('worker')).toHaveLength(2);
  });
});

describe('a manager that is killed in the middle of a start', () => {
  it('has one VM afterwards, not two and not none', async () => {
    await run.virtdom(['environment', 'scale', 'worker', '3']);
    await until('the third worker starts', 60, vms, (seen) =>
      seen.some(({ environment, state }) => environment === 'worker' && state === 'starting'),
    );
    await run.killServe();
    await run.startServe();
    await until('three workers', 300, vms, (seen) => ready(seen, 'worker').length === 3);
    // Asked of the hypervisors, whatever the manager believes.
    const counts = await Promise.all(
      machines.map(({ name }) => run.ask<{ readonly value: number }[]>('property', 'fetch', name, 'domain_count')),
    );
    expect(counts.flat().reduce((sum, { value }) => sum + value, 0)).toBe(4);
    expect(await vmsOf('worker')).toHaveLength(3);
  });
});
