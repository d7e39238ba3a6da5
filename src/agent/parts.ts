import type { Bus } from '../bus/bus.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { AgentCommandArgs, ExecErrCode } from '../manager/protocol.ts';
import type { PropertyType } from '../model/property-definition.ts';

/**
 * All that the agent sees and touches. It reads no clock, starts no process and opens no file but through these, so that the agent
 * itself runs in a simulator with a held clock.
 */
export interface AgentParts {
  readonly identity: { readonly machine: string; readonly boot: number };
  /** Its will is presence `lost` with the connection's id. It may still be connecting. */
  readonly bus: Bus;
  /** The id in the will of the connection that is, or was last. */
  connectionId(): string;
  readonly clock: Clock;
  readonly log: Log;
  readonly hypervisor: Hypervisor;
  readonly migration: VmMigration;
  readonly consoles: GuestConsoles;
  readonly networks: HostNetworks;
  readonly images: ImageCache;
  readonly properties: PropertySource;
  readonly record: AgentRecord;
  readonly host: HostControl;
  readonly version: string;
  /** Random, for messages; numbered in tests. */
  newId(): string;
}

/** An expected failure of what was asked, in the words of EXECERR. */
export interface Failed {
  readonly kind: 'failed';
  readonly code: ExecErrCode;
  readonly reason: string;
}
export type Outcome = { readonly kind: 'done' } | Failed;

export type DomainState = 'running' | 'paused' | 'shutdown' | 'crashed' | 'dying';

/** A domain at one look; the Dom0 itself is none. */
export interface Domain {
  /** Empty where the hypervisor has forgotten it: a domain that is dying. */
  readonly name: string;
  readonly uuid: string;
  readonly domid: number;
  readonly state: DomainState;
  readonly memoryMib: number;
  readonly vcpus: number;
}

export interface HypervisorInfo {
  /** `Xen 4.20.0`. */
  readonly version: string;
  readonly memoryMib: number;
  readonly freeMib: number;
  readonly cpus: number;
}

/** Every call ends within a bounded time. */
export interface Hypervisor {
  /** Throws where it cannot be known. */
  list(): Promise<readonly Domain[]>;
  info(): Promise<HypervisorInfo>;
  /** `config` is an xl.cfg that was checked, with the paths of its files. A failure says nothing of whether there is a domain now. */
  create(name: string, config: string): Promise<Outcome>;
  destroy(name: string): Promise<Outcome>;
  /** Asks the guest; `done` means that it was asked. */
  shutdown(name: string): Promise<Outcome>;
  pause(name: string): Promise<Outcome>;
  unpause(name: string): Promise<Outcome>;
}

/** What goes with a VM to its next host, ahead of its memory: how it is started anew, and what it has said. */
export type VmPassport = Pick<RecordedVm, 'config' | 'files' | 'ready'>;

export interface VmGuest {
  /** Before any of its memory is taken; what it rejects with keeps the VM out. */
  arrives(passport: VmPassport): Promise<void>;
  /** By this door nothing more will come: it shut unused, or the transfer has ended, well or not. */
  over(): void;
}

/** The way of a running VM from one Dom0 to another. */
export interface VmMigration {
  /** Lets one VM in, once, within `waitMs`, from who has the key. Resolves when the door is open, or cannot be opened. */
  open(
    door: { readonly vm: string; readonly uuid: string; readonly key: string; readonly waitMs: number },
    guest: VmGuest,
  ): Promise<Outcome>;
  /** Sends it; a failure says nothing of where it is now. */
  send(
    vm: string,
    to: { readonly address: string; readonly key: string; readonly uuid: string },
    passport: VmPassport,
    timeoutMs: number,
  ): Promise<Outcome>;
  /** Removes in a while what the ways of an earlier agent have left of such VMs: its xl may still be putting it in order. */
  sweep(isOurs: (vm: string, uuid: string) => boolean): void;
  close(): Promise<void>;
}

/** What guests write on their consoles, as far as it is kept. */
export interface GuestConsoles {
  /** Before a domain of that name is made: what one before it wrote is forgotten. */
  begin(vm: string): Promise<void>;
  /** The end of it; undefined where nothing is kept. */
  tail(vm: string, bytes: number): Promise<string | undefined>;
  /** The ready line, once the guest has written it. */
  ready(vm: string): Promise<{ readonly address?: string } | undefined>;
}

export interface HostNetworks {
  /** Makes the bridge, and the VLAN below it; done where it is there already. */
  up(network: AgentCommandArgs<'network.up'>): Promise<Outcome>;
  down(bridge: string): Promise<Outcome>;
  list(): Promise<{ readonly bridges: readonly string[]; readonly nics: readonly string[]; readonly address?: string }>;
}

export type ImageFile = AgentCommandArgs<'image.fetch'>['files'][number];

export type FetchedFiles =
  | {
      readonly kind: 'done';
      /** By the files' names. */
      readonly paths: Readonly<Record<string, string>>;
      /** They stay until this is called. */
      release(): void;
    }
  | Failed;

export interface ImageCache {
  /** The name or address of the server that this host booted from. */
  readonly server: string;
  /**
   * Fetches what is not there, and checks size and sha256. `ahead` is for what nobody needs yet: it comes only where there is room (else
   * `no-memory`), and goes before all others. What is not among the files that are `wanted` may go for it; where none are named, nothing.
   */
  ensure(files: readonly ImageFile[], ahead?: { readonly wanted?: ReadonlySet<string> }): Promise<FetchedFiles>;
}

export interface PropertyValue {
  readonly name: string;
  readonly type: PropertyType;
  readonly value: unknown;
  /** When it was extracted, by the agent's monotonic clock. */
  readonly atMs: number;
}

export interface PropertyProblem {
  readonly name?: string;
  /** `unknown`, `timeout`, `wrong-type`, ... */
  readonly code: string;
  readonly reason: string;
}

export interface Extracted {
  readonly values: readonly PropertyValue[];
  readonly problems: readonly PropertyProblem[];
}

export interface PropertySource {
  /** As PROPLIST says them. */
  definitions(): readonly {
    readonly name: string;
    readonly type: PropertyType;
    readonly ticks: number;
    readonly command: string;
    readonly origin: string;
  }[];
  /** What was extracted last; nothing of a property that never was. */
  latest(names: readonly string[]): Extracted;
  /** Extracts them now. */
  fetch(names: readonly string[]): Promise<Extracted>;
  /** Called with what is extracted by the properties' own ticks. Returns what ends that. */
  onValues(listener: (extracted: Extracted) => void): () => void;
  /** Definitions from the manager, beside those of the machine, in the place of what it sent before. Says what is wrong with them. */
  setDefinitions(definitions: readonly unknown[]): readonly PropertyProblem[];
  close(): Promise<void>;
}

/** The last word of a command, as it is said again to who asks again. */
export type CommandAnswer =
  | { readonly kind: 'EXECVAL'; readonly result: unknown }
  | {
      readonly kind: 'EXECERR';
      readonly code: ExecErrCode;
      readonly reason: string;
      readonly domain: 'absent' | 'present' | 'unknown';
    };

export interface RecordedCommand {
  readonly id: string;
  readonly session: number;
  readonly command: string;
  readonly vm?: string;
  /** None while it is being done. */
  readonly answer?: CommandAnswer;
}

/** What the agent remembers of a VM that it started. */
export interface RecordedVm {
  readonly name: string;
  readonly uuid: string;
  readonly claim: number;
  /** As the manager sent it, to start it again after a reboot. */
  readonly config: string;
  readonly files: readonly ImageFile[];
  readonly ready?: { readonly address?: string };
}

/** Outlives the agent's process, and dies with the machine's boot. */
export interface AgentRecord {
  load(): Promise<{ readonly session: number; readonly commands: readonly RecordedCommand[]; readonly vms: readonly RecordedVm[] }>;
  keepSession(session: number): Promise<void>;
  /** In the place of what was kept by its id. Durable when it resolves. */
  keepCommand(command: RecordedCommand): Promise<void>;
  forgetCommand(id: string): Promise<void>;
  keepVm(vm: RecordedVm): Promise<void>;
  forgetVm(name: string): Promise<void>;
}

export interface HostControl {
  /** `done` means that the machine has begun to go down. */
  reboot(reason: string): Promise<Outcome>;
}
