import type { Host } from '../../model/host.ts';
import type { Role, VmEnvironment } from '../../model/vm-environment.ts';
import type { Reason } from '../manager-control.ts';

/** A VM that takes room on a host: it runs there, or its claim on it is not proved to have ended. */
export interface PlacedVm {
  readonly name: string;
  readonly environment: string;
  readonly memoryMib: number;
  readonly vcpus: number;
  /** Whether the host's `freeMib` is without its memory already, since its domain was there when that was read. */
  readonly counted: boolean;
}

export interface PlacementHost extends Pick<Host, 'name' | 'state' | 'reason' | 'duty' | 'capacity' | 'bridges'> {
  /** Its document; a host without one may have no VM. */
  readonly role: Role | undefined;
  /** The machine's own and its role's: `effectiveLabels`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly vms: readonly PlacedVm[];
}

/** A VM that wants a place. */
export interface WaitingVm {
  readonly name: string;
  readonly environment: string;
  /** Without them what the environment says. */
  readonly memoryMib?: number;
  readonly vcpus?: number;
  /** Hosts where it failed: others are better. With `never` it is not put there at all. */
  readonly avoid?: readonly { readonly host: string; readonly reason: string; readonly never?: boolean }[];
  /** Where it was last: among hosts that are equally fit this one is taken. */
  readonly last?: string;
}

export interface PlacementRequest {
  readonly hosts: readonly PlacementHost[];
  readonly environments: readonly VmEnvironment[];
  readonly vms: readonly WaitingVm[];
  /** Whether to say for each environment if the loss of a host could be borne. It takes as long as the placement itself. */
  readonly nPlusOne?: boolean;
}

/** Where a VM goes, or nowhere; and of each host why, the chosen one first, then the others by name. */
export type Place =
  | { readonly kind: 'host'; readonly vm: string; readonly host: string; readonly reason: string; readonly reasons: readonly Reason[] }
  | { readonly kind: 'none'; readonly vm: string; readonly reason: string; readonly reasons: readonly Reason[] };

export interface Placement {
  /** In the order in which they were decided: the highest priority first. */
  readonly places: readonly Place[];
  /** About environments: N+1, and those that no host may have whatever is free. */
  readonly notes: readonly Reason[];
}

/** A VM that has to leave its host. */
export interface Move {
  readonly vm: string;
  readonly environment: string;
  readonly from: string;
  readonly to: Place;
}

export interface MoveRequest extends Omit<PlacementRequest, 'vms'> {
  /** Hosts to be emptied; without them all that are draining. */
  readonly from?: readonly string[];
}

/** Why a host may not have a VM. */
export interface Refusal {
  /** In few words, to be counted: `3 draining`. */
  readonly brief: string;
  /** As a sentence about this host. */
  readonly text: string;
  /** Whether it stays so until somebody changes a document, a label or the host's memory. */
  readonly lasting: boolean;
}
