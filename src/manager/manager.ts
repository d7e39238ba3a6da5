import type { Host, HostBoot } from '../model/host.ts';
import type { Trigger } from '../model/vm-environment.ts';
import type { Vm } from '../model/vm.ts';
import { hold, cancelCommand } from './ask/about-manager.ts';
import { pause, scale } from './ask/about-environments.ts';
import { confirmDead, rebootHost, setDuties, setDuty, setRole } from './ask/about-hosts.ts';
import { clearVm, consoleOf, migrateVm, pauseVm, rebootVm, stopVm } from './ask/about-vms.ts';
import type { Act } from './ask/asking.ts';
import { reachable } from './decide/commands.ts';
import { staysByHost } from './decide/duties.ts';
import { Draft } from './draft.ts';
import { explainVm } from './explain/explain-vm.ts';
import { planNow } from './explain/plan.ts';
import { environmentStatus, hostView } from './explain/views.ts';
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
  Reason,
  TriggerStatus,
} from './manager-control.ts';
import { defaultSettings } from './settings.ts';
import type { ManagerSettings } from './settings.ts';
import { AskDesk } from './shell/ask-desk.ts';
import { ManagerLoop } from './shell/manager-loop.ts';
import { managerStatus } from './explain/manager-status.ts';
import { Reflexes } from './shell/reflexes.ts';
import { WorldView } from './shell/world-view.ts';
import type { KeptVm, ManagerState } from './state.ts';
import type { Surroundings } from './surroundings.ts';

/** Decides what runs where, and sees to it. */
export class Manager implements ManagerControl {
  readonly #surroundings: Surroundings;
  readonly #settings: ManagerSettings;
  readonly #reflexes: Reflexes;
  readonly #loop: ManagerLoop;
  readonly #desk: AskDesk;
  #listed: { readonly of?: ManagerState['vms']; readonly vms: readonly Vm[] } = { vms: [] };

  private constructor(surroundings: Surroundings, settings: ManagerSettings) {
    this.#surroundings = surroundings;
    this.#settings = settings;
    this.#reflexes = new Reflexes(surroundings.clock);
    this.#loop = new ManagerLoop(surroundings, settings, new WorldView(surroundings, settings, this.#reflexes.sight), this.#reflexes);
    this.#desk = new AskDesk(this.#loop);
  }

  /** Resolves when the records are read; whether it leads, `status()` says. */
  static async start(surroundings: Surroundings, settings: Partial<ManagerSettings> = {}): Promise<Manager> {
    const manager = new Manager(surroundings, { ...defaultSettings, ...settings });
    await manager.#loop.open();
    return manager;
  }

  /** Stops deciding and sending; what was begun is committed. The bus and the store stay open: they are whose they are. */
  async close(): Promise<void> {
    await this.#loop.close();
    this.#reflexes.close();
  }

  status(): ManagerStatus {
    const { standing, ring } = this.#loop;
    return managerStatus(this.#surroundings, this.#settings, { ...standing, others: ring.others }, this.#draft());
  }
  hosts(): readonly Host[] {
    const stays = staysByHost(this.#draft());
    return Array.from(this.#state.hosts.values(), (entry) => hostView(entry, stays.get(entry.kept.name)));
  }
  host(name: string): { readonly host: Host; readonly boot?: HostBoot; readonly vms: readonly Vm[] } | undefined {
    const entry = this.#state.hosts.get(name);
    if (entry === undefined) return undefined;
    const boot = this.#surroundings.boots.newest(name);
    const vms = [...this.#state.vms.values()].filter(({ claims }) => claims.some((claim) => claim.host === name));
    const staying = staysByHost(this.#draft()).get(name);
    return { host: hostView(entry, staying), ...(boot === undefined ? {} : { boot }), vms };
  }
  /** The same array until a VM changes. */
  vms(): readonly Vm[] {
    const { vms } = this.#state;
    if (this.#listed.of !== vms) this.#listed = { of: vms, vms: [...vms.values()] };
    return this.#listed.vms;
  }
  vm(name: string): Vm | undefined {
    return this.#state.vms.get(name);
  }
  environments(): readonly EnvironmentStatus[] {
    const vms = Map.groupBy(this.#state.vms.values(), ({ environment }) => environment);
    return this.#surroundings.objects.current.environments.map((environment) =>
      environmentStatus(this.#state, environment, vms.get(environment.name) ?? []),
    );
  }
  commands(): readonly ManagerCommand[] {
    return [...this.#state.ended.values(), ...this.#state.open.values()];
  }
  command(id: string): ManagerCommand | undefined {
    return this.#state.open.get(id) ?? this.#state.ended.get(id);
  }
  properties(machine?: string): readonly PropertyReading[] {
    return this.#reflexes.readings(machine);
  }
  triggers(): readonly TriggerStatus[] {
    return this.#reflexes.statuses();
  }
  plan(options: { readonly environment?: string; readonly count?: number } = {}): Plan {
    return planNow(this.#state, this.#loop.world(), options);
  }
  explainVm(name: string): readonly Reason[] | undefined {
    return explainVm(this.#draft(), name);
  }
  scale(environment: string, count: number, by: AskedBy): Promise<Asked<EnvironmentStatus>> {
    return this.#desk.ask(scale(environment, count, this.#statusOf(environment)), by);
  }
  pauseEnvironment(environment: string, paused: boolean, by: AskedBy): Promise<Asked<EnvironmentStatus>> {
    return this.#desk.ask(pause(environment, paused, this.#statusOf(environment)), by);
  }
  setDuty(host: string, duty: 'active' | 'draining', by: AskedBy): Promise<Asked<Host>> {
    return this.#desk.ask(setDuty(host, duty), by);
  }
  setDuties(hosts: readonly string[], duty: 'active' | 'draining', by: AskedBy): Promise<Asked<readonly HostAnswer[]>> {
    return this.#desk.ask(setDuties(hosts, duty), by);
  }
  confirmDead(host: string, typed: string, by: AskedBy): Promise<Asked<readonly Vm[]>> {
    return this.#desk.ask(confirmDead(host, typed), by);
  }
  setRole(host: string, role: string | undefined, by: AskedBy): Promise<Asked<Host>> {
    return this.#desk.ask(setRole(host, role), by);
  }
  clearVm(vm: string, by: AskedBy): Promise<Asked<Vm>> {
    return this.#desk.ask(clearVm(vm), by);
  }
  stopVm(vm: string, how: 'shutdown' | 'destroy', by: AskedBy): Promise<Asked<Vm>> {
    return this.#desk.ask(stopVm(vm, how), by);
  }
  rebootVm(vm: string, by: AskedBy): Promise<Asked<Vm>> {
    return this.#desk.ask(rebootVm(vm), by);
  }
  pauseVm(vm: string, paused: boolean, by: AskedBy): Promise<Asked<Vm>> {
    return this.#desk.ask(pauseVm(vm, paused), by);
  }
  migrateVm(vm: string, host: string, by: AskedBy): Promise<Asked<Vm>> {
    return this.#desk.ask(migrateVm(vm, host), by);
  }
  consoleOf(vm: string, bytes: number): Promise<Asked<string>> {
    return this.#desk.askAndHear(consoleOf(vm, bytes), { author: 'manager' }, textOf);
  }
  async query(host: string, names: readonly string[]): Promise<Asked<readonly PropertyReading[]>> {
    const entry = this.#state.hosts.get(host);
    if (entry === undefined) return { kind: 'not-found', what: `host ${host}` };
    const { state, reason } = this.#loop.standing;
    if (state !== 'leading') return { kind: 'refused', reason: `this manager does not lead (${reason}): ask the one that leads` };
    if (!reachable(entry)) return { kind: 'refused', reason: `${host} is ${entry.kept.state}: its agent cannot be asked` };
    if (names.length === 0 || names.length > 256) return { kind: 'refused', reason: 'ask for 1 to 256 properties by name' };
    const id = this.#surroundings.newId();
    const answers = this.#reflexes.awaitAnswers(id, host, names);
    this.#loop.link.send({ kind: 'message', host, message: { v: 1, kind: 'FETCHPROP', id, names: [...names] } });
    return answers;
  }
  rebootHost(host: string, by: AskedBy): Promise<Asked<Host>> {
    return this.#desk.ask(rebootHost(host), by);
  }
  cancelCommand(id: string, by: AskedBy): Promise<Asked<ManagerCommand>> {
    return this.#desk.ask(cancelCommand(id), by);
  }
  hold(reason: string | undefined, by: AskedBy): Promise<Asked<ManagerStatus>> {
    const act: Act<ManagerStatus> = hold(reason, () => this.status());
    return this.#desk.ask(act, by);
  }
  checkTrigger(trigger: Trigger): ReturnType<ManagerControl['checkTrigger']> {
    return this.#reflexes.check(trigger, this.#draft());
  }

  get #state(): ManagerState {
    return this.#loop.state;
  }

  #draft(): Draft {
    return new Draft(this.#state, this.#loop.world());
  }

  #statusOf(name: string): (state: ManagerState) => EnvironmentStatus {
    return (state) => {
      const environment = this.#surroundings.objects.current.environments.find((each) => each.name === name);
      if (environment === undefined) throw new Error(`Environment ${name} was deleted while it was asked about`);
      const vms: KeptVm[] = [...state.vms.values()].filter((vm) => vm.environment === name);
      return environmentStatus(state, environment, vms);
    };
  }
}

/** What `vm.console` answers: `{ text }`, or the text itself. */
function textOf(result: unknown): string {
  if (typeof result === 'string') return result;
  const text = typeof result === 'object' && result !== null && 'text' in result ? result.text : undefined;
  return typeof text === 'string' ? text : '';
}
