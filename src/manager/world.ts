import type { HostBoot } from '../model/host.ts';
import type { Machine } from '../model/machine.ts';
import type { Role, Trigger, VmEnvironment } from '../model/vm-environment.ts';
import type { Vm } from '../model/vm.ts';
import type { ManagerObjects, VmImage } from './surroundings.ts';
import type { ManagerSettings } from './settings.ts';
import type { Now } from './state.ts';

/** What decisions rest on beside the manager's own state, as it stands at one moment. Reading it costs nothing and waits for nothing. */
export interface World {
  readonly manager: string;
  readonly now: Now;
  readonly settings: ManagerSettings;
  readonly objects: Objects;
  newestBoot(machine: string): HostBoot | undefined;
  resolveImage(image: string): VmImage;
  renderDomain(vm: Vm, environment: VmEnvironment, host: string): { readonly config: string } | { readonly problem: string };
  hasPower(machine: string): boolean;
  /** What is wrong with this server's own way to a host; `undefined` where nothing is known to be. */
  pathProblem(machine: string): string | undefined;
  roleOf(
    machine: Machine,
    assigned: { readonly role: string; readonly by: string } | undefined,
    /** The role that it has, which stays while its rule cannot be evaluated. */
    current: string | undefined,
  ): { readonly role?: string; readonly reason: string };
  newId(): string;
  newKey(): string;
}

/** The documents by name. */
export interface Objects {
  readonly machines: ReadonlyMap<string, Machine>;
  readonly environments: ReadonlyMap<string, VmEnvironment>;
  readonly roles: ReadonlyMap<string, Role>;
  readonly triggers: ReadonlyMap<string, Trigger>;
  readonly listed: ManagerObjects;
}

export function byName(objects: ManagerObjects): Objects {
  return {
    machines: named(objects.machines),
    environments: named(objects.environments),
    roles: named(objects.roles),
    triggers: named(objects.triggers),
    listed: objects,
  };
}

function named<Named extends { readonly name: string }>(items: readonly Named[]): ReadonlyMap<string, Named> {
  return new Map(items.map((item) => [item.name, item]));
}
