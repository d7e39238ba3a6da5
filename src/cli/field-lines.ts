import { printable } from './printable.ts';

/** One thing as lines of names and values; what is missing is left out. A line without a name belongs to the one above. */
export function formatFields(fields: readonly (readonly [name: string, value: string | undefined])[]): string {
  const given = fields.filter((field): field is readonly [string, string] => field[1] !== undefined && field[1] !== '');
  const width = Math.max(0, ...given.map(([name]) => name.length));
  return given.map(([name, value]) => `${(name === '' ? '' : `${printable(name)}:`).padEnd(width + 1)}  ${printable(value)}\n`).join('');
}
