import { readFileSync } from 'node:fs';
import { isAlias, isMap, isNode, isSeq, LineCounter, parseAllDocuments, visit } from 'yaml';
import type { Document, Node } from 'yaml';
import type { ConfigProblem, SourcePosition } from './problems.ts';

export type ValuePath = readonly (string | number)[];

/** One YAML document as plain values, and where each of them stands. */
export interface YamlDocument {
  readonly value: unknown;
  /** Where the value at `path` begins; where it is missing, the nearest thing around it. */
  positionOf(path: ValuePath): SourcePosition;
  /** Where the last key of `path` stands, for keys that should not be there. */
  keyPosition(path: ValuePath): SourcePosition;
}

export interface YamlFile {
  /** Without the empty ones, such as after a last `---`. */
  readonly documents: readonly YamlDocument[];
  readonly problems: readonly ConfigProblem[];
}

/**
 * Reads a file of one or more YAML 1.2 documents. A file that cannot be read or parsed is a problem, not an exception.
 * @param ifMissing what to tell of a file that is not there: who wants it, or where to get one
 */
export function readYamlFile(file: string, ifMissing: string): YamlFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT' ? `no such file; ${ifMissing}` : code === 'EACCES' ? 'may not be read by this user' : (error as Error).message;
    return { documents: [], problems: [{ file, line: 0, column: 0, path: '', message: reason }] };
  }
  return parseYamlText(text, file);
}

/** Likewise of a text; `file` is what its problems call it. */
export function parseYamlText(text: string, file: string): YamlFile {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const documents: YamlDocument[] = [];
  const problems: ConfigProblem[] = [];
  const place = (offset: number): SourcePosition => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  for (const document of Array.isArray(parsed) ? parsed : []) {
    // Warnings are of tags and directives that nobody here means.
    for (const error of [...document.errors, ...document.warnings])
      problems.push({ ...place(error.pos[0]), path: '', message: `not valid YAML: ${error.message}` });
    visit(document, {
      Alias(_, node) {
        if (node.resolve(document) !== undefined) return;
        problems.push({
          ...place(node.range?.[0] ?? 0),
          path: '',
          message: `not valid YAML: there is no anchor &${node.source} before this alias`,
        });
      },
    });
    if (problems.length > 0 || document.contents === null) continue;
    try {
      const value: unknown = document.toJS();
      if (value !== null) documents.push(yamlDocument(document, value, place));
    } catch (error) {
      // Aliases that would blow up to a huge value.
      problems.push({ ...place(document.range[0]), path: '', message: `not valid YAML: ${(error as Error).message}` });
    }
  }
  return { documents, problems };
}

function yamlDocument(document: Document.Parsed, value: unknown, place: (offset: number) => SourcePosition): YamlDocument {
  const positionOf = (path: ValuePath): SourcePosition => {
    let node: Node = document.contents ?? raise(document);
    for (const step of path) {
      const child = childOf(document, node, step)?.value;
      if (child === undefined) break;
      node = child;
    }
    return place(node.range?.[0] ?? document.range[0]);
  };
  return {
    value,
    positionOf,
    keyPosition(path) {
      let node: Node = document.contents ?? raise(document);
      let key: Node | undefined;
      for (const step of path) {
        const child = childOf(document, node, step);
        if (child === undefined) break;
        [node, key] = [child.value ?? node, child.key ?? child.value];
      }
      return key?.range ? place(key.range[0]) : positionOf(path);
    },
  };
}

function childOf(document: Document.Parsed, parent: Node, step: string | number): { key?: Node; value?: Node } | undefined {
  const node = isAlias(parent) ? parent.resolve(document) : parent;
  if (isSeq(node)) {
    const item = node.items[Number(step)];
    return isNode(item) ? { value: item } : undefined;
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isNode(key) && String(key.toJS(document)) === String(step));
  if (pair === undefined) return undefined;
  return { ...(isNode(pair.key) && { key: pair.key }), ...(isNode(pair.value) && { value: pair.value }) };
}

function raise(document: Document.Parsed): never {
  throw new RangeError(`a YAML document without contents at ${document.range[0]}`);
}
