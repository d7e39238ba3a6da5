import { execFile, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { labProfile, type LabDocument } from '../../src/lab/lab-files.ts';
import { PostgresServer } from '../contract/postgres-server.ts';
import { Dom0Rig, publishImitated } from './dom0-rig.ts';
import { openSubnet, serverAddress, ServeRig } from './serve-rig.ts';

const program = join(import.meta.dirname, '../../bin/virtdom');
const farm: readonly LabDocument[] = [
  openSubnet,
  labProfile,
  {
    kind: 'Environment',
    name: 'gateway',
    instances: 'at-most-one',
    image: 'worker',
    memoryMib: 128,
    networks: [{ bridge: 'xenbr0' }],
    count: 1,
  },
  {
    kind: 'Environment',
    name: 'worker',
    instances: 'at-least-one',
    image: 'worker',
    memoryMib: 128,
    networks: [{ bridge: 'inner', address: 'none' }],
    count: { min: 0, max: 9 },
  },
  { kind: 'Role', name: 'farm', environments: ['gateway', 'worker'], networks: [{ bridge: 'inner' }] },
  { kind: 'Machine', name: 'post01', nics: [{ mac: '52:54:00:00:00:01' }], profile: 'dom0', role: 'farm' },
  { kind: 'Machine', name: 'post02', nics: [{ mac: '52:54:00:00:00:02' }], profile: 'dom0', role: 'farm' },
];

interface VmView {
  readonly name: string;
  readonly state: string;
  readonly host?: string;
  readonly ready?: object;
}

let postgres: PostgresServer;
let rig: ServeRig;
let post01: Dom0Rig;
let post02: Dom0Rig | undefined;
let manager: ChildProcess | undefined;

/** A manager of its own, beside the service that boots machines. */
async function startManager(): Promise<void> {
  manager = rig.network.spawn([program, 'manager', '--config', rig.configFile], { stdio: ['ignore', 'ignore', 'inherit'] });
  await until(
    'the manager leads',
    90,
    () => ask<{ state: string }>('manager', 'status'),
    ({ state }) => state === 'leading',
  );
}

async function killManager(): Promise<void> {
  if (manager === undefined || manager.exitCode !== null || manager.signalCode !== null) return;
  manager.kill('SIGKILL');
  await once(manager, 'exit');
}

function virtdom(...words: readonly string[]): Promise<string> {
  const server = `unix:${join(rig.dir, 'run/manager.sock')}`;
  return new Promise((resolve, reject) => {
    execFile(program, words, { env: { ...process.env, VIRTDOM_SERVER: server }, timeout: 60_000 }, (error, out, said) => {
      if (error === null) resolve(out);
      else reject(new Error(`virtdom ${words.join(' ')}: ${out}${said}`));
    });
  });
}

async function ask<Answer>(...words: readonly string[]): Promise<Answer> {
  return JSON.parse(await virtdom(...words, '-o', 'json')) as Answer;
}

async function until<Seen>(what: string, seconds: number, look: () => Promise<Seen>, fits: (seen: Seen) => boolean): Promise<Seen> {
  let seen: Seen | undefined;
  let failure: unknown;
  try {
    await vi.waitUntil(
      async () => {
        seen = await look().catch((error: unknown) => void (failure = error));
        return seen !== undefined && fits(seen);
      },
      { timeout: seconds * 1000, interval: 300 },
    );
  } catch (error) {
    throw new Error(`${what}: not within ${seconds} s; seen last: ${JSON.stringify(seen)} ${String(failure)}`, { cause: error });
  }
  return seen as Seen;
}

const ready = (environment: string, count: number) => (seen: readonly VmView[]) =>
  seen.filter(({ name, state, ready: said }) => name.startsWith(environment) && state === 'running' && said !== undefined).length === count;
const vms = (): Promise<VmView[]> => ask<VmView[]>('vm', 'list');
const creates = (name: string): number => post01.calls.filter((call) => call === `create ${name}`).length;

beforeAll(async () => {
  postgres = await PostgresServer.start();
  rig = await ServeRig.create({
    documents: farm,
    settings: { database: postgres.createDatabase(), nfs: { workers: 1 }, manager: { run: 'apart' } },
  });
  await publishImitated(rig, 'dom0');
  await publishImitated(rig, 'worker');
  await rig.start();
  post01 = await Dom0Rig.plugIn(rig, 'post01', '52:54:00:00:00:01');
});

afterAll(async () => {
  await killManager();
  await post01?.killAgent();
  await post02?.killAgent();
  await rig?.[Symbol.asyncDispose]();
  await postgres?.close();
});

describe('a manager that runs by itself, on the database of the service', { timeout: 120_000 }, () => {
  it('hears of a boot that the service has taken, gives the host its role, and starts what is wanted', async () => {
    await startManager();
    await post01.boot(serverAddress);
    post01.startAgent();
    await until('the gateway is ready', 60, vms, ready('gateway', 1));
    expect(post01.domains).toEqual(['gateway-1']);
    expect(await ask('host', 'get', 'post01')).toMatchObject({
      state: 'online',
      role: 'farm',
      bridges: expect.arrayContaining(['inner']) as string[],
    });
  });

  it('that is killed in the middle of a start has one VM afterwards, of one xl create', async () => {
    post01.createSeconds = 6;
    await virtdom('environment', 'scale', 'worker', '1');
    await vi.waitUntil(() => creates('worker-1') === 1, { timeout: 30_000, interval: 50 });
    await killManager();
    await startManager();
    await until('the worker is ready', 60, vms, ready('worker', 1));
    expect([creates('worker-1'), post01.domains]).toEqual([1, ['gateway-1', 'worker-1']]);
    post01.createSeconds = 0;
  });

  it('outlives an agent that is killed in the middle of a start, and has what is wanted afterwards', async () => {
    post01.createSeconds = 6;
    await virtdom('environment', 'scale', 'worker', '2');
    await vi.waitUntil(() => creates('worker-2') === 1, { timeout: 30_000, interval: 50 });
    await post01.killAgent();
    post01.createSeconds = 0;
    post01.startAgent();
    await until('two workers are ready', 90, vms, ready('worker', 2));
    expect(post01.domains.filter((name) => name.startsWith('worker'))).toHaveLength(2);
  });

  it('moves nothing from a host that is silent, and believes its next boot', async () => {
    await post01.powerOff();
    await until('the gateway is lost', 60, vms, (seen) => seen.some(({ name, state }) => name === 'gateway-1' && state === 'lost'));
    const before = creates('gateway-1');
    await post01.boot(serverAddress);
    post01.startAgent();
    await until('all is as it was', 90, vms, (seen) => ready('gateway', 1)(seen) && ready('worker', 2)(seen));
    expect(creates('gateway-1')).toBe(before + 1);
    expect(await virtdom('event', 'list', '--kind', 'vm.recovering')).toMatch(/gateway-1/);
  });

  it('sends a VM to another host by the door that its agent opens', async () => {
    post02 = await Dom0Rig.plugIn(rig, 'post02', '52:54:00:00:00:02');
    await post02.boot(serverAddress);
    post02.startAgent();
    await until(
      'the second host is online',
      60,
      () => ask<{ state: string }>('host', 'get', 'post02'),
      ({ state }) => state === 'online',
    );
    const identity = post01.identityOf('gateway-1');
    // A host that has just come takes no VM for a moment.
    await until(
      'the gateway is sent',
      30,
      () => virtdom('vm', 'migrate', 'gateway-1', 'post02'),
      () => true,
    );
    await until('the gateway moved', 60, vms, (seen) => ready('gateway', 1)(seen) && seen.some(({ host }) => host === 'post02'));
    expect(post02.calls).toEqual(['receive gateway-1']);
    expect(post02.identityOf('gateway-1')).toBe(identity);
    expect(post01.domains).not.toContain('gateway-1');
  });

  it('outlives the agent of the source that is killed in the middle of a migration, with one VM where it was', async () => {
    if (post02 === undefined) throw new Error('there is no second host');
    const identity = post02.identityOf('gateway-1');
    const starts = creates('gateway-1');
    post02.sendSeconds = 5;
    await virtdom('vm', 'migrate', 'gateway-1', 'post01');
    await vi.waitUntil(() => post01.domains.includes('gateway-1--incoming'), { timeout: 30_000, interval: 50 });
    await post02.killAgent();
    post02.startAgent();
    await until(
      'the gateway is where it was',
      90,
      () => ask<VmView & { readonly claims: readonly object[] }>('vm', 'get', 'gateway-1'),
      ({ state, host, claims }) => state === 'running' && host === 'post02' && claims.length === 1,
    );
    expect(post02.identityOf('gateway-1')).toBe(identity);
    expect(post01.domains.filter((name) => name.startsWith('gateway'))).toEqual([]);
    expect(creates('gateway-1')).toBe(starts);
  });
});
