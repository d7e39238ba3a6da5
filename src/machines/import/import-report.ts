import { madeUpName } from '../../boot/waiting.ts';
import { parseIpv4 } from '../../model/ipv4.ts';
import { parseMac } from '../../model/mac.ts';
import type { Mac } from '../../model/mac.ts';
import type { ObjectDocument } from '../object-store.ts';

/** A machine as another program's file has it. */
export interface ImportedMachine {
  /** Where it begins, counted from 1. */
  readonly line: number;
  readonly document: ObjectDocument;
}

/** Something that was left out, and why. */
export interface NotUnderstood {
  readonly line: number;
  readonly text: string;
  readonly reason: string;
}

export interface ImportResult {
  readonly machines: readonly ImportedMachine[];
  readonly notUnderstood: readonly NotUnderstood[];
}

export const maxImportBytes = 8 * 1024 * 1024;
const maxImportedMachines = 10_000;
const maxNotUnderstood = 1_000;
const maxText = 200;
const maxNics = 64;

/** What is known of a machine, as texts of that file. */
export interface FoundMachine {
  readonly line: number;
  readonly name?: string;
  readonly macs: readonly string[];
  /** Of the first MAC. */
  readonly address?: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

interface Merged {
  readonly line: number;
  readonly document: ObjectDocument;
  readonly nics: { mac: Mac; address?: string }[];
}

/** Gathers what an importer finds: entries of one name are the NICs of one machine. Bounded, and nothing is left out untold. */
export class ImportReport {
  readonly #machines = new Map<string, Merged>();
  readonly #owners = new Map<Mac, string>();
  readonly #notUnderstood: NotUnderstood[] = [];
  #untold = 0;
  #lastLine = 1;

  leaveOut(line: number, text: string, reason: string): void {
    this.#lastLine = Math.max(this.#lastLine, line);
    if (this.#notUnderstood.length >= maxNotUnderstood) this.#untold++;
    else this.#notUnderstood.push({ line, text: shortened(text), reason });
  }

  add({ line, name: calledThere, macs: texts, address, fields = {} }: FoundMachine): void {
    const macs = new Set<Mac>();
    for (const text of texts) {
      const mac = parseMac(text);
      if (mac === undefined) this.leaveOut(line, text, 'not an Ethernet MAC address');
      else if (this.#owners.has(mac)) this.leaveOut(line, text, `this MAC address is of ${this.#owners.get(mac)} already`);
      else if (macs.size >= maxNics) this.leaveOut(line, text, `over ${maxNics} MAC addresses of one machine`);
      else macs.add(mac);
    }
    const [first] = macs;
    const title = calledThere ?? address ?? 'an entry';
    if (first === undefined) return this.leaveOut(line, title, 'no machine without a MAC address');
    if (this.#machines.size >= maxImportedMachines)
      return this.leaveOut(line, title, `over ${maxImportedMachines} machines: import the rest by itself`);
    const name = calledThere === undefined || calledThere === '' ? madeUpName(first) : validName(calledThere);
    if (name === undefined)
      return this.leaveOut(line, title, 'not a name that can be made one of lower-case letters, digits, dots and dashes');
    if (calledThere !== undefined && calledThere !== '' && calledThere !== name)
      this.leaveOut(line, calledThere, `no name of a machine here: it is called ${name}`);
    const reserved = this.#addressOf(line, address);
    const nics = Array.from(macs, (mac, index) => ({ mac, ...(index === 0 && reserved !== undefined && { address: reserved }) }));
    for (const mac of macs) this.#owners.set(mac, name);
    const earlier = this.#machines.get(name);
    if (earlier !== undefined) return this.#merge(earlier, nics, fields, line);
    const document: ObjectDocument = { kind: 'Machine', name, nics, ...fields };
    this.#machines.set(name, { line, document, nics });
  }

  result(): ImportResult {
    const machines = Array.from(this.#machines.values(), ({ line, document }) => ({ line, document }));
    const inOrder = [...this.#notUnderstood].sort((a, b) => a.line - b.line);
    const more = { line: this.#lastLine, text: '', reason: `${this.#untold} more entries were not understood` };
    return { machines, notUnderstood: this.#untold === 0 ? inOrder : [...inOrder, more] };
  }

  #addressOf(line: number, text: string | undefined): string | undefined {
    if (text === undefined || text === '') return undefined;
    if (parseIpv4(text) !== undefined) return text.split('.').map(Number).join('.');
    this.leaveOut(line, text, 'not an IPv4 address; the machine gets a free one of the pool');
    return undefined;
  }

  #merge(earlier: Merged, nics: readonly { mac: Mac; address?: string }[], fields: Readonly<Record<string, unknown>>, line: number): void {
    for (const nic of nics) {
      if (earlier.nics.length < maxNics) earlier.nics.push(nic);
      else this.leaveOut(line, nic.mac, `over ${maxNics} MAC addresses of one machine`);
    }
    for (const [key, value] of Object.entries(fields)) {
      const before = earlier.document[key];
      if (JSON.stringify(before) === JSON.stringify(value)) continue;
      this.leaveOut(line, `${key}: ${JSON.stringify(value)}`, `${earlier.document.name} of line ${earlier.line} has another one`);
    }
  }
}

/** Refuses what is too large to be read at once. */
export function readImport(text: string, read: (text: string, report: ImportReport) => void): ImportResult {
  const report = new ImportReport();
  if (Buffer.byteLength(text) > maxImportBytes)
    report.leaveOut(1, '', `expected at most ${maxImportBytes} bytes, found ${Buffer.byteLength(text)}`);
  else read(text.replace(/^\uFEFF/, ''), report);
  return report.result();
}

/** `Post_01.Farm.` becomes `post-01.farm`. */
function validName(text: string): string | undefined {
  const name = text
    .toLowerCase()
    .replaceAll(/[_\s]+/g, '-')
    .replaceAll(/\.+$/g, '');
  return /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/.test(name) ? name : undefined;
}

function shortened(text: string): string {
  const line = text
    .slice(0, 10 * maxText)
    .replaceAll(/\s+/g, ' ')
    .trim();
  return line.length > maxText ? `${line.slice(0, maxText - 3)}...` : line;
}
