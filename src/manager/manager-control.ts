import type { Host, HostBoot } from '../model/host.ts';
import type { Trigger, VmEnvironment } from '../model/vm-environment.ts';
import type { Vm } from '../model/vm.ts';
import type { AgentCommandName } from './protocol.ts';

/** A sentence for each host or VM that a decision looked at. */
export interface Reason {
  readonly about: string;
  readonly verdict: 'chosen' | 'refused' | 'worse' | 'note';
  readonly reason: string;
}

export interface PlannedStep {
  readonly action: 'start' | 'stop' | 'migrate' | 'move' | 'wait' | 'keep' | 'error';
  readonly vm: string;
  readonly environment: string;
  readonly host?: string;
  /** Where it is now, of a `migrate` or `move`. */
  readonly from?: string;
  readonly reason: string;
  /** Host by host, why this one and not the others. */
  readonly reasons: readonly Reason[];
}

export interface Plan {
  readonly steps: readonly PlannedStep[];
  /** What else is to be said: N+1, an environment that nobody may host, a hold. */
  readonly notes: readonly Reason[];
}

export interface EnvironmentStatus {
  readonly environment: VmEnvironment;
  /** What is wanted now: `min`, or what was asked for by scaling, within `min` and `max`. */
  readonly wanted: number;
  readonly wantedBy: string;
  readonly running: number;
  readonly ready: number;
  readonly starting: number;
  readonly troubled: number;
  readonly paused: boolean;
  readonly state: 'as-wanted' | 'changing' | 'short' | 'paused' | 'error';
  readonly reason: string;
  /** When it came into this state, where that is known. */
  readonly sinceMs?: number;
}

export type CommandState = 'queued' | 'sent' | 'done' | 'failed' | 'expired' | 'cancelled';

/** A command to one agent, as it is kept. */
export interface ManagerCommand {
  readonly id: string;
  readonly host: string;
  readonly command: AgentCommandName;
  readonly args: Readonly<Record<string, unknown>>;
  readonly vm?: string;
  readonly state: CommandState;
  readonly reason: string;
  readonly author: string;
  readonly createdMs: number;
  readonly sentMs?: number;
  readonly times: number;
  readonly endedMs?: number;
  readonly result?: unknown;
  readonly boot: number;
  readonly session: number;
  readonly expiresMs: number;
}

export interface PropertyReading {
  readonly machine: string;
  readonly name: string;
  readonly type: string;
  readonly value: unknown;
  /** Wall-clock milliseconds, by the manager's clock. */
  readonly atMs: number;
  readonly problem?: { readonly code: string; readonly reason: string; readonly atMs: number };
  /** The newest last, a bounded number. */
  readonly history: readonly { readonly atMs: number; readonly value: unknown }[];
}

export interface TriggerStatus {
  readonly trigger: Trigger;
  readonly lastEvaluation?: TriggerEvaluation;
  readonly lastFired?: { readonly atMs: number; readonly agent?: string; readonly outcome: string };
  readonly nextMs?: number;
}

export interface TriggerEvaluation {
  readonly atMs: number;
  readonly result: 'true' | 'false' | 'error';
  /** Why it did not fire, or what it did. */
  readonly reason: string;
  /** What `expr` read, by path. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Of `forEach: agent`: each agent's own. */
  readonly agents?: readonly { readonly agent: string; readonly result: 'true' | 'false' | 'error'; readonly reason: string }[];
}

/** Another manager on the same bus. */
export interface OtherManager {
  readonly name: string;
  readonly state: 'leading' | 'standby' | 'left' | 'lost';
  readonly reason: string;
  readonly sinceMs: number;
}

export interface ManagerStatus {
  readonly name: string;
  readonly state: 'leading' | 'standby' | 'starting' | 'stopped';
  readonly reason: string;
  readonly sinceMs: number;
  /** While it is there, nothing is fenced or recovered: too much is silent at once, or a person said so. */
  readonly hold?: { readonly reason: string; readonly sinceMs: number; readonly by: 'storm-guard' | 'operator' };
  readonly bus: { readonly state: 'connected' | 'disconnected'; readonly reason: string; readonly kind: string };
  readonly agents: number;
  readonly openCommands: number;
  /** Also those that have left. */
  readonly others: readonly OtherManager[];
}

/** An expected outcome of what somebody asked for. */
export type Asked<Result = undefined> =
  | { readonly kind: 'done'; readonly result: Result; /** What follows, in words. */ readonly notes?: readonly string[] }
  | { readonly kind: 'not-found'; readonly what: string }
  | { readonly kind: 'refused'; /** Why, and what to do next. */ readonly reason: string };

export interface AskedBy {
  readonly author: string;
  /** Everything is checked, nothing is done. */
  readonly dryRun?: boolean;
}

/** What became of one of several hosts that something was asked for: one that is refused does not keep the others back. */
export interface HostAnswer {
  readonly host: string;
  readonly answer: Asked<Host>;
  /** It was not so before. */
  readonly changed: boolean;
}

/** What people ask of the manager. Readings are of memory, and cost nothing; what is asked is durable when it resolves. */
export interface ManagerControl {
  status(): ManagerStatus;
  hosts(): readonly Host[];
  host(name: string): { readonly host: Host; readonly boot?: HostBoot; readonly vms: readonly Vm[] } | undefined;
  vms(): readonly Vm[];
  vm(name: string): Vm | undefined;
  environments(): readonly EnvironmentStatus[];
  commands(): readonly ManagerCommand[];
  command(id: string): ManagerCommand | undefined;
  properties(machine?: string): readonly PropertyReading[];
  triggers(): readonly TriggerStatus[];

  /** What would be done now, of all or of one environment; also with another count. Changes nothing. */
  plan(options?: { readonly environment?: string; readonly count?: number }): Plan;
  /** Why a VM is where it is, or nowhere; what it waits for; which proofs would let it move. */
  explainVm(name: string): readonly Reason[] | undefined;

  scale(environment: string, count: number, by: AskedBy): Promise<Asked<EnvironmentStatus>>;
  /** In addition to what its document says. */
  pauseEnvironment(environment: string, paused: boolean, by: AskedBy): Promise<Asked<EnvironmentStatus>>;
  /** `draining` becomes `maintenance` when the last VM has left. */
  setDuty(host: string, duty: 'active' | 'draining', by: AskedBy): Promise<Asked<Host>>;
  /** All in one turn, so no VM moves to a host that is drained with its own. The answers are in the order of the hosts, each once. */
  setDuties(hosts: readonly string[], duty: 'active' | 'draining', by: AskedBy): Promise<Asked<readonly HostAnswer[]>>;
  /** The operator's word that a host is off: `typed` must be its name. The proof that lets its VMs move. */
  confirmDead(host: string, typed: string, by: AskedBy): Promise<Asked<readonly Vm[]>>;
  setRole(host: string, role: string | undefined, by: AskedBy): Promise<Asked<Host>>;
  /** Of a VM in ERROR: forget its failures and try again. */
  clearVm(vm: string, by: AskedBy): Promise<Asked<Vm>>;
  /** Stops it where it runs; a VM that is wanted starts again by itself. */
  stopVm(vm: string, how: 'shutdown' | 'destroy', by: AskedBy): Promise<Asked<Vm>>;
  rebootVm(vm: string, by: AskedBy): Promise<Asked<Vm>>;
  pauseVm(vm: string, paused: boolean, by: AskedBy): Promise<Asked<Vm>>;
  migrateVm(vm: string, host: string, by: AskedBy): Promise<Asked<Vm>>;
  /** The end of what it wrote on its console. */
  consoleOf(vm: string, bytes: number): Promise<Asked<string>>;
  /** Extracts properties of a host now. */
  query(host: string, names: readonly string[]): Promise<Asked<readonly PropertyReading[]>>;
  rebootHost(host: string, by: AskedBy): Promise<Asked<Host>>;
  cancelCommand(id: string, by: AskedBy): Promise<Asked<ManagerCommand>>;
  /** No fencing and no recovery until it is taken back; the rest goes on. */
  hold(reason: string | undefined, by: AskedBy): Promise<Asked<ManagerStatus>>;
  /** What is wrong with an expression or command, without saving it; then what it would say now. */
  checkTrigger(trigger: Trigger): {
    readonly problems: readonly { readonly pointer: string; readonly detail: string }[];
    readonly evaluation?: TriggerEvaluation;
  };
}
