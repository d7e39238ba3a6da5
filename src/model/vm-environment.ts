import type { Parameters } from './machine.ts';
import type { RoleProperty } from './property-definition.ts';

/**
 * How many copies of one VM may exist. `at-most-one` (a gateway, a fixed identity, a writable disk): each VM of it starts again only
 * with a proof that it is dead. `at-least-one` (a worker): a new VM with a new identity may take its place at any time.
 */
export type Instances = 'at-most-one' | 'at-least-one';

/** A network card of a VM. */
export interface VmNetwork {
  /** The bridge on the Dom0 that it joins; `xenbr0` is the one that the Dom0 booted through. */
  readonly bridge: string;
  /** Where the bridge stands on a VLAN: the Dom0 must reach it, and its agent makes the bridge. */
  readonly vlan?: number;
  /** `dhcp`, `none`, an address with its prefix (`10.12.0.1/24`), or a range that each VM gets one of (`10.12.0.10-10.12.0.99/24`). */
  readonly address: string;
  readonly gateway?: string;
  /** `derived` from the VM's name and the card's number, so that it stays; or this very one, where there is a single VM. */
  readonly mac: string;
}

/** What a VM has beside its memory. xl.cfg's template writes it. */
export type VmStorage =
  /** `server:/path` is its root; without it, that of its own image, from the server that its host booted from. */
  | { readonly kind: 'nfs'; readonly source?: string }
  | { readonly kind: 'file' | 'block'; readonly path: string; readonly device: string; readonly writable: boolean }
  | {
      readonly kind: 'iscsi';
      readonly portal: string;
      readonly target: string;
      readonly lun: number;
      readonly device: string;
      readonly writable: boolean;
    }
  | { readonly kind: 'aoe'; readonly shelf: number; readonly slot: number; readonly device: string; readonly writable: boolean }
  | { readonly kind: 'rbd'; readonly pool: string; readonly image: string; readonly device: string; readonly writable: boolean };

export interface PlacementConstraints {
  /** Labels that a host must have. */
  readonly labels: Readonly<Record<string, string>>;
  /** On as many hosts as there are, rather than together. */
  readonly spread: boolean;
  /** Environments that it is kept apart from, where there is a choice. */
  readonly apartFrom: readonly string[];
  /** Environments that may never be on the same host. It holds both ways. */
  readonly excludes: readonly string[];
}

/** A class of VMs. */
export interface VmEnvironment {
  readonly name: string;
  readonly instances: Instances;
  /** `worker`, the newest version when a VM starts, or `worker@3`. */
  readonly image: string;
  /** The template of the xl.cfg. */
  readonly template: string;
  readonly kernelArguments: readonly string[];
  readonly memoryMib: number;
  readonly vcpus: number;
  readonly networks: readonly VmNetwork[];
  readonly storage: readonly VmStorage[];
  /** Fixed where both are the same; between them a trigger or a person decides, and it begins with `min`. */
  readonly count: { readonly min: number; readonly max: number };
  readonly constraints: PlacementConstraints;
  /** Who gets its place first where there is too little; the higher the sooner. */
  readonly priority: number;
  /** How long a VM may take from its start until it says that it is ready; 0 where it never says so. */
  readonly readySeconds: number;
  readonly paused: boolean;
  /** Values for the template. */
  readonly parameters: Parameters;
}

/** Each Dom0 has it: it booted through it, and its root hangs on it, so nothing changes it. */
export const bootBridge = 'xenbr0';

/** A bridge that a host of a role is given. */
export interface RoleNetwork {
  readonly bridge: string;
  readonly vlan?: number;
  /** The NIC below it; without one the NIC that the host booted by. */
  readonly nic?: string;
}

/** What a Dom0 may host. */
export interface Role {
  readonly name: string;
  readonly environments: readonly string[];
  readonly networks: readonly RoleNetwork[];
  /** Given to each host of the role, beside the machine's own. */
  readonly labels: Readonly<Record<string, string>>;
  /** What its hosts say of themselves, beside what their own images define. */
  readonly properties: readonly RoleProperty[];
  /** Memory of a host that no VM may have, in MiB. */
  readonly reserveMib: number;
  /** Processors of VMs for each of the host, before another host is better; without it 4. */
  readonly vcpusPerCpu?: number;
  /**
   * Which hosts have it that no machine document names one for: all conditions that are there must hold. None: only by name.
   * The highest priority wins, then the name.
   */
  readonly match?: {
    readonly labels?: Readonly<Record<string, string>>;
    /** A CEL expression over `properties`, `labels` and `machine`. */
    readonly when?: string;
  };
  readonly priority: number;
}

/** What a trigger does: a closed list. */
export type TriggerCommand =
  | { readonly command: 'query'; readonly group: string; readonly properties: readonly string[] }
  | { readonly command: 'scale'; readonly environment: string; readonly to?: number; readonly by?: number }
  | { readonly command: 'assign-role'; readonly role: string; readonly machine?: string }
  | { readonly command: 'drain'; readonly machine?: string }
  | { readonly command: 'power'; readonly action: 'on' | 'off' | 'cycle'; readonly machine?: string }
  | { readonly command: 'notify'; readonly severity: 'info' | 'warning' | 'error'; readonly message: string };

/** When `expr` is true, `cmd` is done. Names as in the first virtdom. */
export interface Trigger {
  readonly name: string;
  /** CEL. With `forEach: agent` it is asked for each agent, which it sees as `agent`; without, once over all. */
  readonly expr: string;
  readonly forEach: 'once' | 'agent';
  readonly cmd: TriggerCommand;
  /** Seconds between evaluations; 0: only on updates. */
  readonly ticks: number;
  /** Evaluate also when a property arrives that `expr` reads. */
  readonly onUpdateCheck: boolean;
  /** Once it has fired, it does not fire again for so many seconds. */
  readonly quietSeconds: number;
  readonly paused: boolean;
}
