import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:tls';

/** A client that says what it likes, once its TLS is made. */
export class RawClient {
  readonly socket: Socket;
  readonly #heard: Buffer[] = [];
  #closed = false;

  static async connect(port: number, identity: string, key: string): Promise<RawClient> {
    const socket = connect({
      host: '127.0.0.1',
      port,
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
      ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
      pskCallback: () => ({ identity, psk: Buffer.from(key) }),
      checkServerIdentity: () => undefined,
    });
    const client = new RawClient(socket);
    await once(socket, 'secureConnect');
    return client;
  }

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#heard.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => (this.#closed = true));
  }

  get closed(): boolean {
    return this.#closed;
  }

  get heard(): Buffer {
    return Buffer.concat(this.#heard);
  }

  send(...pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) this.socket.write(piece);
  }
}

/** A packet of MQTT 3.1.1 (2.2): the first byte, then the length of what follows. */
export function packet(first: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  for (let rest = body.length; ;) {
    length.push(rest > 127 ? (rest % 128) | 0x80 : rest);
    if (rest <= 127) break;
    rest = Math.floor(rest / 128);
  }
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

export function text(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

export interface ConnectFields {
  readonly clientId: string;
  readonly username: string;
  readonly password: string;
  readonly will?: { readonly topic: string; readonly payload: string; readonly qos?: number };
  readonly keepalive?: number;
  readonly clean?: boolean;
}

/** CONNECT (3.1). */
export function connectPacket({ clientId, username, password, will, keepalive = 30, clean = true }: ConnectFields): Buffer {
  const willFlags = will === undefined ? 0 : 0x24 | ((will.qos ?? 0) << 3);
  const flags = 0xc0 | willFlags | (clean ? 2 : 0);
  const ofWill = will === undefined ? [] : [text(will.topic), text(will.payload)];
  return packet(0x10, text('MQTT'), Buffer.from([4, flags, 0, keepalive]), text(clientId), ...ofWill, text(username), text(password));
}

/** PUBLISH (3.3). */
export function publishPacket(topic: string, payload: string | Uint8Array, qos = 0, retain = false): Buffer {
  return packet(0x30 | (qos << 1) | (retain ? 1 : 0), text(topic), qos === 0 ? Buffer.alloc(0) : Buffer.from([0, 7]), Buffer.from(payload));
}

/** SUBSCRIBE (3.8). */
export function subscribePacket(...filters: readonly string[]): Buffer {
  return packet(0x82, Buffer.from([0, 9]), ...filters.flatMap((filter) => [text(filter), Buffer.from([1])]));
}
