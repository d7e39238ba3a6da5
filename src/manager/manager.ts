import type { Host, HostBoot } from '../model/host.ts';
import type { Trigger } from '../model/vm-environment.ts';
import type { Vm } from '../model/vm.ts';
import type {
  Asked,
  AskedBy,
  EnvironmentStatus,
  ManagerCommand,
  ManagerControl,
  ManagerStatus,
  Plan,
  PropertyReading,
  Reason,
  TriggerEvaluation,
  TriggerStatus,
} from './manager-control.ts';
import { defaultSettings } from './settings.ts';
import type { ManagerSettings } from './settings.ts';
import type { Surroundings } from './surroundings.ts';

/** Decides what runs where, and sees to it. */
export class Manager implements ManagerControl {
  readonly #surroundings: Surroundings;
  readonly #settings: ManagerSettings;

  private constructor(surroundings: Surroundings, settings: ManagerSettings) {
    this.#surroundings = surroundings;
    this.#settings = settings;
  }

  /** Resolves when the records are read; whether it leads, `status()` says. */
  static async start(surroundings: Surroundings, settings: Partial<ManagerSettings> = {}): Promise<Manager> {
    const manager = new Manager(surroundings, { ...defaultSettings, ...settings });
    await surroundings.store.load();
    return manager;
  }

  /** Stops deciding and sending; what was begun is committed. The bus and the store stay open: they are whose they are. */
  async close(): Promise<void> {}

  status(): ManagerStatus {
    return {
      name: this.#surroundings.name,
      state: 'starting',
      reason: 'not written yet',
      sinceMs: this.#surroundings.clock.now(),
      bus: { state: 'disconnected', reason: 'not written yet', kind: this.#settings.busKind },
      agents: 0,
      openCommands: 0,
    };
  }
  hosts(): readonly Host[] {
    return [];
  }
  host(_name: string): { readonly host: Host; readonly boot?: HostBoot; readonly vms: readonly Vm[] } | undefined {
    return undefined;
  }
  vms(): readonly Vm[] {
    return [];
  }
  vm(_name: string): Vm | undefined {
    return undefined;
  }
  environments(): readonly EnvironmentStatus[] {
    return [];
  }
  commands(): readonly ManagerCommand[] {
    return [];
  }
  command(_id: string): ManagerCommand | undefined {
    return undefined;
  }
  properties(_machine?: string): readonly PropertyReading[] {
    return [];
  }
  triggers(): readonly TriggerStatus[] {
    return [];
  }
  plan(_options: { readonly environment?: string; readonly count?: number } = {}): Plan {
    return { steps: [], notes: [] };
  }
  explainVm(_name: string): readonly Reason[] | undefined {
    return undefined;
  }
  async scale(_environment: string, _count: number, _by: AskedBy): Promise<Asked<EnvironmentStatus>> {
    return notYet;
  }
  async pauseEnvironment(_environment: string, _paused: boolean, _by: AskedBy): Promise<Asked<EnvironmentStatus>> {
    return notYet;
  }
  async setDuty(_host: string, _duty: 'active' | 'draining', _by: AskedBy): Promise<Asked<Host>> {
    return notYet;
  }
  async confirmDead(_host: string, _typed: string, _by: AskedBy): Promise<Asked<readonly Vm[]>> {
    return notYet;
  }
  async setRole(_host: string, _role: string | undefined, _by: AskedBy): Promise<Asked<Host>> {
    return notYet;
  }
  async clearVm(_vm: string, _by: AskedBy): Promise<Asked<Vm>> {
    return notYet;
  }
  async stopVm(_vm: string, _how: 'shutdown' | 'destroy', _by: AskedBy): Promise<Asked<Vm>> {
    return notYet;
  }
  async rebootVm(_vm: string, _by: AskedBy): Promise<Asked<Vm>> {
    return notYet;
  }
  async pauseVm(_vm: string, _paused: boolean, _by: AskedBy): Promise<Asked<Vm>> {
    return notYet;
  }
  async migrateVm(_vm: string, _host: string, _by: AskedBy): Promise<Asked<Vm>> {
    return notYet;
  }
  async consoleOf(_vm: string, _bytes: number): Promise<Asked<string>> {
    return notYet;
  }
  async query(_host: string, _names: readonly string[]): Promise<Asked<readonly PropertyReading[]>> {
    return notYet;
  }
  async rebootHost(_host: string, _by: AskedBy): Promise<Asked<Host>> {
    return notYet;
  }
  async cancelCommand(_id: string, _by: AskedBy): Promise<Asked<ManagerCommand>> {
    return notYet;
  }
  async hold(_reason: string | undefined, _by: AskedBy): Promise<Asked<ManagerStatus>> {
    return notYet;
  }
  checkTrigger(_trigger: Trigger): {
    readonly problems: readonly { readonly pointer: string; readonly detail: string }[];
    readonly evaluation?: TriggerEvaluation;
  } {
    return { problems: [] };
  }
}

const notYet = { kind: 'refused', reason: 'not written yet' } as const;
