import type { Host } from '../model/host.ts';
import type { RoleProperty } from '../model/property-definition.ts';
import type { DeathProof, Vm } from '../model/vm.ts';
import type { ManagerCommand } from './manager-control.ts';
import type { AgentMessageOf, DomainReport, ExecErrCode } from './protocol.ts';

/** One moment on both clocks: the wall's for people and records, the one that never goes back for durations. */
export interface Now {
  readonly wallMs: number;
  readonly monoMs: number;
}

/** What is kept of a host. */
export interface KeptHost extends Omit<Host, 'capacity' | 'bridges' | 'images' | 'heardMs' | 'staying'> {
  /** A role that a person or a trigger gave it. */
  readonly assigned?: { readonly role: string; readonly by: string };
  /** Keys of role networks that its agent brought up on this boot. */
  readonly networks: readonly string[];
  /** Likewise of those that its agent was told to change, and that it may have or not: written before it is told. */
  readonly doubts?: readonly string[];
  /** The NIC that its newest boot came by. */
  readonly mac?: string;
  /** Surely dead: of this boot, what was started in this session or an earlier one. */
  readonly dead?: { readonly boot: number; readonly session: number; readonly atMs: number; readonly proof: DeathProof };
}

/** What its agent said of its domains, all of them at once. */
export interface DomainsSeen {
  readonly boot: number;
  readonly session: number;
  readonly settled: boolean;
  /** When the beat that it answers was published: it is not older. None where it answers no beat, and may be of any age. */
  readonly beatMs?: number;
  readonly domains: ReadonlyMap<string, DomainReport>;
  readonly busy: ReadonlySet<string>;
}

export type AgentFacts = NonNullable<AgentMessageOf<'CONTROLVAL'>['facts']>;

/** What is known of a host's agent only while this manager runs. */
export interface HostLink {
  /** Its newest goodbye or welcome that counts. */
  readonly presence?: {
    readonly state: 'here' | 'left' | 'lost';
    readonly reason: string;
    readonly boot: number;
    readonly connection: string;
    /** The agent's version. */
    readonly agent: string;
  };
  /** The connection that the session was made for. */
  readonly sessionFor?: string;
  /** It has answered the session that it is ruled by. */
  readonly agreed: boolean;
  readonly agreedWallMs?: number;
  readonly askedMs?: number;
  /** From when its silence counts. */
  readonly quietFromMs: number;
  /** The newest beat that it answered. */
  readonly beat?: { readonly nonce: string; readonly publishedMs: number; readonly answeredMs: number };
  readonly heardWallMs?: number;
  readonly seen?: DomainsSeen;
  readonly facts?: AgentFacts;
  /** When it answered a command last: what it saw before says nothing about the time after. */
  readonly doubtMs?: number;
  /** Names of domains that were there when `facts` were read. */
  readonly factsCount?: ReadonlySet<string>;
  readonly groupsTold?: string;
  /** What its agent was told last to extract for the role, by which message, and whether it has answered. None: not in this session. */
  readonly properties?: {
    readonly of: readonly RoleProperty[];
    readonly text: string;
    readonly id: string;
    readonly atMs: number;
    readonly heard: boolean;
  };
  readonly fence?: { readonly attempts: number; readonly nextMs: number; readonly asking: boolean };
  readonly networkPause?: { readonly attempts: number; readonly nextMs: number };
  /** By reference: whether its agent has the image, or when it is asked again to fetch it. */
  readonly images?: ReadonlyMap<string, { readonly here: boolean; readonly attempts: number; readonly nextMs: number }>;
}

export interface HostEntry {
  readonly kept: KeptHost;
  readonly link: HostLink;
}

/** Why and how a VM is being stopped. */
export interface Stop {
  readonly how: 'shutdown' | 'destroy';
  readonly reason: string;
  readonly author: string;
  readonly sinceMs: number;
  /** It counts as a failed start. */
  readonly failure?: boolean;
  readonly command?: string;
  readonly tries: number;
}

export interface KeptVm extends Vm {
  /** Of its newest claim; 0 before the first. */
  readonly seq: number;
  /** The newest claim whose start its agent has answered; where it met a domain of its name, once that one was reported. */
  readonly answeredSeq?: number;
  /** A claim that a migration took: until its domain was seen there, the session of that host says nothing of it. */
  readonly movedSeq?: number;
  /** At-least-one, and its host is silent: another VM is in its place. */
  readonly givenUp?: boolean;
  readonly stop?: Stop;
  readonly move?: { readonly from: string; readonly to: string; readonly command: string };
  /** It could not be migrated: it is stopped and started elsewhere. */
  readonly noMigration?: boolean;
  readonly paused?: boolean;
  /** Not started before. */
  readonly retryMs?: number;
  /** Where it was last, and by what it is known to be dead there. */
  readonly ended?: { readonly host: string; readonly proof: DeathProof; readonly atMs: number };
}

export interface KeptCommand extends ManagerCommand {
  readonly withinMs: number;
  /** When it was published last. */
  readonly publishedMs?: number;
  /** The claim on its host that it is about, where it is about a VM. */
  readonly seq?: number;
  /** What its agent answered where it did not do it. */
  readonly code?: ExecErrCode;
  readonly keptMs?: number;
  /** Its domain is started by it: it carries a nonce. */
  readonly starts?: boolean;
}

export interface KeptEnvironment {
  readonly name: string;
  readonly scale?: { readonly count: number; readonly by: string; readonly atMs: number };
  readonly paused?: { readonly by: string; readonly atMs: number };
  /** The number that the newest at-least-one VM has. */
  readonly counter: number;
}

/** Why nothing is fenced, given up or recovered. */
export interface Guard {
  readonly operator?: { readonly reason: string; readonly author: string; readonly sinceMs: number };
  readonly storm?: { readonly hosts: readonly string[]; readonly base: number; readonly reason: string; readonly sinceMs: number };
  /** Silent hosts of a storm that a person released: they are no storm again. */
  readonly accepted?: readonly string[];
}

export interface ManagerState {
  readonly hosts: ReadonlyMap<string, HostEntry>;
  readonly vms: ReadonlyMap<string, KeptVm>;
  readonly open: ReadonlyMap<string, KeptCommand>;
  /** Ended ones, the oldest first. */
  readonly ended: ReadonlyMap<string, KeptCommand>;
  readonly environments: ReadonlyMap<string, KeptEnvironment>;
  readonly guard: Guard;
  readonly triggers: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  readonly memory: Memory;
}

/** What may be forgotten: it only spares repetition. */
export interface Memory {
  readonly bus: { readonly connected: boolean; readonly reason: string; readonly sinceMs: number };
  /** This server has lost its own way to a host that is silent. */
  readonly cut: { readonly reason: string; readonly sinceMs: number } | undefined;
  /** Until then the manager itself is to blame for silence. */
  readonly stalledUntilMs: number;
  /** What was told once already, by its key: until when it is not told again. */
  readonly told: ReadonlyMap<string, number>;
  /** What placement said last of each VM without a place. */
  readonly refusals: ReadonlyMap<string, readonly Refusal[]>;
  readonly short: ReadonlyMap<string, string>;
  /** VMs of which was told that they stay on a host that is being emptied: `post01 worker-1`. */
  readonly staying: ReadonlySet<string>;
  /** Records that could not be read, as `vm/gateway-1`: their names are taken. */
  readonly unreadable: ReadonlySet<string>;
  /** When a VM was last stopped for others that wait for the network that it holds. */
  readonly madeWayMs?: number;
  /** When placement was last asked for those that wait, and for what. */
  readonly placed: { readonly atMs: number; readonly of: readonly unknown[] };
}

export interface Refusal {
  readonly about: string;
  readonly verdict: 'chosen' | 'refused' | 'worse' | 'note';
  readonly reason: string;
}

export const emptyState: ManagerState = {
  hosts: new Map(),
  vms: new Map(),
  open: new Map(),
  ended: new Map(),
  environments: new Map(),
  guard: {},
  triggers: new Map(),
  memory: {
    bus: { connected: false, reason: 'not connected yet', sinceMs: 0 },
    cut: undefined,
    stalledUntilMs: 0,
    told: new Map(),
    refusals: new Map(),
    short: new Map(),
    staying: new Set(),
    unreadable: new Set(),
    placed: { atMs: 0, of: [] },
  },
};

export const newLink = (quietFromMs: number): HostLink => ({ agreed: false, quietFromMs });
