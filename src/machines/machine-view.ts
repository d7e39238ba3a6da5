import { madeUpName } from '../boot/waiting.ts';
import type { LoaderArch } from '../model/boot-profile.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Machine, Nic } from '../model/machine.ts';
import type { OneShot } from '../model/one-shot.ts';
import type { UnknownClient } from '../model/unknown-client.ts';
import type { ObjectSnapshot } from './object-state.ts';
import type { StoredObject } from './object-store.ts';

export const machineStates = [
  'pending',
  'ignored',
  'unassigned',
  'new',
  'booting',
  'up',
  'stuck',
  'failed',
  'local',
  'handed-over',
] as const;
export type MachineState = (typeof machineStates)[number];

/** Where the newest boot of a machine stands; the boot desk knows. */
export interface BootStates {
  stateOf(machine: string): MachineBootState | undefined;
}

export interface MachineBootState {
  /** `waiting` for an assignment. */
  readonly state: 'waiting' | 'booting' | 'stuck' | 'up' | 'local' | 'handed-over' | 'failed';
  readonly reason: string;
  /** Wall-clock milliseconds. */
  readonly sinceMs: number;
  readonly openedMs: number;
  /** Of the boot attempt. */
  readonly attempt?: string;
  readonly lastStage?: string;
  readonly address?: Ipv4;
  readonly image?: string;
  readonly profile?: string;
}

/** One line of the machine list: a machine of ours, or an unknown client that waits to become one. */
export interface MachineView {
  readonly name: string;
  /** Whether it is a machine of ours. */
  readonly known: boolean;
  readonly state: MachineState;
  readonly reason: string;
  /** Wall-clock milliseconds. */
  readonly sinceMs: number;
  readonly nics: readonly Nic[];
  /** The one that it had last. */
  readonly address?: Ipv4;
  readonly profile?: string;
  readonly role?: string;
  readonly ignored: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly uuid?: string;
  readonly arch?: LoaderArch;
  readonly subnet?: string;
  readonly lastBootMs?: number;
  readonly attempt?: string;
  readonly lastStage?: string;
  readonly image?: string;
  readonly bootOnce?: OneShot;
  readonly revision?: number;
  readonly updatedMs?: number;
  readonly updatedBy?: string;
  /** Of unknown clients. */
  readonly firstSeenMs?: number;
  readonly lastSeenMs?: number;
  readonly timesSeen?: number;
}

/** What a line of the list is chosen and sorted by; the rest of its view is made when it is shown. */
export interface MachineLine {
  readonly name: string;
  readonly state: MachineState;
  readonly sinceMs: number;
  readonly lastBootMs: number;
  readonly machine?: Machine | undefined;
  readonly client?: UnknownClient | undefined;
  readonly boot?: MachineBootState | undefined;
  readonly stored?: StoredObject | undefined;
}

export function lineOfMachine(stored: StoredObject, machine: Machine | undefined, boot: MachineBootState | undefined): MachineLine {
  const { name, createdMs, updatedMs } = stored;
  const lastBootMs = boot?.openedMs ?? 0;
  if (machine === undefined) return { name, state: 'failed', sinceMs: updatedMs, lastBootMs, machine, boot, stored };
  if (machine.ignored === true) return { name, state: 'ignored', sinceMs: updatedMs, lastBootMs, machine, boot, stored };
  if (boot !== undefined)
    return { name, state: boot.state === 'waiting' ? 'pending' : boot.state, sinceMs: boot.sinceMs, lastBootMs, machine, boot, stored };
  if (machine.profile === undefined) return { name, state: 'unassigned', sinceMs: updatedMs, lastBootMs, machine, boot, stored };
  return { name, state: 'new', sinceMs: createdMs, lastBootMs, machine, boot, stored };
}

export function lineOfClient(client: UnknownClient, boot: MachineBootState | undefined): MachineLine {
  const { mac, firstSeenMs, lastSeenMs } = client;
  return { name: madeUpName(mac), state: 'pending', sinceMs: firstSeenMs, lastBootMs: lastSeenMs, client, boot };
}

export function viewOf(line: MachineLine, snapshot: ObjectSnapshot): MachineView {
  const { name, state, sinceMs, lastBootMs, machine, client, boot, stored } = line;
  const bootOnce = snapshot.oneShots.get(name);
  const address = boot?.address ?? client?.address ?? machine?.nics.find((nic) => nic.address !== undefined)?.address;
  const uuid = machine?.uuid ?? client?.uuid;
  return {
    name,
    known: client === undefined,
    state,
    reason: reasonOf(line, snapshot),
    sinceMs,
    nics: machine?.nics ?? (client === undefined ? [] : [{ mac: client.mac }]),
    ...(address !== undefined && { address }),
    ...(machine?.profile !== undefined && { profile: machine.profile }),
    ...(machine?.role !== undefined && { role: machine.role }),
    ignored: machine?.ignored ?? false,
    labels: machine?.labels ?? {},
    ...(uuid !== undefined && { uuid }),
    ...(lastBootMs > 0 && { lastBootMs }),
    ...(boot?.attempt !== undefined && { attempt: boot.attempt }),
    ...(boot?.lastStage !== undefined && { lastStage: boot.lastStage }),
    ...(boot?.image !== undefined && { image: boot.image }),
    ...(bootOnce !== undefined && { bootOnce }),
    ...(stored !== undefined && { revision: stored.revision, updatedMs: stored.updatedMs, updatedBy: stored.updatedBy }),
    ...(client !== undefined && seenOf(client)),
  };
}

function seenOf({ subnet, arch, firstSeenMs, lastSeenMs, timesSeen }: UnknownClient): Partial<MachineView> {
  return { subnet, ...(arch !== undefined && { arch }), firstSeenMs, lastSeenMs, timesSeen };
}

function reasonOf({ name, state, machine, client, boot, stored }: MachineLine, snapshot: ObjectSnapshot): string {
  if (client !== undefined) {
    const what = `no machine of ours; ${treatmentOf(client, snapshot)}`;
    // That it waits has just been said.
    return boot === undefined || boot.state === 'waiting' ? what : `${what}; ${boot.state}: ${boot.reason}`;
  }
  if (machine === undefined) return 'its document cannot be read by this version of virtdom: edit or remove it';
  if (state === 'ignored') return `set to be ignored; last changed by ${stored?.updatedBy}`;
  if (boot !== undefined) return boot.reason;
  return state === 'unassigned' ? `has no profile: see virtdom machine assign ${name}` : 'was never seen to boot';
}

function treatmentOf({ subnet }: UnknownClient, snapshot: ObjectSnapshot): string {
  switch (snapshot.object('Subnet', subnet)?.unknown.kind) {
    case 'ignore':
      return `not answered: subnet ${subnet} ignores unknown clients`;
    case 'lease':
      return `has an address only: so subnet ${subnet} treats unknown clients`;
    case 'profile':
      return `boots as subnet ${subnet} lets unknown clients`;
    case 'pending':
    case undefined:
      return 'waits for an assignment';
  }
}
