import type { NewEvent } from '../../../src/events/event-store.ts';
import type { Machine } from '../../../src/model/machine.ts';
import type { Role, VmEnvironment } from '../../../src/model/vm-environment.ts';
import type { Draft, PowerAsk, Sending } from '../../../src/manager/draft.ts';
import type { Input } from '../../../src/manager/hear/input.ts';
import type { AgentMessageOf, DomainReport } from '../../../src/manager/protocol.ts';
import { defaultSettings } from '../../../src/manager/settings.ts';
import type { ManagerSettings } from '../../../src/manager/settings.ts';
import { emptyState } from '../../../src/manager/state.ts';
import type { KeptCommand, KeptVm, ManagerState } from '../../../src/manager/state.ts';
import { takeTurn } from '../../../src/manager/turn.ts';
import { byName } from '../../../src/manager/world.ts';
import type { VmImage } from '../../../src/manager/surroundings.ts';
import type { World } from '../../../src/manager/world.ts';

export const wallMs = Date.UTC(2026, 0, 1);

export function environmentOf(change: Partial<VmEnvironment> & { readonly name: string }): VmEnvironment {
  return {
    instances: 'at-most-one',
    image: change.name,
    template: 'domu.xl',
    kernelArguments: [],
    memoryMib: 256,
    vcpus: 1,
    networks: [],
    storage: [],
    count: { min: 1, max: 1 },
    constraints: { labels: {}, spread: false, apartFrom: [], excludes: [] },
    priority: 0,
    readySeconds: 0,
    paused: false,
    parameters: {},
    ...change,
  };
}

export const fixed = (count: number): VmEnvironment['count'] => ({ min: count, max: count });

export function roleOf(change: Partial<Role> & { readonly name: string }): Role {
  return { environments: [], networks: [], labels: {}, properties: [], reserveMib: 0, priority: 0, ...change };
}

interface Machinery {
  boot: number;
  domains: DomainReport[];
  settled: boolean;
  answers: boolean;
  memoryMib: number;
  mac?: string;
}

export interface FarmSetup {
  readonly environments?: readonly VmEnvironment[];
  readonly roles?: readonly Role[];
  readonly settings?: Partial<ManagerSettings>;
  readonly power?: readonly string[];
}

/**
 * A farm around the manager's pure core: turns are taken by hand, agents answer as the test says, and what was told and sent is kept.
 */
export class Farm {
  state: ManagerState = emptyState;
  monoMs = 1_000_000;
  environments: VmEnvironment[];
  roles: Role[];
  machines: Machine[] = [];
  missingImages = new Set<string>();
  imageFiles: (image: string) => Extract<VmImage, { kind: 'found' }>['files'] = () => [];
  renderProblem: string | undefined;
  pathProblem: string | undefined;
  readonly settings: ManagerSettings;
  readonly power: ReadonlySet<string>;
  readonly events: NewEvent[] = [];
  readonly sendings: Sending[] = [];
  readonly powerAsks: PowerAsk[] = [];
  readonly faults: unknown[] = [];
  readonly hosts = new Map<string, Machinery>();
  #ids = 0;
  #boots = 0;
  #objects: World['objects'] | undefined;

  constructor(setup: FarmSetup = {}) {
    this.environments = [...(setup.environments ?? [])];
    this.roles = [...(setup.roles ?? [roleOf({ name: 'farm', environments: this.environments.map(({ name }) => name) })])];
    this.settings = { ...defaultSettings, ...setup.settings };
    this.power = new Set(setup.power);
    this.turn({ kind: 'bus', connected: true, reason: '' });
    // The grace after the manager's own start is over.
    this.monoMs += this.settings.returnGraceMs;
  }

  world(): World {
    this.#objects ??= byName({ machines: this.machines, environments: this.environments, roles: this.roles, triggers: [] });
    return {
      manager: 'server1',
      now: { wallMs: wallMs + this.monoMs, monoMs: this.monoMs },
      settings: this.settings,
      objects: this.#objects,
      newestBoot: (machine) => {
        const { boot, mac } = this.hosts.get(machine) ?? {};
        return boot === undefined ? undefined : { machine, boot, attempt: 'a', redeemedMs: 0, ...(mac !== undefined && { mac }) };
      },
      resolveImage: (image) =>
        this.missingImages.has(image)
          ? { kind: 'missing', reason: `there is no image ${image}: build it` }
          : { kind: 'found', ref: image.includes('@') ? image : `${image}@1`, files: this.imageFiles(image) },
      renderDomain: (vm) => (this.renderProblem === undefined ? { config: `name = "${vm.name}"` } : { problem: this.renderProblem }),
      hasPower: (machine) => this.power.has(machine),
      pathProblem: () => this.pathProblem,
      roleOf: (machine, assigned) => {
        const role = machine.role ?? assigned?.role ?? 'farm';
        return this.roles.some(({ name }) => name === role) ? { role, reason: 'the test says so' } : { reason: `there is no Role ${role}` };
      },
      newId: () => `id${++this.#ids}`,
      newKey: () => 'k'.repeat(43),
    };
  }

  turn(...inputs: readonly Input[]): Draft {
    const draft = takeTurn(this.state, inputs, this.world());
    this.state = draft.state;
    this.events.push(...draft.events);
    this.sendings.push(...draft.sendings);
    this.powerAsks.push(...draft.power);
    this.faults.push(...draft.faults);
    return draft;
  }

  look(): Draft {
    return this.turn({ kind: 'look' });
  }

  /** Documents have changed. */
  changed(): void {
    this.#objects = undefined;
    this.look();
  }

  /** Each boots and says hello, its agent comes, agrees, and all answer the next beat together. */
  start(...names: readonly string[]): void {
    const fresh = names.filter((name) => !this.machines.some((machine) => machine.name === name));
    this.machines = [...this.machines, ...fresh.map((name) => ({ name, nics: [], labels: {}, parameters: {} }))];
    this.#objects = undefined;
    for (const name of names) {
      this.boot(name);
      this.join(name);
    }
    this.beat();
  }

  boot(name: string, memoryMib = 8192, mac?: string): void {
    const machinery = { boot: ++this.#boots, domains: [], settled: true, answers: true, memoryMib };
    this.hosts.set(name, { ...machinery, ...(mac !== undefined && { mac }) });
    this.look();
  }

  /** Its agent (re)connects and agrees to what session it is asked for. */
  join(name: string, connection = `connection${++this.#ids}`): void {
    this.presence(name, 'here', connection);
    this.say(name, { action: 'session' }, false);
  }

  presence(name: string, state: 'here' | 'left' | 'lost', connection: string, boot = this.#machinery(name).boot): void {
    this.turn({
      kind: 'presence',
      host: name,
      presence: { v: 1, kind: 'PRESENCE', state, reason: '', boot, connection, agent: '1' },
    });
  }

  /** What a host's agent says of its domains now. `fresh`: in answer to a beat that was published just now. */
  say(name: string, change: Partial<AgentMessageOf<'CONTROLVAL'>> = {}, fresh = true, beatMs = this.monoMs): void {
    const { boot, domains, settled, memoryMib } = this.#machinery(name);
    const used = domains.reduce((sum, domain) => sum + domain.memoryMib, 0);
    const facts = {
      agent: '1',
      hypervisor: 'Xen',
      memoryMib,
      freeMib: memoryMib - used,
      cpus: 8,
      bridges: ['xenbr0'],
      nics: ['eth0'],
      address: name,
    };
    this.turn({
      kind: 'message',
      host: name,
      atMs: this.monoMs,
      wallMs: wallMs + this.monoMs,
      ...(fresh && { beatMs }),
      message: {
        v: 1,
        kind: 'CONTROLVAL',
        id: 'm',
        reply: 'r',
        action: 'beat',
        boot,
        session: this.session(name),
        ...(fresh && { nonce: `n${beatMs}` }),
        domains: [...domains],
        settled,
        busy: [],
        ...(change.action === 'session' && { facts }),
        ...change,
      },
    });
  }

  /** One beat: time passes, and all that answer do. */
  beat(times = 1): void {
    for (let left = times; left > 0; left--) {
      this.monoMs += this.settings.beatMs;
      for (const [name, { answers }] of this.hosts) if (answers) this.say(name);
      this.look();
    }
  }

  wait(ms: number): void {
    const until = this.monoMs + ms;
    while (this.monoMs < until) {
      this.monoMs += Math.min(1000, until - this.monoMs);
      this.look();
    }
  }

  silence(name: string): void {
    this.#machinery(name).answers = false;
  }

  answersAgain(name: string): void {
    this.#machinery(name).answers = true;
  }

  /** The agent does what it was sent: starts, stops, networks; each is answered, and seen in the next report. */
  obey(): void {
    for (const command of this.state.open.values()) if (this.#machinery(command.host).answers) this.do(command);
  }

  do(command: KeptCommand): void {
    const machinery = this.#machinery(command.host);
    const { vm = '' } = command;
    if (command.command === 'vm.create')
      machinery.domains = [...machinery.domains, domainOf(vm, Number(command.args['claim']), { uuid: String(command.args['uuid']) })];
    const stops = command.command === 'vm.destroy' || command.command === 'vm.shutdown';
    if (stops) machinery.domains = machinery.domains.filter(({ name }) => name !== vm);
    this.answer(command, stops ? { domain: 'absent' } : {});
  }

  answer(command: KeptCommand, result: unknown = {}): void {
    this.turn({
      kind: 'message',
      host: command.host,
      atMs: this.monoMs,
      wallMs: wallMs + this.monoMs,
      message: { v: 1, kind: 'EXECVAL', id: 'm', reply: command.id, session: this.session(command.host), repeated: false, result },
    });
  }

  refuse(command: KeptCommand, change: Partial<AgentMessageOf<'EXECERR'>> = {}): void {
    this.turn({
      kind: 'message',
      host: command.host,
      atMs: this.monoMs,
      wallMs: wallMs + this.monoMs,
      message: {
        v: 1,
        kind: 'EXECERR',
        id: 'm',
        reply: command.id,
        session: this.session(command.host),
        repeated: false,
        code: 'failed',
        reason: 'xl says no',
        domain: 'absent',
        ...change,
      },
    });
  }

  /** Everything that is wanted starts and is seen to run. */
  settle(): void {
    this.wait(1000);
    this.obey();
    this.beat();
  }

  session(host: string): number {
    return this.state.hosts.get(host)?.kept.session ?? 0;
  }
  stateOf(host: string): string {
    return this.state.hosts.get(host)?.kept.state ?? 'none';
  }
  vm(name: string): KeptVm {
    const vm = this.state.vms.get(name);
    if (vm === undefined) throw new Error(`there is no VM ${name}: ${[...this.state.vms.keys()].join(', ')}`);
    return vm;
  }
  /** `gateway-1 running post01`, by name. */
  vms(): string[] {
    return [...this.state.vms.values()]
      .map(({ name, state, claims }) => [name, state, ...claims.map(({ host }) => host)].join(' '))
      .sort((a, b) => a.localeCompare(b));
  }
  /** `vm.create gateway-1 post01` of what is open, without images that are fetched for VMs to come. */
  commands(): string[] {
    const open = [...this.state.open.values()].filter(({ command }) => command !== 'image.fetch');
    return open.map(({ command, vm, host }) => [command, ...(vm === undefined ? [] : [vm]), host].join(' '));
  }
  /** `worker@1 post01` of what is being fetched for VMs to come. */
  fetches(): string[] {
    const open = [...this.state.open.values()].filter(({ command }) => command === 'image.fetch');
    return open.map(({ host, args }) => `${String(args['image'])} ${host}`);
  }
  open(command: string, vm?: string): KeptCommand {
    const found = [...this.state.open.values()].find((each) => each.command === command && (vm === undefined || each.vm === vm));
    if (found === undefined) throw new Error(`no ${command} is open: ${this.commands().join(', ')}`);
    return found;
  }
  told(kind: string): NewEvent[] {
    return this.events.filter((event) => event.kind === kind);
  }
  ask<Result>(act: (draft: Draft) => Result): Result {
    const results: Result[] = [];
    this.turn({ kind: 'asked', act: (draft) => void results.push(act(draft)) });
    const [result] = results;
    if (result === undefined) throw new Error('nothing was answered');
    return result;
  }

  #machinery(host: string): Machinery {
    const machinery = this.hosts.get(host);
    if (machinery === undefined) throw new Error(`there is no host ${host}`);
    return machinery;
  }
}

export function domainOf(name: string, claim?: number, change: Partial<DomainReport> = {}): DomainReport {
  return { name, uuid: 'u', domid: 1, state: 'running', memoryMib: 256, vcpus: 1, ...(claim !== undefined && { claim }), ...change };
}
