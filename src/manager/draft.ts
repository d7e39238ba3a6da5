import type { NewEvent, Severity } from '../events/event-store.ts';
import type { PlannedStep } from './manager-control.ts';
import type { ManagerMessage } from './protocol.ts';
import type { RecordArea } from './manager-store.ts';
import type { Guard, HostEntry, HostLink, KeptCommand, KeptEnvironment, KeptHost, KeptVm, ManagerState, Memory, Now } from './state.ts';
import type { World } from './world.ts';

/** What is sent to one agent once the records are durable. A command is read again at that moment: it may need the newest nonce. */
export type Sending =
  | { readonly kind: 'execute'; readonly command: KeptCommand; readonly nonce?: string }
  | { readonly kind: 'message'; readonly host: string; readonly message: ManagerMessage }
  | { readonly kind: 'group'; readonly group: string; readonly message: ManagerMessage };

export interface PowerAsk {
  readonly host: string;
  readonly boot: number;
  readonly session: number;
  /** `fence` reads first, and switches off what is not off. */
  readonly action: 'fence' | 'on' | 'off' | 'cycle';
}

type Told = readonly [kind: string, severity: Severity, detail: Readonly<Record<string, unknown>>, machine?: string | undefined];

/**
 * One turn of the manager: the state as it is being changed, and what follows from it. Nothing here is seen by anybody until the
 * records it touched are durable.
 */
export class Draft {
  readonly world: World;
  readonly sendings: Sending[] = [];
  readonly events: NewEvent[] = [];
  readonly power: PowerAsk[] = [];
  /** What was decided, in words. */
  readonly steps: PlannedStep[] = [];
  /** Faults caught on the way, for the log. */
  readonly faults: { readonly about: string; readonly cause: unknown }[] = [];
  readonly touched = new Map<RecordArea, Set<string>>();
  readonly #before: ManagerState;
  #hosts: Map<string, HostEntry> | undefined;
  #vms: Map<string, KeptVm> | undefined;
  #open: Map<string, KeptCommand> | undefined;
  #ended: Map<string, KeptCommand> | undefined;
  #environments: Map<string, KeptEnvironment> | undefined;
  #triggers: Map<string, Readonly<Record<string, unknown>>> | undefined;
  #guard: Guard;
  #memory: Memory;

  constructor(before: ManagerState, world: World) {
    this.#before = before;
    this.world = world;
    this.#guard = before.guard;
    this.#memory = before.memory;
  }

  get now(): Now {
    return this.world.now;
  }
  get hosts(): ReadonlyMap<string, HostEntry> {
    return this.#hosts ?? this.#before.hosts;
  }
  get vms(): ReadonlyMap<string, KeptVm> {
    return this.#vms ?? this.#before.vms;
  }
  get open(): ReadonlyMap<string, KeptCommand> {
    return this.#open ?? this.#before.open;
  }
  get ended(): ReadonlyMap<string, KeptCommand> {
    return this.#ended ?? this.#before.ended;
  }
  get environments(): ReadonlyMap<string, KeptEnvironment> {
    return this.#environments ?? this.#before.environments;
  }
  get triggers(): ReadonlyMap<string, Readonly<Record<string, unknown>>> {
    return this.#triggers ?? this.#before.triggers;
  }
  get guard(): Guard {
    return this.#guard;
  }
  get memory(): Memory {
    return this.#memory;
  }
  get state(): ManagerState {
    const { hosts, vms, open, ended, environments, triggers, guard, memory } = this;
    return { hosts, vms, open, ended, environments, triggers, guard, memory };
  }

  keepHost(kept: KeptHost): void {
    const before = this.hosts.get(kept.name);
    this.#writableHosts().set(kept.name, { kept, link: before?.link ?? { agreed: false, quietFromMs: this.now.monoMs } });
    this.#touch('host', kept.name);
  }

  changeHost(name: string, change: Partial<KeptHost>): void {
    const before = this.hosts.get(name);
    if (before !== undefined) this.keepHost({ ...before.kept, ...change });
  }

  changeLink(name: string, change: Partial<HostLink>): void {
    const before = this.hosts.get(name);
    if (before !== undefined) this.#writableHosts().set(name, { kept: before.kept, link: { ...before.link, ...change } });
  }

  setLink(name: string, link: HostLink): void {
    const before = this.hosts.get(name);
    if (before !== undefined) this.#writableHosts().set(name, { kept: before.kept, link });
  }

  dropHost(name: string): void {
    this.#writableHosts().delete(name);
    this.#touch('host', name);
  }

  keepVm(vm: KeptVm): void {
    this.#vms ??= new Map(this.#before.vms);
    this.#vms.set(vm.name, vm);
    this.#touch('vm', vm.name);
  }

  dropVm(name: string): void {
    this.#vms ??= new Map(this.#before.vms);
    this.#vms.delete(name);
    this.#touch('vm', name);
  }

  keepOpen(command: KeptCommand): void {
    this.#open ??= new Map(this.#before.open);
    this.#open.set(command.id, command);
    this.#touch('command', command.id);
  }

  keepEnded(command: KeptCommand): void {
    this.#open ??= new Map(this.#before.open);
    this.#open.delete(command.id);
    this.#ended ??= new Map(this.#before.ended);
    this.#ended.set(command.id, command);
    this.#touch('command', command.id);
  }

  forgetCommand(id: string): void {
    this.#ended ??= new Map(this.#before.ended);
    this.#ended.delete(id);
    this.#touch('command', id);
  }

  keepEnvironment(kept: KeptEnvironment): void {
    this.#environments ??= new Map(this.#before.environments);
    this.#environments.set(kept.name, kept);
    this.#touch('environment', kept.name);
  }

  dropEnvironment(name: string): void {
    this.#environments ??= new Map(this.#before.environments);
    this.#environments.delete(name);
    this.#touch('environment', name);
  }

  keepTrigger(name: string, document: Readonly<Record<string, unknown>> | undefined): void {
    this.#triggers ??= new Map(this.#before.triggers);
    if (document === undefined) this.#triggers.delete(name);
    else this.#triggers.set(name, document);
    this.#touch('trigger', name);
  }

  keepGuard(guard: Guard): void {
    this.#guard = guard;
    this.#touch('numbering', 'guard');
  }

  remember(change: Partial<Memory>): void {
    this.#memory = { ...this.#memory, ...change };
  }

  send(sending: Sending): void {
    this.sendings.push(sending);
  }

  tell(...[kind, severity, detail, machine]: Told): void {
    this.events.push({ atMs: this.now.wallMs, kind, severity, ...(machine === undefined ? {} : { machine }), detail });
  }

  /** Tells the same thing once in `everyMs` at most. */
  tellOnce(key: string, everyMs: number, ...what: Told): void {
    const until = this.#memory.told.get(key);
    if (until !== undefined && until > this.now.monoMs) return;
    const told = new Map([...this.#memory.told].filter(([, each]) => each > this.now.monoMs));
    told.set(key, this.now.monoMs + everyMs);
    this.remember({ told });
    this.tell(...what);
  }

  /** Tells things of one key so many times in `everyMs` at most: who makes news without end fills no log with it. */
  tellAtMost(most: number, key: string, everyMs: number, ...what: Told): void {
    for (let slot = 0; slot < most; slot++) {
      const until = this.#memory.told.get(`${key} #${slot}`);
      if (until === undefined || until <= this.now.monoMs) return this.tellOnce(`${key} #${slot}`, everyMs, ...what);
    }
  }

  /** What goes wrong with one thing is told, and leaves the others alone. */
  guarded(about: string, action: () => void): void {
    try {
      action();
    } catch (cause) {
      this.faults.push({ about, cause });
      this.tellOnce(`fault ${about}`, 300_000, 'manager.fault', 'error', {
        about,
        reason: `deciding about ${about} failed: ${cause instanceof Error ? cause.message : String(cause)}; everything else goes on`,
      });
    }
  }

  #writableHosts(): Map<string, HostEntry> {
    this.#hosts ??= new Map(this.#before.hosts);
    return this.#hosts;
  }

  #touch(area: RecordArea, id: string): void {
    const ids = this.touched.get(area) ?? new Set<string>();
    this.touched.set(area, ids.add(id));
  }
}
