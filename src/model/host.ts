/**
 * `new`: booted, its agent was not heard yet; `joining`: its agent is here, its role is being brought up; `suspect`: silent;
 * `fencing`: it is being switched off; `fenced`: surely off; `online` may also be `draining` or in `maintenance`.
 */
export type HostState = 'new' | 'joining' | 'online' | 'suspect' | 'fencing' | 'fenced';

/** One boot of a machine that said hello with its boot token, once: a newer number is a newer boot. */
export interface HostBoot {
  readonly machine: string;
  /** Counts up over all machines. */
  readonly boot: number;
  /** The attempt whose token was redeemed. */
  readonly attempt: string;
  readonly address?: string;
  /** The NIC that it booted by. */
  readonly mac?: string;
  readonly redeemedMs: number;
}

export interface HostCapacity {
  /** What the hypervisor can give to VMs in all, and has free now. */
  readonly memoryMib: number;
  readonly freeMib: number;
  readonly cpus: number;
}

/** A VM that does not leave its host, though that is being emptied. */
export interface StayingVm {
  readonly vm: string;
  /** Behind "it stays, since": what keeps it, and what can be done. */
  readonly reason: string;
}

export interface Host {
  readonly name: string;
  readonly state: HostState;
  readonly reason: string;
  readonly sinceMs: number;
  readonly duty: 'active' | 'draining' | 'maintenance';
  /** The newest boot, and what it is ruled by now: a durable number that goes up with each new agreement with the agent. */
  readonly boot?: number;
  readonly session: number;
  readonly role?: string;
  /** `machine`, `label`, `rule`, `trigger` or `none`, in words. */
  readonly roleReason: string;
  readonly capacity?: HostCapacity;
  /** Bridges that are up. */
  readonly bridges: readonly string[];
  /** Images that it has fetched, for VMs that run there or may: `worker@3`. */
  readonly images: readonly string[];
  readonly heardMs?: number;
  /** While it is being emptied: which of its VMs do not leave it. */
  readonly staying?: readonly StayingVm[];
  /**
   * Two machines may act as this host: what its boots from this number on say proves nothing of the VMs that may exist once and were
   * given to earlier ones, until a person has looked.
   */
  readonly contested?: { readonly boot: number; readonly reason: string; readonly settledBy?: string };
}
