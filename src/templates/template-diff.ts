import { FILE_HEADERS_ONLY, createTwoFilesPatch } from 'diff';

/** Beyond so many changed lines a comparison costs more than it tells, and it runs beside DHCP. */
const maxEditLength = 800;

export interface DiffSide {
  readonly text: string;
  /** `version 3`, `draft`. */
  readonly label: string;
}

/** A unified diff; empty where both are the same. Texts that share next to nothing come whole, the old one first. */
export function unifiedDiff(name: string, from: DiffSide, to: DiffSide): string {
  if (from.text === to.text) return '';
  const patch = createTwoFilesPatch(name, name, from.text, to.text, from.label, to.label, {
    context: 3,
    maxEditLength,
    headerOptions: FILE_HEADERS_ONLY,
  });
  return patch ?? replaced(name, from, to);
}

function replaced(name: string, from: DiffSide, to: DiffSide): string {
  const before = linesOf(from.text);
  const after = linesOf(to.text);
  const head = [`--- ${name}\t${from.label}`, `+++ ${name}\t${to.label}`, `@@ ${range('-', before)} ${range('+', after)} @@`];
  return `${[...head, ...marked('-', before), ...marked('+', after)].join('\n')}\n`;
}

interface Lines {
  readonly lines: readonly string[];
  readonly endsOpen: boolean;
}

function linesOf(text: string): Lines {
  if (text === '') return { lines: [], endsOpen: false };
  const endsOpen = !text.endsWith('\n');
  return { lines: (endsOpen ? text : text.slice(0, -1)).split('\n'), endsOpen };
}

function range(sign: string, { lines }: Lines): string {
  return `${sign}${lines.length === 0 ? 0 : 1},${lines.length}`;
}

function marked(sign: string, { lines, endsOpen }: Lines): readonly string[] {
  return [...lines.map((line) => sign + line), ...(endsOpen ? ['\\ No newline at end of file'] : [])];
}
