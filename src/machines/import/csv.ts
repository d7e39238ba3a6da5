import { parseMac } from '../../model/mac.ts';
import { readImport } from './import-report.ts';
import type { ImportReport, ImportResult } from './import-report.ts';

interface Row {
  readonly line: number;
  readonly cells: readonly string[];
}

const columns: Readonly<Record<string, string>> = {
  name: 'name',
  host: 'name',
  hostname: 'name',
  mac: 'mac',
  'mac address': 'mac',
  hwaddr: 'mac',
  address: 'address',
  ip: 'address',
  'ip address': 'address',
  ipv4: 'address',
  profile: 'profile',
  role: 'role',
  uuid: 'uuid',
};

/**
 * Machines of a table (RFC 4180) whose first row names the columns: name, mac, address, profile, role, uuid, labels.NAME.
 * Commas, semicolons or tabs; several MACs in a cell with spaces between them; a name that comes again adds a NIC.
 */
export function importCsv(text: string): ImportResult {
  return readImport(text, (content, report) => {
    const [header, ...rows] = rowsOf(content, separatorOf(content), report);
    if (header === undefined) return report.leaveOut(1, '', 'expected a first row that names the columns, such as name,mac,address');
    const keys = header.cells.map((cell) => keyOf(cell));
    for (const [index, cell] of header.cells.entries())
      if (keys[index] === undefined)
        report.leaveOut(header.line, cell, 'no column that is known: name, mac, address, profile, role, uuid, labels.NAME');
    if (!keys.includes('mac')) return report.leaveOut(header.line, header.cells.join(', '), 'expected a column named mac');
    for (const row of rows) readRow(row, keys, report);
  });
}

function keyOf(cell: string): string | undefined {
  const name = cell.trim();
  const known = Object.hasOwn(columns, name.toLowerCase()) ? columns[name.toLowerCase()] : undefined;
  return known ?? (/^labels?\.\S+$/i.test(name) ? `labels.${name.slice(name.indexOf('.') + 1)}` : undefined);
}

function readRow({ line, cells }: Row, keys: readonly (string | undefined)[], report: ImportReport): void {
  const text = cells.join(',');
  if (cells.length > keys.length) return report.leaveOut(line, text, `expected ${keys.length} cells, found ${cells.length}`);
  const values = new Map<string, string>();
  const labels: Record<string, string> = {};
  for (const [index, key] of keys.entries()) {
    const value = cells[index]?.trim() ?? '';
    if (key === undefined || value === '') continue;
    if (key.startsWith('labels.')) labels[key.slice('labels.'.length)] = value;
    else if (values.has(key)) report.leaveOut(line, value, `a second column for ${key}`);
    else values.set(key, value);
  }
  const macs = (values.get('mac') ?? '').split(/[\s;|]+/).filter((mac) => mac !== '');
  const wrong = macs.find((mac) => parseMac(mac) === undefined);
  if (wrong !== undefined) return report.leaveOut(line, text, `${wrong} is no MAC address`);
  const [name, address] = [values.get('name'), values.get('address')];
  const fields = ['profile', 'role', 'uuid'].flatMap((key) => (values.has(key) ? [[key, values.get(key)] as const] : []));
  report.add({
    line,
    macs,
    ...(name !== undefined && { name }),
    ...(address !== undefined && { address }),
    fields: { ...Object.fromEntries(fields), ...(Object.keys(labels).length > 0 && { labels }) },
  });
}

/** Of the first line that says anything: what it has most of. */
function separatorOf(text: string): string {
  const header =
    text
      .slice(0, 10_000)
      .split(/\r?\n/)
      .find((line) => line.trim() !== '' && !line.startsWith('#')) ?? '';
  const counted = [',', ';', '\t'].map((separator) => ({ separator, count: header.split(separator).length }));
  return counted.reduce((most, each) => (each.count > most.count ? each : most)).separator;
}

function rowsOf(text: string, separator: string, report: ImportReport): Row[] {
  const rows: Row[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const start = line;
    const cells: string[] = [];
    let ended = false;
    const isComment = text[at] === '#';
    while (!ended) {
      let cell = '';
      if (text[at] === '"' && !isComment) {
        const end = endOfQuotes(text, at);
        if (end === undefined) {
          report.leaveOut(start, text.slice(at, at + 100), 'a quoted cell that has no end');
          return rows;
        }
        cell = text.slice(at + 1, end).replaceAll('""', '"');
        line += countLines(cell);
        at = end + 1;
      }
      const stop = nextOf(text, at, separator);
      cell += text.slice(at, stop);
      cells.push(cell.endsWith('\r') ? cell.slice(0, -1) : cell);
      ended = text[stop] !== separator;
      at = stop + 1;
    }
    line++;
    if (!isComment && cells.some((cell) => cell.trim() !== '')) rows.push({ line: start, cells });
  }
  return rows;
}

function endOfQuotes(text: string, start: number): number | undefined {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 2)) if (text[at + 1] !== '"') return at;
  return undefined;
}

function nextOf(text: string, start: number, separator: string): number {
  let at = start;
  while (at < text.length && text[at] !== separator && text[at] !== '\n') at++;
  return at;
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
