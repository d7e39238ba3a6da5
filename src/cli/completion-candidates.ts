import type { Argument, Command, Option } from 'commander';
import type { Page } from './api-client.ts';
import { displayWidth } from './printable.ts';
import { connect } from './service-command.ts';
import type { ServiceOptions } from './service-command.ts';
import type { Terminal } from './terminal.ts';

const askMs = 1000;
const mostNames = 200;
/** For the scripts: complete a file name here. */
export const fileMark = ':file';

/** What a placeholder in a usage text stands for: where live names of it come from. */
const sources: Readonly<Record<string, { readonly path: string; readonly key: string; readonly search: boolean }>> = {
  machine: { path: '/machines', key: 'name', search: true },
  profile: { path: '/profiles', key: 'name', search: true },
  subnet: { path: '/subnets', key: 'name', search: true },
  template: { path: '/templates', key: 'name', search: true },
  image: { path: '/images', key: 'ref', search: true },
  boot: { path: '/boots', key: 'id', search: false },
  task: { path: '/tasks', key: 'id', search: false },
  user: { path: '/users', key: 'name', search: false },
  token: { path: '/tokens', key: 'id', search: false },
  address: { path: '/leases', key: 'address', search: true },
  environment: { path: '/environments', key: 'name', search: true },
  role: { path: '/roles', key: 'name', search: true },
  trigger: { path: '/triggers', key: 'name', search: true },
  host: { path: '/hosts', key: 'name', search: true },
  vm: { path: '/vms', key: 'name', search: true },
  'command-id': { path: '/commands', key: 'id', search: true },
  property: { path: '/properties', key: 'name', search: true },
};

/** What may stand in place of the last word of a command line: commands, options, choices, and names that the service knows. */
export async function candidatesFor(program: Command, words: readonly string[], terminal: Terminal): Promise<string[]> {
  const prefix = words.at(-1) ?? '';
  const position = positionOf(program, words.slice(0, -1));
  const { command, expects, options } = position;
  if (expects === undefined && prefix.startsWith('-')) return fitting(optionNames(command), prefix);
  const slot = expects ?? position.argument;
  const subcommands = position.argumentsSeen > 0 ? [] : visibleCommands(command);
  if (slot === undefined) return fitting(subcommands, prefix);
  const values = await valuesOf(slot, prefix, terminal, options);
  return fitting([...(expects === undefined ? subcommands : []), ...values], prefix);
}

interface Position {
  readonly command: Command;
  /** The option whose value comes next. */
  readonly expects: Option | undefined;
  /** The argument that comes next. */
  readonly argument: Argument | undefined;
  readonly argumentsSeen: number;
  readonly options: ServiceOptions;
}

/** Walks over the words that are there. Wrong ones count as arguments: it is a guess of what is meant. */
function positionOf(program: Command, words: readonly string[]): Position {
  let command = program;
  let expects: Option | undefined;
  let argumentsSeen = 0;
  const options: { server?: string; config?: string } = {};
  for (const word of words) {
    if (expects !== undefined) {
      if (expects.long === '--server') options.server = word;
      if (expects.long === '--config') options.config = word;
      expects = undefined;
    } else if (word.startsWith('-')) {
      expects = command.options.find(({ long, short, required, optional }) => (long === word || short === word) && (required || optional));
    } else {
      const inner = argumentsSeen === 0 ? command.commands.find((each) => each.name() === word) : undefined;
      if (inner === undefined) argumentsSeen++;
      else command = inner;
    }
  }
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  const argument = registeredArguments[argumentsSeen] ?? (last?.variadic === true ? last : undefined);
  return { command, expects, argument, argumentsSeen, options };
}

async function valuesOf(slot: Option | Argument, prefix: string, terminal: Terminal, options: ServiceOptions): Promise<string[]> {
  if (slot.argChoices !== undefined) return slot.argChoices;
  const placeholder = 'flags' in slot ? (/<([^>]+)>/.exec(slot.flags)?.[1] ?? '') : slot.name();
  const word = placeholder.replace(/\.{3}$/, '');
  if (word === 'file' || word === 'dir' || word === 'recipe') return [fileMark];
  const source = Object.hasOwn(sources, word) ? sources[word] : undefined;
  return source === undefined ? [] : liveNames(source, prefix, terminal, options);
}

/** Names that the service knows. Silent where it does not answer at once: nobody asked it anything. */
async function liveNames(
  { path, key, search }: (typeof sources)[string] & object,
  prefix: string,
  terminal: Terminal,
  options: ServiceOptions,
): Promise<string[]> {
  try {
    const api = await connect(terminal, options, { timeoutMs: askMs });
    try {
      const { body } = await api.get<Page<Readonly<Record<string, unknown>>>>(path, {
        limit: mostNames,
        q: search && prefix !== '' ? prefix : undefined,
      });
      return body.items.map((item) => String(item[key]));
    } finally {
      api.close();
    }
  } catch {
    return [];
  }
}

function optionNames(command: Command): string[] {
  const names = command.options.filter(({ hidden }) => !hidden).map(({ long, short }) => long ?? short ?? '');
  return [...names, '--help'];
}

function visibleCommands(command: Command): string[] {
  const names = command
    .createHelp()
    .visibleCommands(command)
    .map((each) => each.name())
    .filter((name) => !name.startsWith('__') && name !== 'help');
  return command.parent === null ? [...names, 'help'] : names;
}

/** A shell would split or act on other letters, and names have none of them. */
function fitting(candidates: readonly string[], prefix: string): string[] {
  const fit = candidates.filter(
    (each) => each === fileMark || (each.startsWith(prefix) && /^[\w.@:/+,=-]+$/.test(each) && displayWidth(each) <= 200),
  );
  return [...new Set(fit)].sort();
}
