import { stripVTControlCharacters } from 'node:util';
import fastCheck from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { formatAge, parseSeconds } from '../../src/cli/duration.ts';
import { ItemStream, printItem, printItems, writeText } from '../../src/cli/output.ts';
import type { OutputForm, View } from '../../src/cli/output.ts';
import { displayWidth, printable, printableLines, truncate } from '../../src/cli/printable.ts';
import { formatTable } from '../../src/cli/table.ts';

interface Thing {
  readonly name: string;
  readonly size: number;
  readonly note?: string;
}

const view: View<Thing> = {
  columns: [
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'SIZE', cell: ({ size }) => size, align: 'right', tone: ({ size }) => (size > 100 ? 'bad' : undefined) },
    { head: 'MORE', cell: ({ size }) => size * 2, wide: true },
    { head: 'NOTE', cell: ({ note }) => note },
  ],
  name: ({ name }) => name,
  empty: 'there is none',
};
const things: Thing[] = [
  { name: 'post01', size: 7, note: 'a note' },
  { name: 'gw', size: 1234 },
];

function shown(form: OutputForm, items: readonly Thing[], terminal: { columns?: number; colour?: boolean } = {}) {
  let out = '';
  let error = '';
  printItems({ out: (text) => void (out += text), error: (text) => void (error += text), ...terminal }, form, view, items);
  return { out, error };
}

describe('output', () => {
  it('is a table with columns as wide as they must be, and nothing at the ends of lines', () => {
    expect(shown('table', things)).toEqual({ out: 'NAME    SIZE  NOTE\npost01     7  a note\ngw      1234\n', error: '' });
  });

  it('has more columns with -o wide', () => {
    expect(shown('wide', things).out).toBe('NAME    SIZE  MORE  NOTE\npost01     7  14    a note\ngw      1234  2468\n');
  });

  it('is JSON, a line of JSON for each, YAML, or names', () => {
    expect(JSON.parse(shown('json', things).out)).toEqual(things);
    expect(
      shown('jsonl', things)
        .out.split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Thing),
    ).toEqual(things);
    expect(parse(shown('yaml', things).out)).toEqual(things);
    expect(shown('name', things).out).toBe('post01\ngw\n');
  });

  it('says on standard error what to do where there is none, and gives programs their empty list', () => {
    expect(shown('table', [])).toEqual({ out: '', error: 'there is none\n' });
    expect(shown('json', [])).toEqual({ out: '[]\n', error: '' });
    expect(shown('jsonl', [])).toEqual({ out: '', error: '' });
  });

  it('is an object and no list where one thing was asked for', () => {
    let out = '';
    printItem({ out: (text) => void (out += text), error: () => {} }, 'json', view, things[1] ?? raise());
    expect(JSON.parse(out)).toEqual(things[1]);
  });

  it('cuts the widest columns to the terminal, and nothing in a pipe', () => {
    const long = [{ name: 'x'.repeat(50), size: 1, note: 'y'.repeat(90) }];
    const lines = shown('table', long, { columns: 60 }).out.split('\n');
    expect(lines.every((line) => displayWidth(line) <= 60)).toBe(true);
    expect(lines[1]).toMatch(/^x+…? +1 +y+…$/);
    expect(shown('table', long).out).toContain('y'.repeat(90));
  });

  it('has colour only where it was asked for, with the columns as straight as without', () => {
    const coloured = shown('table', things, { columns: 80, colour: true }).out;
    expect(coloured).toContain('\u001b[31m1234\u001b[39m');
    expect(stripVTControlCharacters(coloured)).toBe(shown('table', things, { columns: 80 }).out);
    expect(shown('table', things, { columns: 80 }).out).not.toContain('\u001b');
  });

  const hostile: Thing = { name: '\u001b]0;pwned\u0007\u009b2J\u202egnp.exe\n\r\t', size: 1, note: '\u001b[31mred\u007f' };

  it.each(['table', 'wide', 'json', 'yaml', 'name', 'jsonl'] as const)(
    'lets no control character of data reach a terminal: -o %s',
    (form) => {
      const { out } = shown(form, [hostile], { columns: 200 });
      expect(out.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u2028-\u202e]/u);
      const stream: string[] = [];
      new ItemStream({ out: (text) => void stream.push(text), error: () => {}, columns: 80 }, form, view).print(hostile);
      expect(stream.join('').replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u2028-\u202e]/u);
    },
  );

  it('gives a program the data as it is', () => {
    expect(JSON.parse(shown('json', [hostile]).out)).toEqual([hostile]);
    expect(parse(shown('yaml', [hostile]).out)).toEqual([hostile]);
    let out = '';
    writeText({ out: (text) => void (out += text), error: () => {} }, '\u001b[2J');
    expect(out).toBe('\u001b[2J');
  });

  it('keeps one thing on one line of a table, whatever it is called', () => {
    fastCheck.assert(
      fastCheck.property(fastCheck.string({ unit: 'binary' }), fastCheck.integer({ min: 20, max: 200 }), (name, columns) => {
        const lines = formatTable([{ head: 'NAME' }, { head: 'SIZE' }], [[{ text: name }, { text: '1' }]], { columns });
        expect(lines.filter((line) => !/\p{Cc}/u.test(line) && displayWidth(line) <= columns)).toHaveLength(2);
      }),
    );
  });

  it('counts wide letters as two columns and marks as none (UAX #11)', () => {
    expect(['abc', '机器', 'e\u0301', '🖥️', ''].map(displayWidth)).toEqual([3, 4, 1, 2, 0]);
    expect(truncate('机器机器', 5)).toBe('机器…');
    expect(formatTable([{ head: 'A' }, { head: 'B' }], [[{ text: '机器' }, { text: 'x' }]])[1]).toBe('机器  x');
  });

  it('shows control characters by their code, and leaves lines of a text as lines', () => {
    expect(printable('a\u001b[0m\nb')).toBe(String.raw`a\x1b[0m\nb`);
    expect(printableLines('a\tb\r\n\u202e')).toBe('a\tb\\r\n\\u202e');
  });

  it('reads and writes times as people say them', () => {
    expect(['90', '90s', '10m', '1h30m', '2d'].map(parseSeconds)).toEqual([90, 90, 600, 5400, 172_800]);
    for (const wrong of ['', 'x', '10x', '1h 30m', '-5s']) expect(() => parseSeconds(wrong)).toThrow('Expected a time');
    const ages = [0, 119, 120, 7200, 200_000, -5].map((seconds) => formatAge(new Date(1e12 - seconds * 1000).toISOString(), 1e12));
    expect(ages).toEqual(['0s', '119s', '2m', '2h', '2d', '0s']);
  });
});

function raise(): never {
  throw new Error('missing');
}
