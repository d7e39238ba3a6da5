import type {
  Asked,
  AskedBy,
  EnvironmentStatus,
  HostAnswer,
  ManagerCommand,
  ManagerControl,
  ManagerStatus,
  Plan,
  PropertyReading,
  TriggerStatus,
} from '../../src/manager/manager-control.ts';
import type { Host, HostBoot } from '../../src/model/host.ts';
import type { Trigger, VmEnvironment } from '../../src/model/vm-environment.ts';
import type { Vm } from '../../src/model/vm.ts';

/** What was asked of the manager: the method, what it was given, and by whom. */
export interface AskedOfManager {
  readonly method: string;
  readonly given: readonly unknown[];
  readonly by?: AskedBy;
}

interface KnownObjects {
  readonly environments: readonly VmEnvironment[];
  readonly triggers: readonly Trigger[];
}

const nowMs = Date.UTC(2026, 2, 1, 12);

export const hosts: readonly Host[] = [
  {
    name: 'post01',
    state: 'online',
    reason: 'its agent answers',
    sinceMs: nowMs - 60_000,
    duty: 'active',
    boot: 17,
    session: 42,
    role: 'farm',
    roleReason: 'its machine document names it',
    capacity: { memoryMib: 3584, freeMib: 2048, cpus: 4 },
    bridges: ['xenbr0', 'br12'],
    images: ['worker@3'],
    heardMs: nowMs - 1000,
  },
  {
    name: 'post02',
    state: 'suspect',
    reason: 'silent for 40 s',
    sinceMs: nowMs - 25_000,
    duty: 'draining',
    session: 0,
    roleReason: 'no role matches it',
    bridges: [],
    images: [],
  },
];
const booted: HostBoot = { machine: 'post01', boot: 17, attempt: 'b-17', address: '192.168.0.11', redeemedMs: nowMs - 90_000 };

const claim = (host: string, seq = 1) => ({ host, boot: 17, session: 42, seq, takenMs: nowMs - 50_000, command: `c-${seq}` });
function vmOf(name: string, more: Partial<Vm>): Vm {
  return {
    name,
    environment: 'worker',
    instances: 'at-least-one',
    uuid: '5f0c1d0e-3b1e-4f5e-9d0e-0c1d2e3f4a5b',
    state: 'running',
    reason: 'its domain runs',
    sinceMs: nowMs - 40_000,
    claims: [claim('post01')],
    memoryMib: 512,
    vcpus: 1,
    cards: [{ mac: '00:16:3e:00:00:01', bridge: 'xenbr0', address: 'dhcp' }],
    failures: [],
    ...more,
  };
}
export const vms: readonly Vm[] = [
  vmOf('gateway-1', {
    environment: 'gateway',
    instances: 'at-most-one',
    state: 'lost',
    reason: 'post02 is silent: nobody knows whether it runs',
    claims: [claim('post02', 4)],
    cards: [{ mac: '00:16:3e:00:00:09', bridge: 'br12', vlan: 12, address: '10.12.0.1/24', gateway: '10.12.0.254' }],
  }),
  vmOf('worker-1', { image: 'dom0@1', runningMs: nowMs - 40_000, ready: { atMs: nowMs - 30_000, address: '192.168.0.117' } }),
  vmOf('worker-2', {
    state: 'error',
    reason: 'it failed to start twice',
    claims: [],
    failures: [{ host: 'post01', atMs: nowMs - 45_000, reason: 'xl create: not enough free memory' }],
  }),
];

function commandOf(id: string, ageMs: number, more: Partial<ManagerCommand>): ManagerCommand {
  return {
    id,
    host: 'post01',
    command: 'vm.create',
    args: { vm: 'worker-1' },
    vm: 'worker-1',
    state: 'done',
    reason: 'the domain runs',
    author: 'manager',
    createdMs: nowMs - ageMs,
    times: 1,
    boot: 17,
    session: 42,
    expiresMs: nowMs + 300_000,
    ...more,
  };
}
export const commands: readonly ManagerCommand[] = [
  commandOf('c-1', 50_000, { sentMs: nowMs - 50_000, endedMs: nowMs - 40_000, result: { domid: 3 } }),
  commandOf('c-2', 10_000, {
    host: 'post02',
    command: 'vm.migrate',
    args: { vm: 'gateway-1', to: '10.77.0.11', key: 'a secret of two hosts' },
    vm: 'gateway-1',
    state: 'queued',
    reason: 'post02 is silent',
    times: 0,
  }),
];

const readings: readonly PropertyReading[] = [
  {
    machine: 'post01',
    name: 'ram_free',
    type: 'int',
    value: 2048,
    atMs: nowMs - 5000,
    history: [
      { atMs: nowMs - 65_000, value: 2560 },
      { atMs: nowMs - 5000, value: 2048 },
    ],
  },
  {
    machine: 'post01',
    name: 'raid',
    type: 'string',
    value: 'clean',
    atMs: nowMs - 600_000,
    problem: { code: 'timeout', reason: 'raid.sh took longer than 10 s', atMs: nowMs - 4000 },
    history: [],
  },
  { machine: 'post02', name: 'ram_free', type: 'int', value: 1024, atMs: nowMs - 40_000, history: [] },
];

const plan: Plan = {
  steps: [
    {
      action: 'start',
      vm: 'worker-3',
      environment: 'worker',
      host: 'post01',
      reason: 'worker wants 2, 1 runs',
      reasons: [
        { about: 'post01', verdict: 'chosen', reason: '2048 MiB free' },
        { about: 'post02', verdict: 'refused', reason: 'it is silent' },
      ],
    },
    { action: 'wait', vm: 'gateway-1', environment: 'gateway', from: 'post02', reason: 'no proof that it is dead', reasons: [] },
  ],
  notes: [{ about: 'post01', verdict: 'note', reason: 'if it failed, 2 VMs would find no place' }],
};

/** A manager that knows what this file says, remembers what it was asked, and refuses what a test tells it to. */
export class FakeManager implements ManagerControl {
  readonly asked: AskedOfManager[] = [];
  /** Names that are refused, each with the reason. */
  readonly refusals = new Map<string, string>();
  readonly wanted = new Map<string, number>();
  readonly paused = new Set<string>();
  held: ManagerStatus['hold'];
  readonly duties = new Map<string, Host['duty']>();
  consoleText = 'worker-1 login: ';
  readonly #objects: () => KnownObjects;

  constructor(objects: () => KnownObjects) {
    this.#objects = objects;
  }

  status(): ManagerStatus {
    return {
      name: 'server1',
      state: 'leading',
      reason: 'it has led since it started',
      sinceMs: nowMs - 100_000,
      ...(this.held !== undefined && { hold: this.held }),
      bus: { state: 'connected', reason: 'connected to the broker', kind: 'embedded' },
      agents: 1,
      openCommands: 1,
      others: [{ name: 'server2', state: 'standby', reason: 'server1 leads', sinceMs: nowMs - 90_000 }],
    };
  }

  hosts(): readonly Host[] {
    return hosts.map((host) => Object.assign({}, host, { duty: this.duties.get(host.name) ?? host.duty }));
  }

  host(name: string): ReturnType<ManagerControl['host']> {
    const host = this.hosts().find((each) => each.name === name);
    if (host === undefined) return undefined;
    return {
      host,
      ...(name === booted.machine && { boot: booted }),
      vms: vms.filter(({ claims }) => claims.some((each) => each.host === name)),
    };
  }

  vms(): readonly Vm[] {
    return vms;
  }

  vm(name: string): Vm | undefined {
    return vms.find((each) => each.name === name);
  }

  environments(): readonly EnvironmentStatus[] {
    return this.#objects().environments.map((environment) => this.#statusOf(environment));
  }

  commands(): readonly ManagerCommand[] {
    return commands;
  }

  command(id: string): ManagerCommand | undefined {
    return commands.find((each) => each.id === id);
  }

  properties(machine?: string): readonly PropertyReading[] {
    return readings.filter((each) => machine === undefined || each.machine === machine);
  }

  triggers(): readonly TriggerStatus[] {
    return this.#objects().triggers.map((trigger) => ({
      trigger,
      lastEvaluation: { atMs: nowMs - 5000, result: 'false', reason: 'false: load is 0.4', inputs: { 'post01.load': 0.4 } },
      lastFired: { atMs: nowMs - 3_600_000, outcome: 'worker scaled from 2 to 3' },
      nextMs: nowMs + 55_000,
    }));
  }

  plan(options: Parameters<ManagerControl['plan']>[0] = {}): Plan {
    this.asked.push({ method: 'plan', given: [options] });
    return {
      ...plan,
      steps: plan.steps.filter(({ environment }) => options.environment === undefined || environment === options.environment),
    };
  }

  explainVm(name: string): ReturnType<ManagerControl['explainVm']> {
    return this.vm(name) && [{ about: 'post02', verdict: 'note', reason: 'power read back as off would let it move' }];
  }

  async scale(environment: string, count: number, by: AskedBy): Promise<Asked<EnvironmentStatus>> {
    const found = this.#objects().environments.find(({ name }) => name === environment);
    if (found !== undefined && (count < found.count.min || count > found.count.max))
      return { kind: 'refused', reason: `${environment} has from ${found.count.min} to ${found.count.max} VMs: change its count first` };
    return this.#ask('scale', [environment, count], by, found, () => {
      if (by.dryRun !== true) this.wanted.set(environment, count);
      return this.#statusOf(found ?? missing());
    });
  }

  async pauseEnvironment(environment: string, paused: boolean, by: AskedBy): Promise<Asked<EnvironmentStatus>> {
    const found = this.#objects().environments.find(({ name }) => name === environment);
    return this.#ask('pauseEnvironment', [environment, paused], by, found, () => {
      if (by.dryRun !== true && paused) this.paused.add(environment);
      if (by.dryRun !== true && !paused) this.paused.delete(environment);
      return this.#statusOf(found ?? missing());
    });
  }

  async setDuty(host: string, duty: 'active' | 'draining', by: AskedBy): Promise<Asked<Host>> {
    return this.#ask('setDuty', [host, duty], by, this.host(host), () => {
      if (by.dryRun !== true) this.duties.set(host, duty);
      return this.host(host)?.host ?? missing();
    });
  }

  async setDuties(names: readonly string[], duty: 'active' | 'draining', by: AskedBy): Promise<Asked<readonly HostAnswer[]>> {
    this.asked.push({ method: 'setDuties', given: [names, duty], by });
    const before = new Map(this.hosts().map((host) => [host.name, host.duty]));
    const answerOf = async (host: string): Promise<HostAnswer> => {
      const answer = await this.setDuty(host, duty, by);
      this.asked.pop();
      return { host, answer, changed: answer.kind === 'done' && before.get(host) !== duty };
    };
    return { kind: 'done', result: await Promise.all([...new Set(names)].map(answerOf)) };
  }

  async confirmDead(host: string, typed: string, by: AskedBy): Promise<Asked<readonly Vm[]>> {
    return this.#ask('confirmDead', [host, typed], by, this.host(host), () => this.host(host)?.vms ?? []);
  }

  async setRole(host: string, role: string | undefined, by: AskedBy): Promise<Asked<Host>> {
    return this.#ask('setRole', [host, role], by, this.host(host), () => this.host(host)?.host ?? missing());
  }

  async clearVm(vm: string, by: AskedBy): Promise<Asked<Vm>> {
    return this.#askVm('clearVm', [vm], by);
  }

  async stopVm(vm: string, how: 'shutdown' | 'destroy', by: AskedBy): Promise<Asked<Vm>> {
    return this.#askVm('stopVm', [vm, how], by);
  }

  async rebootVm(vm: string, by: AskedBy): Promise<Asked<Vm>> {
    return this.#askVm('rebootVm', [vm], by);
  }

  async pauseVm(vm: string, paused: boolean, by: AskedBy): Promise<Asked<Vm>> {
    return this.#askVm('pauseVm', [vm, paused], by);
  }

  async migrateVm(vm: string, host: string, by: AskedBy): Promise<Asked<Vm>> {
    return this.#askVm('migrateVm', [vm, host], by);
  }

  async consoleOf(vm: string, bytes: number): Promise<Asked<string>> {
    this.asked.push({ method: 'consoleOf', given: [vm, bytes] });
    return this.refusals.has(vm)
      ? { kind: 'refused', reason: this.refusals.get(vm) ?? '' }
      : { kind: 'done', result: this.consoleText.slice(-bytes) };
  }

  async query(host: string, names: readonly string[]): Promise<Asked<readonly PropertyReading[]>> {
    if (this.host(host) === undefined) return { kind: 'not-found', what: `host ${host}` };
    return { kind: 'done', result: this.properties(host).filter(({ name }) => names.includes(name)) };
  }

  async rebootHost(host: string, by: AskedBy): Promise<Asked<Host>> {
    return this.#ask('rebootHost', [host], by, this.host(host), () => this.host(host)?.host ?? missing());
  }

  async cancelCommand(id: string, by: AskedBy): Promise<Asked<ManagerCommand>> {
    return this.#ask('cancelCommand', [id], by, this.command(id), () => ({ ...(this.command(id) ?? missing()), state: 'cancelled' }));
  }

  async hold(reason: string | undefined, by: AskedBy): Promise<Asked<ManagerStatus>> {
    return this.#ask('hold', [reason], by, true, () => {
      const hold = reason === undefined ? undefined : ({ reason, sinceMs: nowMs, by: 'operator' } as const);
      if (by.dryRun !== true) this.held = hold;
      const { hold: _, ...rest } = this.status();
      return { ...rest, ...(hold !== undefined && { hold }) };
    });
  }

  checkTrigger({ expr }: Trigger): ReturnType<ManagerControl['checkTrigger']> {
    if (expr.includes('agnets')) return { problems: [{ pointer: '/expr', detail: 'unknown name agnets' }] };
    return { problems: [], evaluation: { atMs: nowMs, result: 'true', reason: 'it would scale worker to 3', inputs: { load: 9 } } };
  }

  #askVm(method: string, given: readonly [string, ...unknown[]], by: AskedBy): Asked<Vm> {
    return this.#ask(method, given, by, this.vm(given[0]), () => this.vm(given[0]) ?? missing());
  }

  #ask<Result>(method: string, given: readonly unknown[], by: AskedBy, found: unknown, result: () => Result): Asked<Result> {
    const name = String(given[0]);
    if (found === undefined) return { kind: 'not-found', what: `such thing as ${name}` };
    const reason = this.refusals.get(name);
    if (reason !== undefined) return { kind: 'refused', reason };
    this.asked.push({ method, given, by });
    return { kind: 'done', result: result(), notes: ['it begins at once'] };
  }

  #statusOf(environment: VmEnvironment): EnvironmentStatus {
    const wanted = this.wanted.get(environment.name) ?? environment.count.min;
    const own = vms.filter((vm) => vm.environment === environment.name);
    const running = own.filter(({ state }) => state === 'running').length;
    const paused = environment.paused || this.paused.has(environment.name);
    return {
      environment,
      wanted,
      wantedBy: this.wanted.has(environment.name) ? 'anna' : 'its document',
      running,
      ready: own.filter(({ ready }) => ready !== undefined).length,
      starting: 0,
      troubled: own.filter(({ state }) => state === 'lost' || state === 'error').length,
      paused,
      state: paused ? 'paused' : running === wanted ? 'as-wanted' : 'short',
      reason: `${running} of ${wanted} run`,
      sinceMs: nowMs - 30_000,
    };
  }
}

function missing(): never {
  throw new Error('it was found before');
}
