import type { PropertyReading } from '../manager-control.ts';
import type { AgentMessageOf } from '../protocol.ts';
import { NumberHistory } from './number-history.ts';
import { valueProblem } from './property-value.ts';
import { RateGate } from './rate-gate.ts';

export type PropertyMessage = AgentMessageOf<'PROPVAL'> | AgentMessageOf<'PROPERR'> | AgentMessageOf<'PROPLIST'>;
export type PropertyDefinitionSaid = AgentMessageOf<'PROPLIST'>['properties'][number];

/** Something to be told to people about what an agent said. The same is not noticed again for some minutes. */
export interface PropertyNotice {
  readonly machine: string;
  /** `failed` is the agent's own PROPERR; the others are of what it should not have sent. */
  readonly kind: 'failed' | 'type' | 'too-large' | 'too-many' | 'flood';
  readonly name?: string;
  readonly reason: string;
}

export interface Heard {
  /** Properties that have a new value now. */
  readonly updated: readonly string[];
  readonly notices: readonly PropertyNotice[];
}

export const propertyLimits = {
  propertiesPerMachine: 512,
  /** Of all values of a machine, as JSON. */
  bytesPerMachine: 1024 * 1024,
  bytesInAll: 256 * 1024 * 1024,
  valuesPerSecond: 256,
  valuesAtOnce: 1024,
  historyEntries: 32,
  histories: 65_536,
  noticeAgainMs: 600_000,
} as const;

interface Kept {
  readonly name: string;
  type: string;
  value: unknown;
  bytes: number;
  atMs: number;
  history?: NumberHistory;
  problem?: { readonly code: string; readonly reason: string; readonly atMs: number };
}

interface MachineProperties {
  readonly kept: Map<string, Kept>;
  readonly gate: RateGate;
  /** When each notice was given last. */
  readonly noticed: Map<string, number>;
  definitions: readonly PropertyDefinitionSaid[];
  bytes: number;
  /** What expressions see; made when it is asked for. */
  values?: Readonly<Record<string, unknown>>;
}

const noValues: Readonly<Record<string, unknown>> = Object.freeze({});

/** The last value of each property of each machine. */
export class PropertyBook {
  readonly #bytesInAll: number;
  readonly #machines = new Map<string, MachineProperties>();
  #bytes = 0;
  #histories = 0;

  constructor(bytesInAll: number = propertyLimits.bytesInAll) {
    this.#bytesInAll = bytesInAll;
  }

  /** Takes a message that has passed the schema of its kind. */
  hear(machine: string, message: PropertyMessage, nowMs: number): Heard {
    const notices: PropertyNotice[] = [];
    const entry = this.#entryOf(machine);
    const notice = (kind: PropertyNotice['kind'], reason: string, name?: string): void => {
      if (isNews(entry, `${kind} ${name ?? ''} ${reason}`, nowMs))
        notices.push({ machine, kind, reason, ...(name !== undefined && { name }) });
    };
    const updated: string[] = [];
    const said = message.kind === 'PROPVAL' ? message.values.length : 1;
    const taken = entry.gate.take(said, nowMs);
    if (taken < said)
      notice(
        'flood',
        `more than ${propertyLimits.valuesPerSecond} values a second: the rest is not kept. Raise the ticks of its properties`,
      );
    if (taken > 0) {
      if (message.kind === 'PROPLIST') this.#define(entry, message.properties);
      else if (message.kind === 'PROPERR') this.#fail(entry, message, nowMs, notice);
      else
        for (const value of message.values.slice(0, taken)) {
          const problem = this.#put(entry, value, nowMs);
          if (problem === undefined) updated.push(value.name);
          else notice(problem.kind, problem.reason, value.name);
        }
    }
    if (updated.length > 0) delete entry.values;
    return { updated, notices };
  }

  /** All readings, or those of one machine, by name. */
  readings(machine?: string): PropertyReading[] {
    const names = machine === undefined ? [...this.#machines.keys()].sort((a, b) => (a < b ? -1 : 1)) : [machine];
    return names.flatMap((name) =>
      [...(this.#machines.get(name)?.kept.values() ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1)).map((kept) => readingOf(name, kept)),
    );
  }

  reading(machine: string, name: string): PropertyReading | undefined {
    const kept = this.#machines.get(machine)?.kept.get(name);
    return kept === undefined ? undefined : readingOf(machine, kept);
  }

  /** What an agent said that it extracts. */
  definitionsOf(machine: string): readonly PropertyDefinitionSaid[] {
    return this.#machines.get(machine)?.definitions ?? [];
  }

  /** The last values by name, for expressions: the same object until one of them changes. */
  valuesOf(machine: string): Readonly<Record<string, unknown>> {
    const entry = this.#machines.get(machine);
    if (entry === undefined) return noValues;
    entry.values ??= Object.fromEntries([...entry.kept.values()].filter(hasValue).map(({ name, value }) => [name, value]));
    return entry.values;
  }

  /** Seconds since each value came, for expressions. */
  agesOf(machine: string, nowMs: number): Readonly<Record<string, number>> {
    const kept = [...(this.#machines.get(machine)?.kept.values() ?? [])].filter(hasValue);
    return Object.fromEntries(kept.map(({ name, atMs }) => [name, Math.max(0, (nowMs - atMs) / 1000)]));
  }

  forget(machine: string): void {
    const entry = this.#machines.get(machine);
    if (entry === undefined) return;
    this.#machines.delete(machine);
    this.#bytes -= entry.bytes;
    for (const kept of entry.kept.values()) if (kept.history !== undefined) this.#histories--;
  }

  /** Forgets all machines but these. */
  keepOnly(machines: ReadonlySet<string>): void {
    for (const machine of this.#machines.keys()) if (!machines.has(machine)) this.forget(machine);
  }

  /** What an agent does not extract any more has no value any more. */
  #define(entry: MachineProperties, definitions: readonly PropertyDefinitionSaid[]): void {
    entry.definitions = definitions;
    const listed = new Set(definitions.map(({ name }) => name));
    for (const [name, kept] of entry.kept) {
      if (listed.has(name)) continue;
      entry.kept.delete(name);
      this.#count(entry, -kept.bytes);
      if (kept.history !== undefined) this.#histories--;
      delete entry.values;
    }
  }

  #entryOf(machine: string): MachineProperties {
    const known = this.#machines.get(machine);
    if (known !== undefined) return known;
    const gate = new RateGate(propertyLimits.valuesPerSecond, propertyLimits.valuesAtOnce);
    const entry: MachineProperties = { kept: new Map(), gate, noticed: new Map(), definitions: [], bytes: 0 };
    this.#machines.set(machine, entry);
    return entry;
  }

  #put(
    entry: MachineProperties,
    { name, type, value, age }: AgentMessageOf<'PROPVAL'>['values'][number],
    nowMs: number,
  ): { kind: PropertyNotice['kind']; reason: string } | undefined {
    const checked = valueProblem(type, value);
    const old = entry.kept.get(name);
    if (checked.kind === 'wrong') {
      if (old !== undefined) old.problem = { code: checked.code, reason: checked.reason, atMs: nowMs };
      return { kind: checked.code, reason: checked.reason };
    }
    const room = this.#roomProblem(entry, checked.bytes - (old?.bytes ?? 0), old === undefined);
    if (room !== undefined) return room;
    const kept = old ?? { name, type, value, bytes: 0, atMs: 0 };
    entry.kept.set(name, kept);
    this.#count(entry, checked.bytes - kept.bytes);
    Object.assign(kept, { type, value, bytes: checked.bytes, atMs: nowMs - Math.max(0, Math.min(age, 86_400)) * 1000 });
    delete kept.problem;
    this.#remember(kept);
    return undefined;
  }

  #fail(
    entry: MachineProperties,
    { name, code, reason }: AgentMessageOf<'PROPERR'>,
    nowMs: number,
    notice: (kind: 'failed' | 'too-many', reason: string, name?: string) => void,
  ): void {
    notice('failed', `${code}: ${reason}`, name);
    if (name === undefined) return;
    const kept = entry.kept.get(name);
    if (kept !== undefined) kept.problem = { code, reason, atMs: nowMs };
    else if (entry.kept.size < propertyLimits.propertiesPerMachine)
      entry.kept.set(name, { name, type: '', value: undefined, bytes: 0, atMs: 0, problem: { code, reason, atMs: nowMs } });
  }

  #roomProblem(entry: MachineProperties, more: number, isNew: boolean): { kind: 'too-many' | 'too-large'; reason: string } | undefined {
    const { propertiesPerMachine, bytesPerMachine } = propertyLimits;
    const bytesInAll = this.#bytesInAll;
    if (isNew && entry.kept.size >= propertiesPerMachine)
      return { kind: 'too-many', reason: `a machine has at most ${propertiesPerMachine} properties: this one is not kept` };
    if (more > 0 && entry.bytes + more > bytesPerMachine)
      return {
        kind: 'too-large',
        reason: `the values of a machine have at most ${bytesPerMachine / 1024} KiB together: this one is not kept`,
      };
    if (more > 0 && this.#bytes + more > bytesInAll)
      return { kind: 'too-large', reason: `all values together have at most ${bytesInAll / 1024 / 1024} MiB: this one is not kept` };
    return undefined;
  }

  #count(entry: MachineProperties, more: number): void {
    entry.bytes += more;
    this.#bytes += more;
  }

  #remember(kept: Kept): void {
    const { value, atMs } = kept;
    if (typeof value !== 'number' && typeof value !== 'boolean') return;
    if (kept.history === undefined) {
      if (this.#histories >= propertyLimits.histories) return;
      this.#histories++;
      kept.history = new NumberHistory(propertyLimits.historyEntries);
    }
    kept.history.add(atMs, Number(value));
  }
}

function hasValue(kept: Kept): boolean {
  return kept.type !== '';
}

function readingOf(machine: string, { name, type, value, atMs, history, problem }: Kept): PropertyReading {
  const entries = history?.entries() ?? [];
  return {
    machine,
    name,
    type,
    value,
    atMs,
    ...(problem !== undefined && { problem }),
    history: type === 'bool' ? entries.map((entry) => ({ atMs: entry.atMs, value: entry.value === 1 })) : entries,
  };
}

function isNews(entry: MachineProperties, key: string, nowMs: number): boolean {
  const last = entry.noticed.get(key);
  if (last !== undefined && nowMs - last < propertyLimits.noticeAgainMs && nowMs >= last) return false;
  if (entry.noticed.size >= 64) {
    // Reasons that differ each time are a flood too: the oldest is forgotten only when it would be told again anyway.
    const [oldest] = entry.noticed;
    if (oldest !== undefined && nowMs - oldest[1] < propertyLimits.noticeAgainMs && nowMs >= oldest[1]) return false;
    if (oldest !== undefined) entry.noticed.delete(oldest[0]);
  }
  entry.noticed.delete(key);
  entry.noticed.set(key, nowMs);
  return true;
}
