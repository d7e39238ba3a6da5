import type { ExecErrCode } from '../manager/protocol.ts';
import type { Domain, DomainState, HypervisorInfo } from './parts.ts';

/**
 * The table of `xl list -v`. It is taken rather than `xl list -l`, which leaves out a domain that is only half made, and says nothing
 * of states. A domain that is being made or is dying may stand there without name, as `(null)`.
 * @throws Error on anything that is no such table
 */
export function parseXlList(text: string): Domain[] {
  const [heading = '', ...lines] = text.split('\n').filter((line) => line.trim() !== '');
  if (!/^Name\s+ID\s+Mem VCPUs\s+State\s+Time\(s\)\s+UUID/.test(heading))
    throw new Error(`xl list said something else than its table: ${heading.slice(0, 200)}`);
  const domains = lines.map(parseLine);
  // An empty list would say that every VM here is dead: a whole one has the Dom0 itself in it.
  if (!domains.some(({ domid }) => domid === 0)) throw new Error('xl list said a table without Domain-0');
  return domains.filter(({ domid }) => domid !== 0);
}

const lineForm = /^(.*?)\s+(\d+)\s+(\d+)\s+(\d+)\s+([a-z-]{6})\s+\d+\.\d\s+([0-9a-f-]{36})\s+(\d+|-)\s/;

function parseLine(line: string): Domain {
  const [, name = '', domid, memoryMib, vcpus, flags = '', uuid = '', reason = '-'] = lineForm.exec(line) ?? [];
  if (domid === undefined) throw new Error(`xl list said a line that is not understood: ${line.slice(0, 200)}`);
  return {
    name: name === '(null)' ? '' : name,
    uuid,
    domid: Number(domid),
    state: stateOf(flags, reason),
    memoryMib: Number(memoryMib),
    vcpus: Number(vcpus),
  };
}

/** `rbpscd`: running, blocked, paused, shutdown, crashed, dying (xl(1)); none of them is between two turns on a processor. */
function stateOf(flags: string, reason: string): DomainState {
  if (flags.includes('d')) return 'dying';
  // 3 is SHUTDOWN_crash, 4 SHUTDOWN_watchdog. 2 is SHUTDOWN_suspend: it stands still for its last memory to be sent, and has not ended.
  if (flags.includes('c') || (flags.includes('s') && (reason === '3' || reason === '4'))) return 'crashed';
  if (flags.includes('s') && reason !== '2') return 'shutdown';
  return flags.includes('p') || flags.includes('s') ? 'paused' : 'running';
}

/** @throws Error where something is missing */
export function parseXlInfo(text: string): HypervisorInfo {
  const fields = new Map(
    text.split('\n').flatMap((line) => {
      const [, key, value] = /^(\S+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
      return key === undefined || value === undefined ? [] : [[key, value] as const];
    }),
  );
  const number = (key: string): number => {
    const value = fields.get(key);
    if (value === undefined || !/^\d+$/.test(value)) throw new Error(`xl info says no ${key}`);
    return Number(value);
  };
  return {
    version: `Xen ${fields.get('xen_version') ?? 'unknown'}`,
    memoryMib: number('total_memory'),
    freeMib: number('free_memory'),
    cpus: number('nr_cpus'),
  };
}

/** What follows from an error that was told before, and what every domain has that is made or moved. */
const followUps =
  /^xc: (?:info|progress): |^Saving to .* new xl format|^Loading new save file|^Savefile contains|^migration target: Ready to receive|Parsing config from|Getting domain info|Non-existant domain|Unable to destroy guest|Destruction of domain failed|unable to find domain info/;

/** The lines that say why, of all that xl says. */
export function xlReason(error: string): string {
  const lines = error
    .split('\n')
    .map((line) => line.replace(/^(?:libxl|xc): (?:error|info): (?:panic: )?\S+\.c:\d+: ?(?:\w+: )?(?:Domain \d+:)?/, '').trim())
    .filter((line) => line !== '' && !followUps.test(line));
  return lines.slice(0, 4).join('; ').slice(0, 2000);
}

export function xlErrorCode(error: string): ExecErrCode {
  if (/Domain with name "[^"]*" already exists/.test(error)) return 'exists';
  if (/Out of memory|Cannot allocate memory|failed to free memory|not enough (free )?memory/i.test(error)) return 'no-memory';
  if (/is an invalid domain identifier/.test(error)) return 'no-such-domain';
  return 'failed';
}
