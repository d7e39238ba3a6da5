import { systemClock } from '../clock.ts';
import { silentLog } from '../log.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import { BindFailure } from '../net/bind-failure.ts';
import { kernelNetwork } from '../net/kernel-network.ts';
import { probeTcpPort } from '../net/tcp-probe.ts';

export interface WantedPorts {
  readonly interfaces: readonly string[];
  readonly addresses: readonly Ipv4[];
  readonly dhcp: number;
  /** On each address. */
  readonly udp: readonly number[];
  /** On each address. */
  readonly tcp: readonly number[];
}

/**
 * Throws BindFailure for the first port that another process has. To be asked while we are root: later, without
 * CAP_SYS_PTRACE, it could not be said who that is. What else may be wrong with a port is left to those who bind it.
 */
export async function refuseTakenPorts({ interfaces, addresses, dhcp, udp, tcp }: WantedPorts): Promise<void> {
  const network = kernelNetwork({ clock: systemClock, log: silentLog, bufferBytes: 4096 });
  for (const name of new Set(interfaces)) await expectFree(async () => (await network.bindInterface(name, dhcp)).close());
  for (const address of new Set(addresses)) {
    for (const port of udp) await expectFree(async () => (await network.bindAddress(address, port)).close());
    for (const port of tcp) await expectFree(() => probeTcpPort(address, port));
  }
}

async function expectFree(tryOut: () => Promise<void>): Promise<void> {
  try {
    await tryOut();
  } catch (error) {
    if (error instanceof BindFailure && error.code === 'EADDRINUSE') throw error;
  }
}
