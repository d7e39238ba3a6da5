import { randomBytes } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../clock.ts';
import type { BrokerLimits } from './broker-limits.ts';
import { pskCiphers } from './psk.ts';

export interface BrokerListenerParts {
  readonly address: string;
  readonly port: number;
  readonly clock: Clock;
  readonly limits: BrokerLimits;
  readonly credentialOf: (username: string) => Buffer | undefined;
  /** Somebody who has the key of this user. */
  readonly proved: (socket: Socket, username: string, stranger: Stranger) => void;
  /** Of a closed set of reasons. */
  readonly refused: (reason: string, remoteAddress: string) => void;
}

/** A connection that has not yet shown who it is. */
export interface Stranger {
  /** It has: it may stay. */
  known(): void;
}

interface Waiting extends Stranger {
  readonly socket: Socket;
  readonly timer: Timer;
}

export interface BrokerListener {
  readonly port: number;
  close(): Promise<void>;
}

/** Takes connections, so many in all and from each address, and lets TLS with their key prove them in time. */
export async function startBrokerListener(parts: BrokerListenerParts): Promise<BrokerListener> {
  const { clock, limits } = parts;
  const identities = new WeakMap<TLSSocket, string>();
  const strangers = new Map<string, Waiting>();
  const open = new Set<Socket>();
  const openOfAddress = new Map<string, number>();
  const unknownKey = randomBytes(32);

  const server = createServer({
    ...pskCiphers,
    handshakeTimeout: limits.authenticateSeconds * 2000,
    // Who is unknown fails as who has a wrong key does: the names of machines are not to be found out this way.
    pskCallback: (socket, identity) => {
      identities.set(socket, identity);
      return parts.credentialOf(identity) ?? unknownKey;
    },
  });

  server.on('connection', (socket: Socket) => {
    const { remoteAddress: address = '', remotePort = 0 } = socket;
    const ofAddress = openOfAddress.get(address) ?? 0;
    if (open.size >= limits.connections || ofAddress >= limits.connectionsOfAddress) {
      parts.refused(open.size >= limits.connections ? 'too many connections' : 'too many connections of one address', address);
      socket.destroy();
      return;
    }
    const key = `${address} ${remotePort}`;
    const known = (): void => {
      strangers.get(key)?.timer.cancel();
      strangers.delete(key);
    };
    const expire = (reason: string): void => {
      known();
      parts.refused(reason, address);
      socket.destroy();
    };
    open.add(socket);
    openOfAddress.set(address, ofAddress + 1);
    const [oldest] = strangers.values();
    if (strangers.size >= limits.strangers && oldest !== undefined) {
      oldest.known();
      parts.refused('too many connections that have not shown who they are', address);
      oldest.socket.destroy();
    }
    const timer = clock.after(limits.authenticateSeconds * 1000, () => expire('it did not show in time who it is'));
    strangers.set(key, { socket, timer, known });
    socket.once('close', () => {
      known();
      open.delete(socket);
      const left = (openOfAddress.get(address) ?? 1) - 1;
      if (left === 0) openOfAddress.delete(address);
      else openOfAddress.set(address, left);
    });
  });

  server.on('tlsClientError', (_error, socket) => {
    parts.refused('its key is not that of the user it says it is, or what it speaks is no TLS with a key', socket.remoteAddress ?? '');
    socket.destroy();
  });

  server.on('secureConnection', (socket) => {
    const stranger = strangers.get(`${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`);
    const username = identities.get(socket);
    if (stranger === undefined || username === undefined) socket.destroy();
    else parts.proved(socket, username, stranger);
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'something else listens there' : error.message;
      reject(new Error(`the bus cannot listen on ${parts.address} port ${parts.port}: ${why}`, { cause: error }));
    });
    server.listen(parts.port, parts.address, resolve);
  });
  server.removeAllListeners('error');
  server.on('error', (error) => parts.refused(`the listener failed: ${error.message}`, ''));

  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise((resolve) => {
        server.close(resolve);
      });
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
