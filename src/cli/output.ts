import { Option } from 'commander';
import { stringify } from 'yaml';
import { printable, printableLines } from './printable.ts';
import { formatRow, formatTable } from './table.ts';
import type { Cell, TableColumn, Tone } from './table.ts';
import type { Terminal } from './terminal.ts';

export const outputForms = ['table', 'wide', 'json', 'yaml', 'name', 'jsonl'] as const;
export type OutputForm = (typeof outputForms)[number];

/** `-o FORM`, the same on every command that reads. */
export function outputOption(): Option {
  return new Option('-o, --output <form>', 'the form of the output').choices([...outputForms]).default('table');
}

export interface OutputOptions {
  readonly output: OutputForm;
}

type CellValue = string | number | boolean | undefined;

export interface Column<Item> {
  readonly head: string;
  readonly cell: (item: Item) => CellValue;
  /** Only with `-o wide`. */
  readonly wide?: true;
  readonly align?: 'right';
  readonly tone?: (item: Item) => Tone | undefined;
  /** Where rows come one by one and their widths are not known: at least so many letters. */
  readonly width?: number;
}

/** How things of one kind are shown. */
export interface View<Item> {
  readonly columns: readonly Column<Item>[];
  readonly name: (item: Item) => string;
  /** What to do when there is none; goes to standard error. */
  readonly empty?: string;
  /** One thing by itself, as text; without it, its row is shown. */
  readonly detail?: (item: Item) => string;
}

type Voice = Pick<Terminal, 'out' | 'error' | 'columns' | 'colour'>;

/** Shows many things in the form that was asked for. */
export function printItems<Item>(terminal: Voice, form: OutputForm, view: View<Item>, items: readonly Item[]): void {
  if (items.length === 0 && view.empty !== undefined && (form === 'table' || form === 'wide')) terminal.error(`${view.empty}\n`);
  else writeItems(terminal, form, view, items);
}

/** Shows one thing in the form that was asked for. */
export function printItem<Item>(terminal: Voice, form: OutputForm, view: View<Item>, item: Item): void {
  if (form === 'json') terminal.out(`${jsonText(item, 2)}\n`);
  else if (form === 'yaml') writeText(terminal, yamlText(item));
  else if (form === 'table' && view.detail !== undefined) writeText(terminal, view.detail(item));
  else writeItems(terminal, form, view, [item]);
}

/** Shows things as they come, each at once. What would be an array or a sequence is a line, or a document, for each. */
export class ItemStream<Item> {
  readonly #terminal: Voice;
  readonly #form: OutputForm;
  readonly #view: View<Item>;
  #first = true;

  constructor(terminal: Voice, form: OutputForm, view: View<Item>) {
    this.#terminal = terminal;
    this.#form = form;
    this.#view = view;
  }

  print(item: Item): void {
    if (this.#form === 'json') this.#terminal.out(`${jsonText(item)}\n`);
    else if (this.#form === 'yaml') writeText(this.#terminal, `---\n${yamlText(item)}`);
    else if (this.#form === 'table' || this.#form === 'wide') this.#row(item);
    else writeItems(this.#terminal, this.#form, this.#view, [item]);
    this.#first = false;
  }

  #row(item: Item): void {
    const columns = columnsOf(this.#form, this.#view);
    const widths = columns.map(({ head, width = 0 }) => Math.max(head.length, width));
    const style = { colour: this.#terminal.colour };
    if (this.#first) this.#terminal.out(`${formatRow(columns.map(tableColumn), columns.map(headCell), widths, style)}\n`);
    const cells = cellsOf(columns, item).map(({ text, tone }) => ({ text: printable(text), tone }));
    this.#terminal.out(`${formatRow(columns.map(tableColumn), cells, widths, style)}\n`);
  }
}

function writeItems<Item>(terminal: Voice, form: OutputForm, view: View<Item>, items: readonly Item[]): void {
  switch (form) {
    case 'json':
      return terminal.out(`${jsonText(items, 2)}\n`);
    case 'jsonl':
      return terminal.out(items.map((item) => `${jsonText(item)}\n`).join(''));
    case 'yaml':
      return writeText(terminal, yamlText(items));
    case 'name': {
      const names = items.map(view.name).map((name) => (terminal.columns === undefined ? name : printable(name)));
      return terminal.out(names.map((name) => `${name}\n`).join(''));
    }
    case 'table':
    case 'wide': {
      const columns = columnsOf(form, view);
      const rows = items.map((item) => cellsOf(columns, item));
      const lines = formatTable(columns.map(tableColumn), rows, terminal);
      return terminal.out(lines.map((line) => `${line}\n`).join(''));
    }
  }
}

/** Text from the service: nothing that a terminal acts on gets to one; a pipe or a file gets it as it is. */
export function writeText(terminal: Voice, text: string): void {
  terminal.out(terminal.columns === undefined ? text : printableLines(text));
}

function columnsOf<Item>(form: OutputForm, { columns }: View<Item>): readonly Column<Item>[] {
  return form === 'wide' ? columns : columns.filter(({ wide }) => wide === undefined);
}

function tableColumn<Item>({ head, align }: Column<Item>): TableColumn {
  return { head, align };
}

function headCell<Item>({ head }: Column<Item>): Cell {
  return { text: head };
}

function cellsOf<Item>(columns: readonly Column<Item>[], item: Item): Cell[] {
  return columns.map(({ cell, tone }) => ({ text: String(cell(item) ?? ''), tone: tone?.(item) }));
}

/** As JSON in ASCII where it matters: what a terminal would act on is escaped, which any JSON reader undoes. */
function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replaceAll(/[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, (letter) => {
    return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

export function yamlText(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
