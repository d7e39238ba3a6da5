import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import { pskCiphers } from '../../bus/psk.ts';
import type { Log } from '../../log.ts';

export interface Door {
  readonly vm: string;
  readonly key: string;
  readonly waitMs: number;
  /** Somebody who has its key; the door is gone already. */
  entered(socket: TLSSocket): void;
  /** Nobody came. */
  shut(reason: string): void;
}

interface OpenDoor extends Door {
  readonly timer: NodeJS.Timeout;
}

const maxConnections = 32;
const maxDoors = 64;
const handshakeMs = 10_000;

/** Listens while a door is open. Each lets one in who has its key, and is gone then. */
export class Doors {
  readonly #options: { readonly address: string; readonly port: number; readonly log: Log };
  readonly #doors = new Map<string, OpenDoor>();
  readonly #unknownKey = randomBytes(32);
  #server: { readonly server: Server; readonly listening: Promise<void> } | undefined;

  constructor(options: { readonly address: string; readonly port: number; readonly log: Log }) {
    this.#options = options;
  }

  /** Rejects where it cannot listen. One before it for this VM is shut. */
  async open(door: Door): Promise<void> {
    this.#take(door.vm)?.shut('another door is opened for it');
    if (this.#doors.size >= maxDoors) throw new Error(`${maxDoors} VMs are waited for already`);
    const timer = setTimeout(() => this.#take(door.vm)?.shut('nobody came in time'), door.waitMs);
    this.#doors.set(door.vm, { ...door, timer });
    try {
      await this.#listen();
    } catch (error) {
      this.#take(door.vm);
      throw error;
    }
  }

  close(): void {
    for (const vm of this.#doors.keys()) this.#take(vm)?.shut('the agent ends');
  }

  #take(vm: string): OpenDoor | undefined {
    const door = this.#doors.get(vm);
    if (door === undefined) return undefined;
    clearTimeout(door.timer);
    this.#doors.delete(vm);
    if (this.#doors.size === 0) {
      this.#server?.server.close();
      this.#server = undefined;
    }
    return door;
  }

  #listen(): Promise<void> {
    this.#server ??= this.#start();
    return this.#server.listening;
  }

  #start(): { readonly server: Server; readonly listening: Promise<void> } {
    const { address, port, log } = this.#options;
    const identities = new WeakMap<TLSSocket, string>();
    const server = createServer({
      ...pskCiphers,
      handshakeTimeout: handshakeMs,
      // Who is unknown fails as who has a wrong key does.
      pskCallback: (socket, identity) => {
        identities.set(socket, identity);
        const door = this.#doors.get(identity);
        return door === undefined ? this.#unknownKey : Buffer.from(door.key);
      },
    });
    server.maxConnections = maxConnections;
    server.on('tlsClientError', (error, socket) => {
      log.warn({ from: socket.remoteAddress, reason: error.message }, 'somebody without the key of a VM that is waited for was kept out');
      socket.destroy();
    });
    server.on('secureConnection', (socket) => {
      const door = this.#take(identities.get(socket) ?? '');
      if (door === undefined) socket.destroy();
      else door.entered(socket);
    });
    server.on('connection', (socket: Socket) => socket.on('error', () => undefined));
    const listening = new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const why = error.code === 'EADDRINUSE' ? 'something else listens there' : error.message;
        reject(new Error(`no VM can be let in on ${address} port ${port}: ${why}`, { cause: error }));
      });
      server.listen(port, address, () => {
        server.removeAllListeners('error');
        server.on('error', (error) => log.warn({ err: error }, 'the listener for VMs failed'));
        resolve();
      });
    });
    return { server, listening };
  }
}
