import { didYouMean } from '../../documents/problems.ts';
import { definitionDefaults, definitionLimits, propertyNamePattern, propertyTypes } from '../../model/property-definition.ts';
import type { PropertyType } from '../../model/property-definition.ts';
import type { PropertyCommand } from './property-command.ts';

export interface PropertyDefinition {
  readonly name: string;
  readonly command: string;
  readonly parameters: readonly string[];
  readonly type: PropertyType;
  /** Seconds from one extraction to the next; 0: only when somebody asks. */
  readonly ticks: number;
  readonly timeoutSeconds: number;
  /** `/etc/virtdom/properties.d/farm.ini:12`, or `manager`. */
  readonly origin: string;
}

/** What `command` may be, by its name. */
export type PropertyCommands = ReadonlyMap<string, PropertyCommand>;

export interface EntryProblem {
  /** The key to blame; none where the whole definition is meant. */
  readonly key?: string;
  readonly message: string;
}

export type CheckedEntry =
  | { readonly kind: 'definition'; readonly definition: PropertyDefinition }
  | { readonly kind: 'wrong'; readonly problems: readonly EntryProblem[] };

const keys = ['command', 'parameters', 'return_type', 'ticks', 'timeout'];

/** One definition as somebody wrote it. In INI all values are texts: numbers are accepted as texts too. */
export function checkEntry(
  name: string,
  entry: Readonly<Record<string, unknown>>,
  origin: string,
  commands: PropertyCommands,
): CheckedEntry {
  const problems: EntryProblem[] = [];
  if (!propertyNamePattern.test(name))
    problems.push({ message: 'expected a name of letters, digits, _ . and -, at most 64, a letter or _ first' });
  for (const key of Object.keys(entry))
    if (!keys.includes(key)) problems.push({ key, message: `unknown key${didYouMean(key, keys) || `; known are ${keys.join(', ')}`}` });
  const take = <Value>(key: string, taken: Value | Wrong): Value | undefined => {
    if (!(taken instanceof Wrong)) return taken;
    problems.push({ key, message: taken.message });
    return undefined;
  };
  const { maxTicks, maxTimeoutSeconds } = definitionLimits;
  const command = take('command', commandOf(entry['command'], commands));
  const parameters = take('parameters', parametersOf(entry['parameters']));
  const unfit = command === undefined || parameters === undefined ? undefined : commands.get(command)?.problem(parameters);
  if (unfit !== undefined) problems.push({ key: 'parameters', message: unfit });
  const type = take('return_type', typeOf(entry['return_type']));
  const ticks = take('ticks', secondsOf(entry['ticks'] ?? definitionDefaults.ticks, 0, maxTicks));
  const timeoutSeconds = take('timeout', secondsOf(entry['timeout'] ?? definitionDefaults.timeout, 1, maxTimeoutSeconds));
  if (problems.length > 0 || command === undefined || parameters === undefined || type === undefined) return { kind: 'wrong', problems };
  if (ticks === undefined || timeoutSeconds === undefined) return { kind: 'wrong', problems };
  return { kind: 'definition', definition: { name, command, parameters, type, ticks, timeoutSeconds, origin } };
}

/** One that somebody else sends: only who builds the image says which scripts run on a machine. */
export function checkSentEntry(name: string, entry: Readonly<Record<string, unknown>>, commands: PropertyCommands): CheckedEntry {
  if (entry['command'] === 'exec')
    return { kind: 'wrong', problems: [{ key: 'command', message: 'exec is only for definitions in the files of the machine' }] };
  const known = new Map([...commands].filter(([command]) => command !== 'exec'));
  return checkEntry(name, entry, 'manager', known);
}

class Wrong {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

function commandOf(value: unknown, commands: PropertyCommands): string | Wrong {
  const known = [...commands.keys()].join(', ');
  if (value === undefined) return new Wrong(`missing: expected one of ${known}`);
  if (typeof value === 'string' && commands.has(value)) return value;
  const meant = typeof value === 'string' ? didYouMean(value, commands.keys()) : '';
  return new Wrong(`there is no command ${JSON.stringify(value)}${meant || `; there are ${known}`}`);
}

/** `MemFree`, `/srv free`, or a list of texts. */
function parametersOf(value: unknown): readonly string[] | Wrong {
  const list: readonly unknown[] = Array.isArray(value)
    ? value
    : typeof value === 'string'
      ? value.split(/\s+/).filter(Boolean)
      : value === undefined || value === null
        ? []
        : [value];
  const { maxParameters, maxParameterLetters } = definitionLimits;
  const expected = new Wrong(`expected words, or a list of at most ${maxParameters} texts of at most ${maxParameterLetters} letters`);
  if (list.length > maxParameters) return expected;
  const texts = list.map((each) => (typeof each === 'number' ? String(each) : each));
  return texts.every((each): each is string => typeof each === 'string' && each.length <= maxParameterLetters && !each.includes('\0'))
    ? texts
    : expected;
}

function typeOf(value: unknown): PropertyType | Wrong {
  const known = propertyTypes.find((type) => type === value);
  if (known !== undefined) return known;
  const found = value === undefined ? 'missing' : `found ${JSON.stringify(value)}`;
  return new Wrong(`${found}: expected one of ${propertyTypes.join(', ')}`);
}

function secondsOf(value: unknown, least: number, most: number): number | Wrong {
  const seconds = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
  if (typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= least && seconds <= most) return seconds;
  return new Wrong(`expected whole seconds from ${least} to ${most}, found ${JSON.stringify(value)}`);
}
