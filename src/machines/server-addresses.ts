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

/**
 * Finds our own address on each subnet that does not name it: the first one in its cidr on its interface.
 * Throws ConfigError for all subnets at once where an interface is missing, or has no such address.
 */
export function resolveSubnets(
  config: {
    readonly objects: { readonly subnets: readonly ConfiguredSubnet[] };
    readonly origins: Readonly<Record<string, SourcePosition>>;
  },
  interfaces: NetworkInterfaces,
): readonly Subnet[] {
  const problems: ConfigProblem[] = [];
  const subnets: Subnet[] = [];
  for (const subnet of config.objects.subnets) {
    const found = subnet.serverAddress ?? addressOn(subnet, interfaces);
    const [message] = typeof found === 'string' ? poolCovers(subnet, found) : [found.problem];
    if (message === undefined && typeof found === 'string') subnets.push(Object.freeze({ ...subnet, serverAddress: found }));
    else {
      const origin = config.origins[`Subnet/${subnet.name}`] ?? { file: 'configuration', line: 0, column: 0 };
      problems.push({ ...origin, path: `Subnet ${subnet.name}`, message: message ?? '' });
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(subnets);
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
