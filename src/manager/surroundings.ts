import type { Clock } from '../clock.ts';
import type { NewEvent } from '../events/event-store.ts';
import type { Log } from '../log.ts';
import type { HostBoot } from '../model/host.ts';
import type { Machine } from '../model/machine.ts';
import type { Role, Trigger, VmEnvironment } from '../model/vm-environment.ts';
import type { Vm } from '../model/vm.ts';
import type { Bus } from '../bus/bus.ts';
import type { ManagerStore } from './manager-store.ts';

/** What people said should be, at one moment. */
export interface ManagerObjects {
  readonly machines: readonly Machine[];
  readonly environments: readonly VmEnvironment[];
  readonly roles: readonly Role[];
  readonly triggers: readonly Trigger[];
}

/** What a machine's power control says, read back. */
export type PowerReading = { readonly kind: 'on' | 'off' } | { readonly kind: 'unknown'; readonly reason: string };

export interface PowerControl {
  /** Whether this machine has a power control at all. */
  has(machine: string): boolean;
  read(machine: string): Promise<PowerReading>;
  /** Resolves with what was read back afterwards; `cycle` is never a proof of anything. */
  switch(machine: string, action: 'on' | 'off' | 'cycle'): Promise<PowerReading>;
}

export interface VmImageFile {
  readonly name: string;
  /** Below the boot HTTP server: `/images/worker@3/vmlinuz`. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

export type VmImage =
  | { readonly kind: 'found'; readonly ref: string; readonly files: readonly VmImageFile[] }
  | { readonly kind: 'missing'; readonly reason: string };

/**
 * All that the manager sees and touches. It is the whole of its world, so that its own code runs in a simulator with a held clock.
 */
export interface Surroundings {
  /** Of this manager, among those on one database and bus. */
  readonly name: string;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly store: ManagerStore;
  readonly power: PowerControl;
  readonly objects: { readonly current: ManagerObjects; subscribe(listener: () => void): () => void };
  /** Boots that were redeemed by a hello: the newest of each machine, and each new one as soon as it is durable. */
  readonly boots: { newest(machine: string): HostBoot | undefined; subscribe(listener: (boot: HostBoot) => void): () => void };
  readonly images: { resolve(image: string): VmImage };
  /** What keeps this server itself from an address, such as a NIC without carrier; without it nothing is known of that. */
  readonly network?: { problemTo(address: string): string | undefined };
  /** The xl.cfg of a VM by its environment's template; `{file:vmlinuz}` stands for what the agent has fetched, `{server}` for where from. */
  renderDomain(vm: Vm, environment: VmEnvironment, host: string): { readonly config: string } | { readonly problem: string };
  /** Told to people, in the order of happening. */
  tell(event: NewEvent): void;
  /** All that is told in the service, what this manager tells among it: for triggers, which without it see only the latter. */
  readonly events?: { subscribe(listener: (event: NewEvent) => void): () => void };
  readonly log: Log;
  /** Random, for ids and nonces; numbered in tests. */
  newId(): string;
  /** A secret of 256 random bits, as base64url; numbered in tests. */
  newKey(): string;
}
