import { readFileSync } from 'node:fs';
import { isRecord } from '../documents/check-shape.ts';
import { parseYamlText } from '../documents/yaml-source.ts';
import type { YamlDocument } from '../documents/yaml-source.ts';
import { CliError, DocumentError } from './cli-error.ts';
import { objectKinds } from './object-kinds.ts';
import type { Terminal } from './terminal.ts';

/** An object as a person wrote it, and where. */
export interface WrittenObject {
  readonly kind: string;
  readonly name: string;
  readonly document: Readonly<Record<string, unknown>>;
  readonly source: YamlDocument;
}

/** The text of a file, or of standard input for `-`. */
export async function readText(terminal: Terminal, file: string): Promise<string> {
  if (file === '-') {
    if (terminal.input === undefined) throw new CliError('usage', 'there is no standard input to read from');
    return terminal.input();
  }
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new CliError('notFound', `there is no file ${file}`);
    if (code === 'EISDIR') throw new CliError('usage', `${file} is a folder: name a file`);
    throw error;
  }
}

/** Reads objects from YAML or JSON text. Throws DocumentError with file and line of everything that is no object. */
export function readWrittenObjects(text: string, file: string): WrittenObject[] {
  const { documents, problems } = parseYamlText(text, file);
  if (problems.length > 0) throw new DocumentError(problems);
  const wrong = documents.flatMap((source) => {
    const message = objectProblem(source.value);
    return message === undefined ? [] : [{ ...source.positionOf([]), path: '', message }];
  });
  if (wrong.length > 0) throw new DocumentError(wrong);
  return documents.map((source) => {
    const document = source.value as { kind: string; name: string };
    return { kind: document.kind, name: document.name, document, source };
  });
}

function objectProblem(value: unknown): string | undefined {
  if (!isRecord(value)) return 'expected an object with kind: and name:';
  if (typeof value['kind'] !== 'string') return `expected kind: ${objectKinds.slice(0, -1).join(', ')} or ${objectKinds.at(-1)}`;
  return typeof value['name'] === 'string' ? undefined : 'expected name:, the name of the object';
}
