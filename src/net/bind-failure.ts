import type { Ipv4 } from '../model/ipv4.ts';
import { portHolders, type PortHolder } from './port-holder.ts';

export interface BindWish {
  readonly protocol: 'udp' | 'tcp';
  readonly address: Ipv4;
  readonly port: number;
  readonly interface?: string;
}

/** Why a port could not be had, for a person: which port, who has it, what to do. `code` is the system's. */
export class BindFailure extends Error {
  override readonly name = 'BindFailure';
  readonly code: string;
  readonly wish: BindWish;
  readonly holders: readonly PortHolder[];

  constructor(message: string, code: string, wish: BindWish, holders: readonly PortHolder[], cause: unknown) {
    super(message, { cause });
    this.code = code;
    this.wish = wish;
    this.holders = holders;
  }
}

/** Makes a system error of `bind`, `listen` or `setsockopt` readable. An error that is none of these comes back with the port named. */
export function describeBindFailure(error: unknown, wish: BindWish): BindFailure {
  if (error instanceof BindFailure) return error;
  const code = systemCode(error);
  const holders = code === 'EADDRINUSE' ? portHolders(wish.protocol, wish.address, wish.port) : [];
  return new BindFailure(sentence(code, wish, holders, error), code, wish, holders, error);
}

const PORTMAP_PORT = 111;
const elsewhere = 'give virtdom another port in virtdom.yaml';
/** Port 111 is not ours to choose: there is another way. */
const elsewherePortmap = 'set nfs.portmap to register, where that is rpcbind';

function sentence(code: string, wish: BindWish, holders: readonly PortHolder[], error: unknown): string {
  const place = wish.interface === undefined ? wish.address : `interface ${wish.interface}`;
  const port = `${wish.protocol.toUpperCase()} port ${wish.port} on ${place}`;
  switch (code) {
    case 'EADDRINUSE':
      return `${port} is in use by ${heldBy(holders)}: stop it, or ${wish.port === PORTMAP_PORT ? elsewherePortmap : elsewhere}`;
    case 'EACCES':
    case 'EPERM':
      return `${port} needs a privilege that this process lacks: run as root, or with CAP_NET_BIND_SERVICE and CAP_NET_RAW`;
    case 'ENODEV':
      return `${port}: there is no interface ${wish.interface ?? ''} here: see \`ip link\`, and the subnet's \`interface\` in lab.yaml`;
    case 'EADDRNOTAVAIL':
      return `${port}: this machine has no such address: see \`ip address\`, and the subnet's \`serverAddress\` in lab.yaml`;
    default:
      return `${port} could not be opened: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function heldBy(holders: readonly PortHolder[]): string {
  if (holders.length === 0) return 'a process that cannot be seen from here (another user or namespace)';
  return holders.map(({ pid, name }) => `${name} (process ${pid})`).join(', ');
}

function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}
