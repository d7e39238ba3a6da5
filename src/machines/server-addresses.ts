import { cidrContains, parseIpv4 } from '../model/ipv4.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Subnet } from '../model/subnet.ts';
import { poolCovers } from './cross-checks.ts';
import { cidrText } from './objects.ts';
import type { ConfiguredSubnet } from './objects.ts';
import { ConfigError, didYouMean } from '../documents/problems.ts';
import type { ConfigProblem, SourcePosition } from '../documents/problems.ts';

/** What os.networkInterfaces() returns, as far as it matters here. */
export type NetworkInterfaces = Readonly<Record<string, readonly { readonly family: string; readonly address: string }[] | undefined>>;

/** A subnet with our own address on it, or why we cannot serve it. */
export type ResolvedSubnet =
  | { readonly kind: 'served'; readonly subnet: Subnet }
  | { readonly kind: 'unserved'; readonly name: string; readonly reason: string };

/** Finds our own address on a subnet that does not name it: the first one in its cidr on its interface. */
export function resolveSubnet(subnet: ConfiguredSubnet, interfaces: NetworkInterfaces): ResolvedSubnet {
  const found = subnet.serverAddress ?? addressOn(subnet, interfaces);
  if (typeof found !== 'string') return { kind: 'unserved', name: subnet.name, reason: found.problem };
  const [reason] = poolCovers(subnet, found);
  if (reason !== undefined) return { kind: 'unserved', name: subnet.name, reason };
  return { kind: 'served', subnet: Object.freeze({ ...subnet, serverAddress: found }) };
}

/**
 * Finds our own address on each subnet. Throws ConfigError for all at once where an interface is missing, or has no such
 * address: for live changes ask {@link resolveSubnet} one by one.
 * @param originOf where a subnet stands, if it comes from a file
 */
export function resolveSubnets(
  subnets: readonly ConfiguredSubnet[],
  interfaces: NetworkInterfaces,
  originOf: (name: string) => SourcePosition | undefined = () => undefined,
): readonly Subnet[] {
  const problems: ConfigProblem[] = [];
  const served: Subnet[] = [];
  for (const configured of subnets) {
    const resolved = resolveSubnet(configured, interfaces);
    if (resolved.kind === 'served') served.push(resolved.subnet);
    else {
      const origin = originOf(resolved.name) ?? { file: 'objects', line: 0, column: 0 };
      problems.push({ ...origin, path: `Subnet ${resolved.name}`, message: resolved.reason });
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(served);
}

function addressOn({ interface: name, cidr }: ConfiguredSubnet, interfaces: NetworkInterfaces): Ipv4 | { readonly problem: string } {
  const addresses = interfaces[name];
  if (addresses === undefined) {
    const known = Object.keys(interfaces).filter((each) => each !== 'lo');
    return {
      problem: `interface: expected one of this machine that is up and has an address${didYouMean(name, known)}, found ${name}; there are ${known.join(', ') || 'none'}. Or set serverAddress`,
    };
  }
  const found = addresses.find(({ family, address }) => family === 'IPv4' && cidrContains(cidr, parseIpv4(address) ?? 0));
  if (found !== undefined) return found.address;
  const present = addresses.filter(({ family }) => family === 'IPv4').map(({ address }) => address);
  return {
    problem: `interface: expected ${name} to have an address in ${cidrText(cidr)}, found ${present.join(', ') || 'none'}. Give it one, or set serverAddress`,
  };
}
