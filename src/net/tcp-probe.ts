import { createServer } from 'node:net';
import type { Ipv4 } from '../model/ipv4.ts';
import { describeBindFailure } from './bind-failure.ts';

/** Takes a TCP port alone and lets go of it: with SO_REUSEPORT, a second process of the same user would share it in silence. Rejects with BindFailure. */
export async function probeTcpPort(address: Ipv4, port: number): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: address, port }, () => server.close(() => resolve()));
    });
  } catch (error) {
    throw describeBindFailure(error, { protocol: 'tcp', address, port });
  }
}
