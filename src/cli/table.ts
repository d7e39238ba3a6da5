import { styleText } from 'node:util';
import { displayWidth, printable, truncate } from './printable.ts';

/** How a cell is meant; on a terminal it is seen in its colour as well. */
export type Tone = 'good' | 'bad' | 'warning' | 'quiet';

export interface Cell {
  readonly text: string;
  readonly tone?: Tone | undefined;
}

export interface TableColumn {
  readonly head: string;
  readonly align?: 'right' | undefined;
}

export interface TableStyle {
  /** The width of the terminal: what is wider is cut. Without it, as in a pipe, nothing is. */
  readonly columns?: number | undefined;
  readonly colour?: boolean | undefined;
}

const gap = 2;
const leastWidth = 6;
const colours = { good: 'green', bad: 'red', warning: 'yellow', quiet: 'gray' } as const;

/** The lines of a table, its heads first. */
export function formatTable(columns: readonly TableColumn[], rows: readonly (readonly Cell[])[], style: TableStyle = {}): string[] {
  const cells = rows.map((row) => row.map(({ text, tone }) => ({ text: printable(text), tone })));
  const heads = columns.map(({ head }) => ({ text: head, tone: undefined }));
  const table = [heads, ...cells];
  const natural = columns.map((_, index) => table.reduce((widest, row) => Math.max(widest, displayWidth(row[index]?.text ?? '')), 0));
  const widths = style.columns === undefined ? natural : fitted(natural, style.columns);
  return table.map((row) => formatRow(columns, row, widths, style));
}

/** One line of a table whose widths are settled: for rows that come one after the other. */
export function formatRow(
  columns: readonly TableColumn[],
  row: readonly Cell[],
  widths: readonly number[],
  { columns: terminal, colour }: TableStyle,
): string {
  let line = '';
  for (const [index, { align }] of columns.entries()) {
    const { text = '', tone } = row[index] ?? {};
    const width = widths[index] ?? 0;
    const shown = terminal === undefined ? text : truncate(text, width);
    const padding = ' '.repeat(Math.max(0, width - displayWidth(shown)));
    const last = index === columns.length - 1;
    const coloured = colour === true && tone !== undefined ? styleText(colours[tone], shown, { validateStream: false }) : shown;
    line += align === 'right' ? `${padding}${coloured}` : last ? coloured : `${coloured}${padding}`;
    if (!last) line += ' '.repeat(gap);
  }
  return line.trimEnd();
}

/** Takes from the widest columns until the line fits. */
function fitted(natural: readonly number[], terminal: number): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width, 0) + gap * (widths.length - 1) - terminal;
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= leastWidth) break;
    const second = Math.max(leastWidth, ...widths.filter((width) => width < widest));
    const index = widths.indexOf(widest);
    const cut = Math.max(1, Math.min(excess, widest - second));
    widths[index] = widest - cut;
    excess -= cut;
  }
  return widths;
}
