import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { RecordStream } from '../../src/nfs/record-stream.ts';
import { framed, opaque, rpcCall, xdr } from './nfs-rig.ts';

/** A client over a real socket: one call at a time. */
export class NfsClient {
  readonly #socket: Socket;
  readonly #records = new RecordStream(4_000_000);
  readonly #waiting: ((reply: ByteReader) => void)[] = [];
  readonly closed: Promise<void>;
  #xid = 1;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => void socket.on('close', () => resolve()));
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#records.push(chunk);
      for (let record = this.#records.next(); record !== undefined; record = this.#records.next())
        this.#waiting.shift()?.(new ByteReader(record));
    });
  }

  static async to(port: number, host = '127.0.0.1', localAddress?: string): Promise<NfsClient> {
    const socket = connect({ port, host, ...(localAddress === undefined ? {} : { localAddress }) });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new NfsClient(socket);
  }

  /** The results after an accepted reply's head; throws where the connection closes before. */
  async ask(program: number, version: number, procedure: number, args?: Uint8Array): Promise<ByteReader> {
    const answer = new Promise<ByteReader>((resolve) => void this.#waiting.push(resolve));
    this.#socket.write(framed(rpcCall(program, version, procedure, args, { xid: this.#xid++ })));
    const reply = await Promise.race([answer, this.closed.then(() => Promise.reject(new Error('the connection was closed')))]);
    reply.skip(24);
    return reply;
  }

  raw(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }
}

export async function askUdp(
  port: number,
  call: Uint8Array,
  address = '127.0.0.1',
  ours?: string,
): Promise<{ reply: Buffer; from: string } | undefined> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    const done = (result?: { reply: Buffer; from: string }) => {
      clearTimeout(timer);
      socket.close();
      resolve(result);
    };
    const timer = setTimeout(done, 500);
    socket.on('message', (reply, from) => done({ reply, from: from.address }));
    socket.bind(0, ours, () => socket.send(call, port, address));
  });
}

/** The handle of an export, from mountd. */
export async function mount(port: number, path: string, host?: string): Promise<Buffer> {
  const client = await NfsClient.to(port, host);
  const reply = await client.ask(100_005, 3, 1, xdr(path));
  client.close();
  const status = reply.u32();
  if (status !== 0) throw new Error(`MOUNT answers ${status}`);
  return opaque(reply);
}
