import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import { pskCiphers } from '../../bus/psk.ts';
import type { Clock } from '../../clock.ts';
import { DropLog } from '../../log.ts';
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

export interface DoorsOptions {
  readonly address: string;
  readonly port: number;
  readonly handshakeMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

interface OpenDoor extends Door {
  readonly timer: NodeJS.Timeout;
}

const maxDoors = 64;
/** Connections that have not shown a key: the oldest goes first. */
const maxStrangers = 32;

/** Listens while a door is open. Each lets one in who has its key, and is gone then. */
export class Doors {
  readonly #options: DoorsOptions;
  readonly #doors = new Map<string, OpenDoor>();
  readonly #unknownKey = randomBytes(32);
  readonly #refused: DropLog;
  #listener: { readonly server: Server; readonly listening: Promise<void> } | undefined;

  constructor(options: DoorsOptions) {
    this.#options = options;
    this.#refused = new DropLog(options.log, options.clock);
  }

  /** Rejects where it cannot listen. One before it for this VM is shut. */
  async open(door: Door): Promise<void> {
    this.#take(door.vm)?.shut('another door was opened for it');
    if (this.#doors.size >= maxDoors) throw new Error(`${maxDoors} VMs are waited for already`);
    const timer = setTimeout(() => this.#take(door.vm)?.shut('nobody came in time'), door.waitMs);
    this.#doors.set(door.vm, { ...door, timer });
    this.#listener ??= this.#listen();
    try {
      await this.#listener.listening;
    } catch (error) {
      this.#take(door.vm);
      throw error;
    }
  }

  close(): void {
    for (const vm of this.#doors.keys()) this.#take(vm)?.shut('the agent ends');
    this.#refused.close();
  }

  #take(vm: string): OpenDoor | undefined {
    const door = this.#doors.get(vm);
    if (door === undefined) return undefined;
    clearTimeout(door.timer);
    this.#doors.delete(vm);
    if (this.#doors.size === 0) {
      this.#listener?.server.close();
      this.#listener = undefined;
    }
    return door;
  }

  #listen(): { readonly server: Server; readonly listening: Promise<void> } {
    const { address, port, handshakeMs, log } = this.#options;
    const identities = new WeakMap<TLSSocket, string>();
    const strangers = new Map<string, Socket>();
    const server = createServer({
      ...pskCiphers,
      handshakeTimeout: handshakeMs,
      // Who names a VM that is not waited for fails as who has a wrong key does.
      pskCallback: (socket, identity) => {
        identities.set(socket, identity);
        const door = this.#doors.get(identity);
        return door === undefined ? this.#unknownKey : Buffer.from(door.key);
      },
    });
    server.on('connection', (socket: Socket) => {
      const key = nameOf(socket);
      const [oldest] = strangers.values();
      if (strangers.size >= maxStrangers) oldest?.destroy();
      strangers.set(key, socket);
      socket.once('close', () => strangers.delete(key));
    });
    server.on('tlsClientError', (error, socket) => {
      this.#refused.drop(
        'it has no key',
        { from: socket.remoteAddress, detail: error.message },
        'somebody was kept out at the door for VMs',
      );
      socket.destroy();
    });
    server.on('secureConnection', (socket) => {
      strangers.delete(nameOf(socket));
      const door = this.#take(identities.get(socket) ?? '');
      if (door === undefined) socket.destroy();
      else door.entered(socket);
      // The last door is shut: who has not shown a key has come for nothing.
      if (this.#listener?.server !== server) for (const stranger of strangers.values()) stranger.destroy();
    });
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

function nameOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
