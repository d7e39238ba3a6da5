import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { parseIpv4 } from '../model/ipv4.ts';

export interface PortHolder {
  readonly pid: number;
  /** The program's name without its path. */
  readonly name: string;
}

/**
 * Which processes hold a port, as far as we may see: other users' descriptors need root, and a process of another network
 * namespace is not in our /proc/net. Reads /proc; meant for error messages, not for the way of a packet.
 */
export function portHolders(protocol: 'udp' | 'tcp', address: string, port: number): readonly PortHolder[] {
  const inodes = socketInodes(protocol, address, port);
  return inodes.size === 0 ? [] : processesWith(inodes);
}

function socketInodes(protocol: 'udp' | 'tcp', address: string, port: number): ReadonlySet<string> {
  const inodes = new Set<string>();
  const wanted = parseIpv4(address) ?? 0;
  for (const table of [protocol, `${protocol}6`]) {
    for (const line of lines(`/proc/net/${table}`).slice(1)) {
      const fields = line.trim().split(/\s+/);
      const [hexAddress = '', hexPort = ''] = (fields[1] ?? '').split(':');
      const isListening = protocol === 'udp' || fields[3] === '0A';
      if (!isListening || Number.parseInt(hexPort, 16) !== port) continue;
      const bound = hexAddress.length === 8 ? littleEndianAddress(hexAddress) : 0;
      if (bound === 0 || wanted === 0 || bound === wanted) inodes.add(fields[9] ?? '');
    }
  }
  return inodes;
}

/** /proc prints the four bytes as one number of the machine's order. */
function littleEndianAddress(hex: string): number {
  return Buffer.from(hex, 'hex').readUInt32LE();
}

function processesWith(inodes: ReadonlySet<string>): readonly PortHolder[] {
  const holders: PortHolder[] = [];
  for (const entry of names('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const holds = names(`/proc/${pid}/fd`).some((fd) => inodes.has(socketInode(`/proc/${pid}/fd/${fd}`)));
    if (holds) holders.push({ pid, name: programName(pid) });
  }
  return holders;
}

function programName(pid: number): string {
  const program = lines(`/proc/${pid}/cmdline`)[0]?.split('\0')[0] ?? '';
  return basename(program) || (lines(`/proc/${pid}/comm`)[0] ?? '?');
}

function socketInode(link: string): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1] ?? '';
  } catch {
    return ''; // closed meanwhile, or another user's
  }
}

function names(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // ended meanwhile, or another user's
  }
}

function lines(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return []; // no IPv6, or ended meanwhile
  }
}
