import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRecord } from '../../documents/check-shape.ts';
import type { ConfigProblem } from '../../documents/problems.ts';
import { parseYamlText } from '../../documents/yaml-source.ts';
import type { YamlDocument } from '../../documents/yaml-source.ts';
import { parseIni } from './ini-source.ts';
import { checkEntry } from './property-definition.ts';
import type { PropertyCommands, PropertyDefinition } from './property-definition.ts';

export interface DefinitionFiles {
  readonly definitions: readonly PropertyDefinition[];
  /** Everything that is wrong, at once; what is not wrong works. */
  readonly problems: readonly ConfigProblem[];
}

const maxFiles = 64;
const maxFileBytes = 256 * 1024;
export const maxDefinitions = 256;

/** All definitions of a folder: `*.yaml` and `*.yml`, `*.ini` and `*.conf`, by name; of one name the first counts. */
export function readDefinitions(folder: string, commands: PropertyCommands): DefinitionFiles {
  const problems: ConfigProblem[] = [];
  const definitions = new Map<string, PropertyDefinition>();
  for (const file of filesOf(folder, problems)) {
    const text = textOf(file, problems);
    if (text === undefined) continue;
    for (const definition of definitionsOf(text, file, commands, problems)) {
      const [, line = '0'] = /:(\d+)$/.exec(definition.origin) ?? [];
      const place = { file, line: Number(line), column: 1, path: definition.name };
      const known = definitions.get(definition.name);
      if (known !== undefined) problems.push({ ...place, message: `it is defined in ${known.origin} already: this one is left out` });
      else if (definitions.size >= maxDefinitions)
        problems.push({ ...place, message: `more than ${maxDefinitions} properties: this one is left out` });
      else definitions.set(definition.name, definition);
    }
  }
  return { definitions: [...definitions.values()], problems };
}

/** Those of one file by its name's end: INI, or else YAML. */
export function definitionsOf(text: string, file: string, commands: PropertyCommands, problems: ConfigProblem[]): PropertyDefinition[] {
  if (/\.(?:ini|conf)$/.test(file)) return iniDefinitions(text, file, commands, problems);
  const yaml = parseYamlText(text, file);
  problems.push(...yaml.problems);
  return yaml.documents.flatMap((document) => yamlDefinitions(document, file, commands, problems));
}

function iniDefinitions(text: string, file: string, commands: PropertyCommands, problems: ConfigProblem[]): PropertyDefinition[] {
  const ini = parseIni(text, file);
  problems.push(...ini.problems);
  return ini.sections.flatMap(({ name, line, values, lines }) => {
    const checked = checkEntry(name, values, `${file}:${line}`, commands);
    if (checked.kind === 'definition') return [checked.definition];
    for (const { key, message } of checked.problems)
      problems.push({ file, line: (key === undefined ? undefined : lines[key]) ?? line, column: 1, path: pathOf(name, key), message });
    return [];
  });
}

function yamlDefinitions(
  document: YamlDocument,
  file: string,
  commands: PropertyCommands,
  problems: ConfigProblem[],
): PropertyDefinition[] {
  const { value } = document;
  if (!isRecord(value)) {
    problems.push({ ...document.positionOf([]), path: '', message: 'expected names of properties, each with its keys below it' });
    return [];
  }
  return Object.entries(value).flatMap(([name, entry]) => {
    const position = document.keyPosition([name]);
    if (!isRecord(entry)) {
      problems.push({ ...position, path: name, message: 'expected the keys of a property below its name' });
      return [];
    }
    const checked = checkEntry(name, entry, `${file}:${position.line}`, commands);
    if (checked.kind === 'definition') return [checked.definition];
    for (const { key, message } of checked.problems)
      problems.push({ ...(key === undefined ? position : document.keyPosition([name, key])), path: pathOf(name, key), message });
    return [];
  });
}

function filesOf(folder: string, problems: ConfigProblem[]): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') problems.push({ file: folder, line: 0, column: 0, path: '', message });
    return [];
  }
  const wanted = names.filter((name) => /^[^.].*\.(?:ya?ml|ini|conf)$/.test(name)).sort((a, b) => (a < b ? -1 : 1));
  for (const name of wanted.slice(maxFiles))
    problems.push({ file: join(folder, name), line: 0, column: 0, path: '', message: `more than ${maxFiles} files: this one is not read` });
  return wanted.slice(0, maxFiles).map((name) => join(folder, name));
}

function textOf(file: string, problems: ConfigProblem[]): string | undefined {
  try {
    const bytes = readFileSync(file);
    if (bytes.length <= maxFileBytes) return bytes.toString('utf8');
    problems.push({ file, line: 0, column: 0, path: '', message: `it has more than ${maxFileBytes / 1024} KiB: split it` });
  } catch (error) {
    problems.push({ file, line: 0, column: 0, path: '', message: (error as Error).message });
  }
  return undefined;
}

function pathOf(name: string, key: string | undefined): string {
  return key === undefined ? name : `${name}.${key}`;
}
