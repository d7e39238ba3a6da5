import type { PropertyType } from '../../model/property-definition.ts';
import { CommandError } from './machine-view.ts';
import type { MachineView } from './machine-view.ts';

export interface Extraction {
  readonly parameters: readonly string[];
  readonly type: PropertyType;
  readonly view: MachineView;
  /** Aborted when the property's time is over. */
  readonly signal: AbortSignal;
  /** Of the clock that never goes back. */
  readonly monoMs: number;
  /** What this property's command wants to know again the next time: counters that rates are made of. */
  readonly memory: Map<string, number>;
}

export interface PropertyCommand {
  /** What is wrong with parameters, before anything is extracted. */
  problem(parameters: readonly string[]): string | undefined;
  /** @throws CommandError */
  extract(extraction: Extraction): Promise<unknown>;
}

/** The text of a file that has to be there. */
export async function readOf(view: MachineView, path: string): Promise<string> {
  const text = await view.read(path);
  if (text === undefined) throw new CommandError('missing', `there is no ${path} on this machine, or it may not be read`);
  return text;
}

export function oneOf(parameters: readonly string[], known: readonly string[], isOptional = true): string | undefined {
  const [first] = parameters;
  if (parameters.length > 1) return `expected one parameter, found ${parameters.length}`;
  if (first === undefined) return isOptional ? undefined : `expected one of ${known.join(', ')}`;
  return known.includes(first) ? undefined : `there is no ${JSON.stringify(first)}; there are ${known.join(', ')}`;
}

/** The names of interfaces, block devices and DMI fields: nothing that leads out of its folder. */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,63}$/.test(name) && !name.includes('..');
}

/** Growth of a counter a second since it was looked at last; since the machine's start the first time. */
export function ratePerSecond(counter: number, { memory, monoMs }: Pick<Extraction, 'memory' | 'monoMs'>, uptimeSeconds: number): number {
  const before = memory.get('counter');
  const beforeMs = memory.get('atMs');
  memory.set('counter', counter).set('atMs', monoMs);
  if (before === undefined || beforeMs === undefined || monoMs <= beforeMs || counter < before)
    return uptimeSeconds > 0 ? counter / uptimeSeconds : 0;
  return ((counter - before) * 1000) / (monoMs - beforeMs);
}

/** Lines of `key: value`, as /proc and `xl info` write them. */
export function pairsOf(text: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf(':');
    if (at > 0) pairs.set(line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  return pairs;
}
