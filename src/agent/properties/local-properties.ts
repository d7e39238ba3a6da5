import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Clock, Timer } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { isRecord } from '../../documents/check-shape.ts';
import { propertyNamePattern } from '../../model/property-definition.ts';
import type { Extracted, PropertyProblem, PropertySource, PropertyValue } from '../parts.ts';
import { CommandError } from './machine-view.ts';
import type { MachineView } from './machine-view.ts';
import { checkSentEntry } from './property-definition.ts';
import type { PropertyCommands, PropertyDefinition } from './property-definition.ts';
import { valueOfType } from './property-value.ts';

export interface LocalPropertiesParts {
  readonly machine: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly view: MachineView;
  readonly commands: PropertyCommands;
  /** Of the machine's own files. */
  readonly definitions: readonly PropertyDefinition[];
  /** What was wrong with them. */
  readonly problems?: readonly PropertyProblem[];
}

/** What is extracted within so long is said together. */
const gatherMs = 100;
/** After the agent's start everything is extracted once within so long. */
const firstWithinSeconds = 5;
/** What is wrong with definitions is said after the start, when the bus should be there, and again for who came later. */
const tellProblemsMs = 10_000;
const tellProblemsAgainMs = 3_600_000;
const maxAtOnce = 8;
const maxManagerDefinitions = 256;
const maxBackOffSeconds = 3600;
/** Of one PROPVAL: its schema allows 256 values, and a message 512 KiB. */
const maxTogether = { values: 256, bytes: 256 * 1024 } as const;

type ManagerDefinition =
  | { readonly kind: 'definition'; readonly definition: PropertyDefinition }
  | { readonly kind: 'wrong'; readonly problem: PropertyProblem };

interface Property {
  readonly definition: PropertyDefinition;
  /** What its command keeps from one time to the next. */
  readonly memory: Map<string, number>;
  /** In whole seconds of the clock that never goes back. */
  dueSecond: number;
  failures: number;
  value?: PropertyValue;
  problem?: PropertyProblem;
  running?: Promise<void>;
  /** Its command has not come back, though its time was over. */
  stuck?: boolean;
}

/** The properties of this machine, each extracted in its own time. */
export class LocalProperties implements PropertySource {
  readonly #parts: LocalPropertiesParts;
  readonly #properties = new Map<string, Property>();
  readonly #listeners = new Set<(extracted: Extracted) => void>();
  readonly #closing = new AbortController();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #timer: Timer | undefined;
  #gathering: Timer | undefined;
  #telling: Timer | undefined;
  #gathered: Property[] = [];

  constructor(parts: LocalPropertiesParts) {
    this.#parts = parts;
    setMaxListeners(0, this.#closing.signal);
    for (const definition of parts.definitions) this.#properties.set(definition.name, this.#begin(definition));
    const { problems = [] } = parts;
    if (problems.length > 0) this.#tellProblems(problems, tellProblemsMs);
    this.#schedule();
  }

  definitions(): ReturnType<PropertySource['definitions']> {
    return [...this.#properties.values()].map(({ definition: { name, type, ticks, command, origin } }) => ({
      name,
      type,
      ticks,
      command,
      origin,
    }));
  }

  latest(names: readonly string[]): Extracted {
    return this.#outcome(names);
  }

  async fetch(names: readonly string[]): Promise<Extracted> {
    const known = [...new Set(names)].flatMap((name) => this.#properties.get(name) ?? []);
    await Promise.all(known.map((property) => this.#extract(property)));
    return this.#outcome(names);
  }

  onValues(listener: (extracted: Extracted) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setDefinitions(entries: readonly unknown[]): readonly PropertyProblem[] {
    const problems: PropertyProblem[] = [];
    const wanted = new Map<string, PropertyDefinition>();
    for (const [index, entry] of entries.entries()) {
      const checked = this.#checkOfManager(entry, index);
      if (checked.kind === 'wrong') problems.push(checked.problem);
      else if (wanted.size < maxManagerDefinitions) wanted.set(checked.definition.name, checked.definition);
      else problems.push({ name: checked.definition.name, code: 'too-many', reason: `more than ${maxManagerDefinitions} definitions` });
    }
    for (const [name, { definition }] of this.#properties) {
      if (definition.origin !== 'manager') continue;
      const next = wanted.get(name);
      if (next !== undefined && JSON.stringify(next) === JSON.stringify(definition)) wanted.delete(name);
      else this.#properties.delete(name);
    }
    for (const definition of wanted.values()) this.#properties.set(definition.name, this.#begin(definition));
    this.#schedule();
    return problems;
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#gathering?.cancel();
    this.#telling?.cancel();
    this.#listeners.clear();
    this.#closing.abort();
    for (const go of this.#waiting.splice(0)) go();
    await Promise.all([...this.#properties.values()].flatMap(({ running }) => running ?? []));
  }

  /** A definition from the network runs no script, and takes no machine's own name. */
  #checkOfManager(entry: unknown, index: number): ManagerDefinition {
    if (!isRecord(entry) || typeof entry['name'] !== 'string') return wrong(`definition ${index + 1}: expected an object with a name`);
    const { name, ...rest } = entry;
    if (typeof name !== 'string') return wrong(`definition ${index + 1}: expected a name`);
    const checked = checkSentEntry(name, rest, this.#parts.commands);
    if (checked.kind === 'wrong')
      return wrong(
        `definition ${name.slice(0, 64)}: ${checked.problems.map(({ key, message }) => (key === undefined ? message : `${key}: ${message}`)).join('; ')}`,
        propertyNamePattern.test(name) ? name : undefined,
      );
    const own = this.#properties.get(name)?.definition.origin;
    if (own !== undefined && own !== 'manager') return wrong(`${own} defines it already, and comes first`, name);
    return checked;
  }

  #begin(definition: PropertyDefinition): Property {
    const nowSecond = Math.ceil(this.#parts.clock.monotonic() / 1000);
    const within = Math.min(firstWithinSeconds, definition.ticks);
    return {
      definition,
      memory: new Map(),
      failures: 0,
      dueSecond: definition.ticks === 0 ? Infinity : nowSecond + this.#phase(definition, within),
    };
  }

  /**
   * Spread over machines and commands: what asks the same command with the same ticks is extracted and said together, and the machines
   * of a farm that were switched on together do not speak together.
   */
  #phase({ command }: PropertyDefinition, within: number): number {
    const hash = createHash('sha256').update(`${this.#parts.machine}\0${command}`).digest().readUInt32BE(0);
    return within === 0 ? 0 : hash % within;
  }

  #schedule(): void {
    this.#timer?.cancel();
    if (this.#closing.signal.aborted) return;
    const due = Math.min(...[...this.#properties.values()].map(({ dueSecond }) => dueSecond));
    if (!Number.isFinite(due)) return;
    // Not a part of a millisecond too early, or it would be scheduled again for the same moment.
    const inMs = Math.max(0, Math.ceil(due * 1000 - this.#parts.clock.monotonic()));
    this.#timer = this.#parts.clock.after(inMs, () => this.#extractDue());
  }

  #extractDue(): void {
    const nowSecond = Math.floor(this.#parts.clock.monotonic() / 1000);
    for (const property of this.#properties.values()) {
      if (property.dueSecond > nowSecond) continue;
      property.dueSecond = Infinity; // until it has come back
      void this.#extract(property).then(() => this.#extracted(property));
    }
    this.#schedule();
  }

  /** The next one on its grid, so that it does not drift; after failures each second, fourth... of them, at most an hour away. */
  #nextSecond({ definition, failures }: Property): number {
    const { ticks } = definition;
    const nowSecond = Math.floor(this.#parts.clock.monotonic() / 1000);
    const phase = this.#phase(definition, ticks);
    const next = nowSecond + ticks - ((((nowSecond - phase) % ticks) + ticks) % ticks);
    const skipped = Math.min(2 ** Math.min(failures, 12) - 1, Math.max(0, Math.floor(maxBackOffSeconds / ticks) - 1));
    return next + skipped * ticks;
  }

  /** One at a time for each property: who asks while it runs gets the same. */
  #extract(property: Property): Promise<void> {
    property.running ??= this.#extractOnce(property).finally(() => delete property.running);
    return property.running;
  }

  async #extractOnce(property: Property): Promise<void> {
    const { definition, memory } = property;
    const { clock, commands, view } = this.#parts;
    const { name, type, parameters, timeoutSeconds } = definition;
    await this.#turn();
    const timeout = new AbortController();
    const timer = clock.after(timeoutSeconds * 1000, () => timeout.abort());
    const signal = AbortSignal.any([timeout.signal, this.#closing.signal]);
    try {
      const command = commands.get(definition.command);
      if (command === undefined) throw new CommandError('missing', `there is no command ${definition.command}`);
      if (property.stuck === true) throw new CommandError('busy', 'the one before has still not come back, and is waited for');
      const extraction = { parameters, type, view, signal, monoMs: clock.monotonic(), memory };
      const value = valueOfType(
        type,
        await untilAborted(started(property, command.extract(extraction)), signal, `it took more than ${timeoutSeconds} s`),
      );
      property.value = { name, type, value, atMs: clock.monotonic() };
      delete property.problem;
      property.failures = 0;
    } catch (error) {
      if (!(error instanceof CommandError)) this.#parts.log.error({ property: name, err: error }, 'a property could not be extracted');
      property.failures++;
      property.problem = problemOf(name, error);
    } finally {
      timer.cancel();
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  /** Few at once: a Dom0 has little to spare, and `xl` waits for `xl`. */
  async #turn(): Promise<void> {
    if (this.#running >= maxAtOnce && !this.#closing.signal.aborted) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
  }

  #extracted(property: Property): void {
    if (this.#closing.signal.aborted || this.#properties.get(property.definition.name) !== property) return;
    property.dueSecond = this.#nextSecond(property);
    this.#schedule();
    this.#gathered.push(property);
    this.#gathering ??= this.#parts.clock.after(gatherMs, () => this.#say());
  }

  #say(): void {
    this.#gathering = undefined;
    const gathered = this.#gathered;
    this.#gathered = [];
    for (const extracted of inParts(gathered)) this.#tell(extracted);
  }

  #tellProblems(problems: readonly PropertyProblem[], afterMs: number): void {
    this.#telling = this.#parts.clock.after(afterMs, () => {
      this.#tell({ values: [], problems });
      this.#tellProblems(problems, tellProblemsAgainMs);
    });
  }

  #tell(extracted: Extracted): void {
    for (const listener of this.#listeners) listener(extracted);
  }

  #outcome(names: readonly string[]): Extracted {
    const asked = [...new Set(names)].map((name) => ({ name, property: this.#properties.get(name) }));
    return {
      values: asked.flatMap(({ property }) => property?.value ?? []),
      problems: asked.flatMap(({ name, property }) =>
        property === undefined
          ? { name, code: 'unknown', reason: `there is no property ${name} on this machine` }
          : (property.problem ?? []),
      ),
    };
  }
}

function wrong(reason: string, name?: string): ManagerDefinition {
  return { kind: 'wrong', problem: { code: 'definition', reason, ...(name !== undefined && { name }) } };
}

/** At most as much as goes into one message. */
function inParts(properties: readonly Property[]): Extracted[] {
  const parts: { values: PropertyValue[]; problems: PropertyProblem[] }[] = [];
  let bytes = Infinity;
  for (const { value, problem } of properties) {
    const more = problem === undefined && value !== undefined ? JSON.stringify(value).length : 0;
    let part = parts.at(-1);
    if (part === undefined || bytes + more > maxTogether.bytes || part.values.length >= maxTogether.values) {
      part = { values: [], problems: [] };
      parts.push(part);
      bytes = 0;
    }
    bytes += more;
    if (problem !== undefined) part.problems.push(problem);
    else if (value !== undefined) part.values.push(value);
  }
  return parts;
}

/** A file system that hangs would else take one thread after another. */
function started(property: Property, promise: Promise<unknown>): Promise<unknown> {
  property.stuck = true;
  return promise.finally(() => delete property.stuck);
}

/** What cannot be stopped is left to itself: its answer comes too late. */
async function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal, reason: string): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const stop = (): void => late.reject(new CommandError('timeout', reason));
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
    promise.catch(() => undefined);
    late.promise.catch(() => undefined);
  }
}

function problemOf(name: string, error: unknown): PropertyProblem {
  if (error instanceof CommandError) return { name, code: error.code, reason: error.message };
  return { name, code: 'failed', reason: error instanceof Error ? error.message : String(error) };
}
