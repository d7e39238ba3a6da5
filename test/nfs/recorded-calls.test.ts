import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { WireError } from '../../src/bytes/wire-error.ts';
import { RecordStream } from '../../src/nfs/record-stream.ts';
import { ReplyBatch } from '../../src/nfs/reply-batch.ts';
import { decodeAuthSys, decodeCall, encodeAuthSys } from '../../src/nfs/rpc-message.ts';
import { NfsRig } from './nfs-rig.ts';

/**
 * Calls as other implementations sent them to this server, which served the sample image under the test's key: their handles
 * are good here too. Recorded from klibc's nfsmount and Linux in a Debian 13 initramfs, from libnfs-utils, rpcinfo, showmount.
 */
interface Recorded {
  readonly client: string;
  readonly transport: 'tcp' | 'udp';
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  /** With its record mark over TCP. */
  readonly hex: string;
}

const recorded = readFileSync(new URL('../fixtures/nfs/recorded-calls.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded);

function recordOf({ transport, hex }: Recorded): Uint8Array {
  const bytes = Buffer.from(hex, 'hex');
  if (transport === 'udp') return bytes;
  const stream = new RecordStream(10_000);
  stream.push(bytes);
  const record = stream.next();
  if (record === undefined || stream.pendingBytes !== 0) throw new Error('not one whole record');
  return record;
}

describe('calls that other implementations sent', () => {
  let rig: NfsRig;
  beforeAll(() => {
    rig = new NfsRig();
  });
  afterAll(() => rig.close());

  function answer(record: Uint8Array): number[] {
    const reply = new ReplyBatch(false);
    rig.dispatcher.answer(record, rig.caller(), reply);
    const reader = new ByteReader(Buffer.concat(reply.parts()));
    return Array.from({ length: Math.floor(reader.remaining / 4) }, () => reader.u32());
  }

  it('come from each client that matters', () => {
    const clients = new Set(recorded.map(({ client }) => client));
    expect(clients).toEqual(new Set(['Linux 6.12', 'busybox umount', 'klibc nfsmount', 'klibc nfsmount over UDP', 'libnfs 4', 'libtirpc']));
  });

  it.each(recorded)('$client: program $program version $version procedure $procedure is decoded and answered', (row) => {
    const record = recordOf(row);
    const call = decodeCall(new ByteReader(record));
    expect(call).toMatchObject({ rpcVersion: 2, program: row.program, version: row.version, procedure: row.procedure });
    const [xid, type, status, flavor, length, accepted, nfsStatus = 0] = answer(record);
    const isOffered = row.program !== 100_227;
    expect([xid, type, status, flavor, length, accepted]).toEqual([call.xid, 1, 0, 0, 0, isOffered ? 0 : 1]);
    // Every recorded NFS call and mount succeeded.
    const hasStatus = row.program === 100_003 || (row.program === 100_005 && row.procedure === 1);
    expect(hasStatus ? nfsStatus : 0).toBe(0);
  });

  it.each(recorded)('$client: every shorter prefix of program $program procedure $procedure is refused cleanly', (row) => {
    const record = recordOf(row);
    const results = new Set<string>();
    for (let length = 0; length < record.length; length++) {
      try {
        results.add(`accept status ${answer(record.subarray(0, length))[5]}`);
      } catch (error) {
        results.add(error instanceof WireError ? error.code : String(error));
      }
    }
    results.delete('truncated');
    results.delete('accept status 4');
    expect([...results]).toEqual([]);
  });

  it('tell their users as Linux and libnfs write them', () => {
    const users = new Map(
      recorded.flatMap((row) => {
        const { credentialFlavor, credential } = decodeCall(new ByteReader(recordOf(row)));
        if (credentialFlavor !== 1) return [];
        const name = Buffer.from(credential.subarray(8, 8 + new DataView(credential.buffer, credential.byteOffset).getUint32(4)));
        const who = decodeAuthSys(credential);
        const ours = Buffer.from(encodeAuthSys(who, name.toString()));
        // The first word is a stamp of the client's own.
        expect(ours.subarray(4)).toEqual(Buffer.from(credential.subarray(4)));
        return [[row.client, `${name.toString()} ${who.uid} ${who.gid} ${who.gids.join()}`.trim()]];
      }),
    );
    expect(Object.fromEntries(users)).toEqual({ 'Linux 6.12': 'post01 0 0', 'libnfs 4': 'libnfs 0 0' });
  });
});
