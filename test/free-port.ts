import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** One for each port that this process has; the kernel ends them with it. */
const holds = new Set<unknown>();

/**
 * A port of TCP and of UDP for a server that a test starts, stops and starts again: free now at all addresses, given to no
 * other test, and below the range from which the kernel serves those that ask for any port (ip(7), ip_local_port_range). One
 * out of that range may be gone by the time its server listens: every outgoing connection takes one.
 */
export async function freePort(): Promise<number> {
  const first = 10_000;
  const [end = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t').map(Number);
  for (let tries = 0; tries < 1000; tries++) {
    const port = first + Math.floor(Math.random() * (end - first));
    if ((await hold(port)) && (await isFree(port))) return port;
  }
  throw new Error(`no port is free from ${first} to ${end - 1}`);
}

/** By a name in this network, at which only one process can listen (abstract socket, unix(7)). */
async function hold(port: number): Promise<boolean> {
  const name = createServer().listen(`\0virtdom-test-port-${port}`);
  if (!(await succeeds(name))) return false;
  holds.add(name.unref());
  return true;
}

async function isFree(port: number): Promise<boolean> {
  const tcp = createServer().listen(port, '0.0.0.0');
  if (!(await succeeds(tcp))) return false;
  const udp = createSocket('udp4');
  udp.bind(port, '0.0.0.0');
  const free = await succeeds(udp);
  tcp.close();
  await once(tcp, 'close');
  if (free) {
    udp.close();
    await once(udp, 'close');
  }
  return free;
}

function succeeds(listener: NodeJS.EventEmitter): Promise<boolean> {
  return once(listener, 'listening').then(
    () => true,
    () => false,
  );
}
