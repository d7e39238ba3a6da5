import { parseIpv4 } from '../../model/ipv4.ts';
import { readImport } from './import-report.ts';
import type { ImportReport, ImportResult } from './import-report.ts';
import { IscTokens } from './isc-tokens.ts';
import type { IscToken } from './isc-tokens.ts';

/** Declarations whose hosts are read. */
const scopes = new Set(['group', 'subnet', 'shared-network', 'pool']);

interface Host {
  readonly line: number;
  readonly declared: string;
  readonly macs: string[];
  hostName?: string;
  address?: string;
  ignored: boolean;
}

/**
 * Machines of the `host` declarations in an ISC dhcpd.conf, wherever they stand: in groups, subnets, shared networks, pools.
 * `option host-name` wins over the name of the declaration. What hosts inherit for their boot is a profile's here, and told.
 */
export function importIscDhcpd(text: string): ImportResult {
  return readImport(text, (content, report) => new Reader(content, report).read());
}

class Reader {
  readonly #tokens: IscTokens;
  readonly #report: ImportReport;
  /** What is open, innermost last: how it began, and the host that it belongs to. */
  readonly #open: { readonly line: number; readonly head: string; readonly host?: Host }[] = [];

  constructor(text: string, report: ImportReport) {
    this.#tokens = new IscTokens(text);
    this.#report = report;
  }

  read(): void {
    let words: IscToken[] = [];
    for (let token = this.#tokens.next(); token !== undefined; token = this.#tokens.next()) {
      if (token.kind === '{') this.#begin(words, token.line);
      else if (token.kind === '}') this.#end(words, token.line);
      else if (token.kind === ';') this.#statement(words);
      else {
        if (token.unterminated === true) this.#report.leaveOut(token.line, token.text, 'a quoted text that has no end');
        words.push(token);
        continue;
      }
      words = [];
    }
    const [first] = words;
    if (first !== undefined) this.#report.leaveOut(first.line, textOf(words), 'expected ; at its end');
    for (const { line, head, host } of this.#open.splice(0).toReversed()) {
      this.#report.leaveOut(line, head, 'expected } at its end');
      if (host !== undefined) this.#finish(host);
    }
  }

  #begin(words: readonly IscToken[], braceLine: number): void {
    const line = words[0]?.line ?? braceLine;
    const [kind = '', name = ''] = words.map(({ text }) => text);
    const outer = this.#open.at(-1)?.host;
    const head = textOf(words) || '{';
    if (kind.toLowerCase() === 'host' && outer === undefined) {
      this.#open.push({ line, head, host: { line, declared: name, macs: [], ignored: false } });
    } else if (scopes.has(kind.toLowerCase())) {
      if (outer !== undefined) this.#report.leaveOut(line, head, 'no such declaration can be inside a host');
      else if (kind.toLowerCase() !== 'group') this.#report.leaveOut(line, head, 'networks are not imported: write a Subnet');
      this.#open.push({ line, head, ...(outer !== undefined && { host: outer }) });
    } else {
      this.#report.leaveOut(line, head, 'only host, group, subnet, shared-network and pool declarations are read');
      this.#skip(line, head);
    }
  }

  /** Leaves a block out with all that is in it. */
  #skip(line: number, head: string): void {
    let depth = 1;
    while (depth > 0) {
      const token = this.#tokens.next();
      if (token === undefined) return this.#report.leaveOut(line, head, 'expected } at its end');
      if (token.kind === '{') depth++;
      if (token.kind === '}') depth--;
    }
  }

  #end(words: readonly IscToken[], line: number): void {
    const [first] = words;
    if (first !== undefined) this.#report.leaveOut(first.line, textOf(words), 'expected ; at its end');
    const ended = this.#open.pop();
    if (ended === undefined) this.#report.leaveOut(line, '}', 'closes nothing');
    else if (ended.host !== undefined && ended.host !== this.#open.at(-1)?.host) this.#finish(ended.host);
  }

  #statement(words: readonly IscToken[]): void {
    const [first] = words;
    if (first === undefined) return;
    const host = this.#open.at(-1)?.host;
    const reason = host === undefined ? reasonOutside(words) : readHostStatement(host, words);
    if (reason !== undefined) this.#report.leaveOut(first.line, textOf(words), reason);
  }

  #finish({ line, declared, macs, hostName, address, ignored }: Host): void {
    const name = hostName ?? declared;
    const fields = ignored ? { ignored } : {};
    this.#report.add({ line, macs, fields, ...(name !== '' && { name }), ...(address !== undefined && { address }) });
  }
}

/** Takes what it says of the host; returns why it cannot. */
function readHostStatement(host: Host, words: readonly IscToken[]): string | undefined {
  const [first = '', second = '', third = ''] = words.map(({ text }) => text);
  const rest = words.slice(1).map(({ text }) => text);
  switch (`${first} ${first === 'option' || first === 'hardware' ? second : ''}`.trim().toLowerCase()) {
    case 'hardware ethernet':
      host.macs.push(third);
      return undefined;
    case 'fixed-address': {
      const addresses = rest.join('').split(',');
      const address = addresses.find((each) => parseIpv4(each) !== undefined);
      if (address !== undefined) host.address ??= address;
      if (address === undefined) return 'a name in place of an address: resolve it yourself; the machine gets a free address of the pool';
      return addresses.length > 1 ? `only its first address is taken, ${address}` : undefined;
    }
    case 'option host-name':
      host.hostName = third;
      return undefined;
    case 'ddns-hostname':
      host.hostName ??= second;
      return undefined;
    case 'deny':
    case 'ignore':
      if (second !== 'booting') return bootReason(first, second);
      host.ignored = true;
      return undefined;
    default:
      return bootReason(first, second);
  }
}

function reasonOutside(words: readonly IscToken[]): string | undefined {
  const [first = '', second = ''] = words.map(({ text }) => text);
  // It says what is done here anyway.
  if (first === 'use-host-decl-names' && second !== 'off') return undefined;
  if (first === 'include') return 'another file: import it by itself';
  return ['filename', 'next-server', 'server-name'].includes(first)
    ? bootReason(first, second)
    : 'a setting of the network, not of a machine';
}

function bootReason(first: string, second: string): string {
  switch (first) {
    case 'filename':
      return 'the boot file is the one of the profile: assign one that has it';
    case 'next-server':
      return 'boot files come from us, or from the nextServer of the subnet';
    case 'hardware':
      return 'not an Ethernet address';
    case 'option':
      return second.includes('client-identifier')
        ? 'machines are known by MAC address, not by client-id'
        : 'no option of a single machine: set a parameter';
    default:
      return 'not known of a machine here';
  }
}

function textOf(words: readonly IscToken[]): string {
  // Long lists are shown from their beginning.
  return words
    .slice(0, 60)
    .map(({ text, kind }) => (kind === 'quoted' ? JSON.stringify(text) : text))
    .join(' ');
}
