import { networkInterfaces } from 'node:os';
import type { Clock, Timer } from '../clock.ts';
import type { Ipv4 } from '../model/ipv4.ts';

const pollMs = 2_000;

/** The IPv4 addresses that these interfaces have now, in a fixed order. */
export function addressesOf(interfaces: ReadonlySet<string>): readonly Ipv4[] {
  return Object.entries(networkInterfaces())
    .filter(([name]) => interfaces.has(name))
    .flatMap(([, addresses = []]) => addresses.filter(({ family }) => family === 'IPv4').map(({ address }) => address))
    .sort();
}

/** Calls back when the addresses are others than they were. Looks every two seconds: Node has no netlink. */
export function watchAddresses(
  interfaces: ReadonlySet<string>,
  clock: Clock,
  onChange: (addresses: readonly Ipv4[]) => void,
): { close(): void } {
  let known = addressesOf(interfaces).join();
  let timer: Timer;
  const look = (): void => {
    const addresses = addressesOf(interfaces);
    if (addresses.join() !== known) {
      known = addresses.join();
      onChange(addresses);
    }
    timer = clock.after(pollMs, look);
  };
  timer = clock.after(pollMs, look);
  return { close: () => timer.cancel() };
}
