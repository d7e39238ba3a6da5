import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { HeldClock } from '../../src/clock.ts';
import { CapturedLog } from '../../src/log.ts';
import { ipv4Number } from '../../src/model/ipv4.ts';
import { type BlobError, BlobStore } from '../../src/nfs/blob-store.ts';
import { ExportTable, type SharedImage } from '../../src/nfs/export-table.ts';
import { mountProgram } from '../../src/nfs/mount-program.ts';
import { nfs3Program } from '../../src/nfs/nfs3-program.ts';
import { mappingsOf } from '../../src/nfs/nfs-server.ts';
import { portmapProgram } from '../../src/nfs/portmap-program.ts';
import { type ConnectionLimits, connectionLimits, RpcConnection } from '../../src/nfs/rpc-connection.ts';
import { type Caller, RpcDispatcher, type Transport } from '../../src/nfs/rpc-dispatcher.ts';
import { authFlavor, encodeAuthSys, encodeCall } from '../../src/nfs/rpc-message.ts';
import { writeOpaque } from '../../src/nfs/xdr.ts';
import { sampleImage } from './sample-image.ts';

export const handleKey = Buffer.alloc(32, 7);
export const client = '192.168.0.11';
export const foreigner = '10.1.2.3';

export interface Who {
  readonly uid: number;
  readonly gid: number;
  readonly gids: readonly number[];
}
export const root: Who = { uid: 0, gid: 0, gids: [] };

export function framed(record: Uint8Array, isLast = true): Buffer {
  const mark = Buffer.alloc(4);
  mark.writeUInt32BE(((isLast ? 0x8000_0000 : 0) | record.length) >>> 0);
  return Buffer.concat([mark, record]);
}

export function rpcCall(
  program: number,
  version: number,
  procedure: number,
  args: Uint8Array = new Uint8Array(),
  { xid = 0x1234_5678, who = root }: { xid?: number; who?: Who } = {},
): Buffer {
  const writer = new ByteWriter();
  const credential = encodeAuthSys(who, 'post01');
  encodeCall(writer, { xid, program, version, procedure, credentialFlavor: authFlavor.sys, credential });
  return Buffer.from(writer.bytes(args).finish());
}

/** Arguments: numbers are 32 bits wide, texts and bytes variable-length opaque. */
export function xdr(...values: readonly (number | string | Uint8Array)[]): Uint8Array {
  const writer = new ByteWriter();
  for (const value of values) {
    if (typeof value === 'number') writer.u32(value);
    else writeOpaque(writer, typeof value === 'string' ? Buffer.from(value) : value);
  }
  return Buffer.from(writer.finish());
}

/** The client's end of a connection whose other end is the product's own state machine; no socket, no time but the clock's. */
export class FakeConnection {
  readonly sent: Buffer[] = [];
  readonly closes: { readonly reason: string; readonly detail: string }[] = [];
  writes = 0;
  paused = false;
  /** What the kernel would not take; a test empties it by `drain`. */
  unsentBytes = 0;
  readsNothing = false;
  readonly connection: RpcConnection;

  constructor(dispatcher: RpcDispatcher, caller: Caller, clock: HeldClock, limits: ConnectionLimits) {
    const sink = {
      write: (parts: readonly Uint8Array[]) => {
        this.writes++;
        for (const part of parts) this.sent.push(Buffer.from(part));
        if (this.readsNothing) this.unsentBytes += parts.reduce((sum, part) => sum + part.length, 0);
      },
      unsent: () => this.unsentBytes,
      get unsentBytes(): number {
        return this.unsent();
      },
      pause: () => {
        this.paused = true;
      },
      resume: () => {
        this.paused = false;
      },
      close: (reason: string, detail: string) => void this.closes.push({ reason, detail }),
    };
    this.connection = new RpcConnection(dispatcher, caller, sink, { clock, limits });
  }

  /** What was sent so far, cut into records. */
  replies(): Buffer[] {
    const bytes = Buffer.concat(this.sent);
    const records: Buffer[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = bytes.readUInt32BE(at) & 0x7fff_ffff;
      records.push(bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    return records;
  }

  drain(): void {
    this.unsentBytes = 0;
    this.connection.onDrain();
  }
}

/** All programs over one sample image on disk, without sockets and threads. */
export class NfsRig {
  readonly dir = mkdtempSync(join(tmpdir(), 'virtdom-nfs-'));
  readonly clock = new HeldClock();
  readonly log = new CapturedLog();
  readonly exports = new ExportTable(handleKey);
  readonly blobs = new BlobStore();
  readonly image: SharedImage;
  readonly mounts: string[] = [];
  readonly damages: BlobError[] = [];
  readonly users = new Set<string>();
  readonly dispatcher: RpcDispatcher;

  constructor() {
    this.image = sampleImage(this.dir, ['192.168.0.0/24']);
    this.publish();
    this.dispatcher = new RpcDispatcher(
      [
        nfs3Program({
          exports: this.exports,
          blobs: this.blobs,
          used: (_image, caller) => void this.users.add(caller.address),
          damaged: (error) => void this.damages.push(error),
        }),
        mountProgram(this.exports, { mount: (address, path, outcome) => void this.mounts.push(`${address} ${path} ${outcome}`) }),
        portmapProgram(mappingsOf({ port: 2049, mountPort: 20_048, portmapPort: 111 })),
      ],
      this.log,
    );
  }

  publish(image = this.image): void {
    this.exports.publish(image);
  }

  caller(address = client, transport: Transport = 'tcp'): Caller {
    return { address, addressNumber: ipv4Number(address), port: 800, localAddress: '192.168.0.5', transport };
  }

  connect({ address = client, limits = {} }: { address?: string; limits?: Partial<ConnectionLimits> } = {}): FakeConnection {
    return new FakeConnection(this.dispatcher, this.caller(address), this.clock, { ...connectionLimits, ...limits });
  }

  /** One call over a connection of its own; the accepted reply's results, from the NFS status on. */
  ask(
    program: number,
    version: number,
    procedure: number,
    args?: Uint8Array,
    { address = client, who = root }: { address?: string; who?: Who } = {},
  ): ByteReader {
    const connection = this.connect({ address });
    connection.connection.onBytes(framed(rpcCall(program, version, procedure, args, { who })));
    const [reply] = connection.replies();
    if (reply === undefined) throw new Error(`no reply; closed: ${JSON.stringify(connection.closes)}`);
    const reader = new ByteReader(reply);
    const head = [reader.u32(), reader.u32(), reader.u32(), reader.u32(), reader.u32(), reader.u32()];
    if (head.join() !== [0x1234_5678, 1, 0, 0, 0, 0].join()) throw new Error(`not accepted: ${head.join()}`);
    return reader;
  }

  nfs(procedure: number, args?: Uint8Array, options?: { address?: string; who?: Who }): ByteReader {
    return this.ask(100_003, 3, procedure, args, options);
  }

  /** The handle of a path, by MOUNT and LOOKUP. */
  handle(path: string): Buffer {
    const mounted = this.ask(100_005, 3, 1, xdr('/images/dom0@3'));
    if (mounted.u32() !== 0) throw new Error('the mount failed');
    let handle = opaque(mounted);
    for (const name of path.split('/').filter((part) => part !== '')) {
      const found = this.nfs(3, xdr(handle, name));
      const status = found.u32();
      if (status !== 0) throw new Error(`${name} of ${path}: status ${status}`);
      handle = opaque(found);
    }
    return handle;
  }

  close(): void {
    for (const image of this.exports.images()) this.blobs.forget(image.blobs());
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export function opaque(reader: ByteReader): Buffer {
  const length = reader.u32();
  const bytes = Buffer.from(reader.bytes(length));
  reader.skip(-length & 3);
  return bytes;
}

/** fattr3, the fields that tests look at. */
export function attributes(reader: ByteReader) {
  const [type, mode, links, uid, gid] = [reader.u32(), reader.u32(), reader.u32(), reader.u32(), reader.u32()];
  const [size, used] = [reader.u64(), reader.u64()];
  const device = [reader.u32(), reader.u32()];
  const [fsid, fileid] = [reader.u64(), reader.u64()];
  const times = Array.from({ length: 3 }, () => [reader.u32(), reader.u32()]);
  return { type, mode, links, uid, gid, size, used, device, fsid, fileid, times };
}

export function postOp(reader: ByteReader) {
  return reader.u32() === 1 ? attributes(reader) : undefined;
}
