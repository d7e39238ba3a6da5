import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WireError } from '../../src/bytes/wire-error.ts';
import { ReplyBatch } from '../../src/nfs/reply-batch.ts';
import { foreigner, framed, NfsRig, opaque, rpcCall, xdr } from './nfs-rig.ts';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { encodeCall } from '../../src/nfs/rpc-message.ts';
import { contents } from './sample-image.ts';

const nullCall = (xid: number) => rpcCall(100_003, 3, 0, undefined, { xid });
const words = (reply: Uint8Array | undefined) => {
  const reader = new ByteReader(reply ?? new Uint8Array());
  return Array.from({ length: reader.remaining / 4 }, () => reader.u32());
};

describe('an RPC connection', () => {
  let rig: NfsRig;
  beforeEach(() => {
    rig = new NfsRig();
  });
  afterEach(() => rig.close());

  function ask(record: Uint8Array): number[] {
    const client = rig.connect();
    client.connection.onBytes(framed(record));
    return words(client.replies()[0]);
  }

  it.each([
    ['an unknown program', rpcCall(100_099, 1, 0), [1]],
    ['NFS_ACL, as Linux asks', rpcCall(100_227, 3, 0), [1]],
    ['NLM, as Linux asks', rpcCall(100_021, 4, 0), [1]],
    ['NFS version 2: PROG_MISMATCH 3..3', rpcCall(100_003, 2, 0), [2, 3, 3]],
    ['NFS version 4: PROG_MISMATCH 3..3', rpcCall(100_003, 4, 0), [2, 3, 3]],
    ['MOUNT version 2: PROG_MISMATCH 1..3', rpcCall(100_005, 2, 0), [2, 1, 3]],
    ['procedure 22: PROC_UNAVAIL', rpcCall(100_003, 3, 22), [3]],
    ['GETATTR without a handle: GARBAGE_ARGS', rpcCall(100_003, 3, 1), [4]],
    ['GETATTR with bytes after the handle: GARBAGE_ARGS', rpcCall(100_003, 3, 1, xdr('x', 1)), [4]],
    ['a handle of 65 bytes: GARBAGE_ARGS', rpcCall(100_003, 3, 1, xdr(Buffer.alloc(65))), [4]],
  ])('answers %s (rule 20)', (_what, record, results) => {
    // xid, REPLY, MSG_ACCEPTED, an AUTH_NONE verifier, then the accept status.
    expect(ask(record)).toEqual([0x1234_5678, 1, 0, 0, 0, ...results]);
  });

  it('answers RPC version 3 with RPC_MISMATCH 2..2', () => {
    const record = rpcCall(100_003, 3, 0);
    record.writeUInt32BE(3, 8);
    expect(ask(record)).toEqual([0x1234_5678, 1, 1, 0, 2, 2]);
  });

  it.each([
    ['AUTH_BADCRED for a credential that cannot be read', 1, Buffer.alloc(8), 1],
    ['AUTH_TOOWEAK for a flavor that we do not speak', 6, Buffer.alloc(0), 5],
  ])('answers %s where the user matters', (_what, credentialFlavor, credential, status) => {
    const writer = new ByteWriter();
    encodeCall(writer, { xid: 7, program: 100_003, version: 3, procedure: 4, credentialFlavor, credential });
    writer.bytes(xdr(rig.handle('/etc/secret'), 1));
    expect(ask(writer.finish())).toEqual([7, 1, 1, 1, status]);
  });

  it('takes AUTH_NONE for nobody', () => {
    const writer = new ByteWriter();
    encodeCall(writer, { xid: 7, program: 100_003, version: 3, procedure: 4, credentialFlavor: 0, credential: new Uint8Array() });
    writer.bytes(xdr(rig.handle('/etc/secret'), 0x3f));
    expect(ask(writer.finish()).at(-1)).toBe(0);
  });

  it('answers many calls of one read with one write, in their order', () => {
    const client = rig.connect();
    client.connection.onBytes(Buffer.concat(Array.from({ length: 100 }, (_, xid) => framed(nullCall(xid)))));
    expect(client.replies().map((reply) => reply.readUInt32BE(0))).toEqual(Array.from({ length: 100 }, (_, xid) => xid));
    expect(client.writes).toBe(1);
  });

  it('takes a call byte by byte, and in fragments', () => {
    const client = rig.connect();
    const call = nullCall(1);
    for (const byte of framed(call)) client.connection.onBytes(Buffer.of(byte));
    client.connection.onBytes(
      Buffer.concat([framed(call.subarray(0, 7), false), framed(call.subarray(7, 9), false), framed(call.subarray(9))]),
    );
    client.connection.onBytes(
      Buffer.concat([framed(call.subarray(0, 7), false), framed(call.subarray(7), false), framed(Buffer.alloc(0))]),
    );
    expect(client.replies()).toHaveLength(3);
  });

  it('counts the limit of a record anew for each record', () => {
    const client = rig.connect();
    const call = rpcCall(100_003, 3, 0, Buffer.alloc(100_000));
    const record = Buffer.concat([framed(call.subarray(0, 50_000), false), framed(call.subarray(50_000))]);
    client.connection.onBytes(Buffer.concat([record, record, record]));
    expect(client.replies()).toHaveLength(3);
    expect(client.closes).toEqual([]);
  });

  it('cuts anywhere without a difference (random cuts)', () => {
    const stream = Buffer.concat(Array.from({ length: 20 }, (_, xid) => framed(rpcCall(100_003, 3, 3, xdr('x', 'y'), { xid }))));
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 30 }), (cuts) => {
        const client = rig.connect();
        let from = 0;
        for (const to of [...cuts.sort((a, b) => a - b), stream.length]) {
          client.connection.onBytes(stream.subarray(from, to));
          from = to;
        }
        expect(client.replies()).toHaveLength(20);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['a record beyond the limit', Buffer.of(0x80, 0xff, 0xff, 0xff)],
    ['fragments that come to more than the limit', Buffer.concat(Array.from({ length: 3 }, () => framed(Buffer.alloc(60_000), false)))],
    ['an empty fragment that is not the last', Buffer.alloc(4)],
    ['more than 256 fragments', Buffer.concat(Array.from({ length: 300 }, () => framed(Buffer.alloc(1), false)))],
    ['a record that is a reply', framed(Buffer.concat([Buffer.alloc(4), Buffer.of(0, 0, 0, 1)]))],
    ['a record of 3 bytes', framed(Buffer.alloc(3))],
    ['a credential of 401 bytes', framed(Buffer.concat([nullCall(1).subarray(0, 28), Buffer.of(0, 0, 1, 0x91), Buffer.alloc(500)]))],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ])('closes on %s, after the answers to what came before', (_what, bytes) => {
    const client = rig.connect();
    client.connection.onBytes(Buffer.concat([framed(nullCall(1)), bytes]));
    expect(client.replies()).toHaveLength(1);
    expect(client.closes.map(({ reason }) => reason)).toEqual(['malformed record']);
    client.connection.onBytes(framed(nullCall(2)));
    expect(client.replies()).toHaveLength(1);
  });

  it('lets the requests of a client that reads nothing wait, and answers each once when it reads', () => {
    const client = rig.connect({ limits: { maxUnsentBytes: 1_000_000 } });
    client.readsNothing = true;
    const big = rig.handle('/usr/big');
    const reads = Array.from({ length: 50 }, (_, xid) => framed(rpcCall(100_003, 3, 6, xdr(big, 0, 0, 1_048_576), { xid })));
    client.connection.onBytes(Buffer.concat(reads));
    expect(client.paused).toBe(true);
    expect(client.unsentBytes).toBeLessThan(1_400_000);
    for (let drains = 0; drains < 20 && client.replies().length < 50; drains++) client.drain();
    client.readsNothing = false;
    client.drain();
    expect(client.paused).toBe(false);
    expect(client.replies().map((reply) => reply.readUInt32BE(0))).toEqual(reads.map((_, xid) => xid));
    expect(client.replies().at(-1)?.subarray(-300_004, -3)).toEqual(contents['/usr/big']);
  });

  it('closes a connection that reads nothing for a minute, that stops in mid-request, or that is idle', () => {
    const [slow, half, idle, fresh] = [rig.connect(), rig.connect(), rig.connect(), rig.connect()];
    slow.unsentBytes = 1000;
    half.connection.onBytes(Buffer.of(0x80, 0, 0));
    const check = () => [slow, half, idle, fresh].map((client) => (client.connection.onTimeout(), client.closes.at(-1)?.reason));
    rig.clock.advance(59_000);
    expect(check()).toEqual([undefined, undefined, undefined, undefined]);
    rig.clock.advance(2_000);
    expect(check()).toEqual(['client reads no answers', 'half a request', undefined, undefined]);
    rig.clock.advance(14 * 60_000);
    fresh.connection.onBytes(framed(nullCall(1)));
    expect(check().slice(2)).toEqual(['idle connection', undefined]);
  });

  it('does not close a slow client as long as it reads', () => {
    const slow = rig.connect();
    slow.unsentBytes = 1_000_000;
    for (let minute = 0; minute < 30; minute++) {
      slow.unsentBytes -= 1000;
      rig.clock.advance(50_000);
      slow.connection.onTimeout();
    }
    expect(slow.closes).toEqual([]);
  });

  it('answers a procedure that fails with SYSTEM_ERR, and logs it', () => {
    const call = rpcCall(100_003, 3, 6, xdr(rig.handle('/usr/big'), 0, 0, 10));
    rig.blobs.read = () => {
      throw new TypeError('a defect');
    };
    expect(ask(call)).toEqual([0x1234_5678, 1, 0, 0, 0, 5]);
    expect(rig.log.lines.at(-1)).toMatchObject({ level: 'error', message: 'an RPC procedure failed' });
  });

  it('gives nothing but clean answers or a closed connection for mutated calls (random)', () => {
    const handle = rig.handle('/etc');
    const file = rig.handle('/usr/big');
    const calls = [
      rpcCall(100_003, 3, 1, xdr(handle)),
      rpcCall(100_003, 3, 3, xdr(handle, 'hostname')),
      rpcCall(100_003, 3, 4, xdr(handle, 0x3f)),
      rpcCall(100_003, 3, 6, xdr(file, 0, 0, 4096)),
      rpcCall(100_003, 3, 16, xdr(handle, 0, 0, 0, 0, 4096)),
      rpcCall(100_003, 3, 17, xdr(handle, 0, 0, 0, 0, 4096, 4096)),
      rpcCall(100_003, 3, 18, xdr(handle)),
      rpcCall(100_003, 3, 14, xdr(handle, 'a', handle, 'b')),
      rpcCall(100_005, 3, 1, xdr('/images/dom0@3')),
      rpcCall(100_005, 3, 5),
      rpcCall(100_000, 2, 3, xdr(100_003, 3, 6, 0)),
      rpcCall(100_000, 4, 3, xdr(100_003, 3, 'tcp', '', '')),
    ];
    const change = fc.record({ at: fc.nat(), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.constantFrom(...calls), fc.array(change, { minLength: 1, maxLength: 6 }), fc.boolean(), (call, changes, isFramed) => {
        const bytes = Buffer.from(isFramed ? framed(call) : call);
        for (const { at, to } of changes) bytes[at % bytes.length] = to;
        const sent = isFramed ? bytes : framed(bytes);
        const client = rig.connect();
        client.connection.onBytes(sent);
        const replies = client.replies();
        const outcomes = replies.length + client.closes.length;
        // A mutated record mark may announce more than comes, or cut the record in two.
        expect(outcomes).toBeGreaterThanOrEqual(isFramed ? 0 : 1);
        expect(outcomes).toBeLessThanOrEqual(isFramed ? 2 : 1);
        for (const reply of replies) expect(reply.readUInt32BE(4)).toBe(1);
        expect(rig.log.lines).toEqual([]);
      }),
      { numRuns: 3000 },
    );
  });

  it('answers every shorter prefix of a call, or throws WireError where there is no xid to answer to', () => {
    const call = rpcCall(100_003, 3, 3, xdr(rig.handle('/etc'), 'hostname'));
    const headerEnd = call.length - xdr(rig.handle('/etc'), 'hostname').length;
    const answer = (length: number) => {
      const reply = new ReplyBatch(false);
      rig.dispatcher.answer(call.subarray(0, length), rig.caller(), reply);
      return words(reply.parts()[0]);
    };
    for (let length = 0; length < headerEnd; length++) expect(() => answer(length)).toThrow(WireError);
    for (let length = headerEnd; length < call.length; length++) expect(answer(length)).toEqual([0x1234_5678, 1, 0, 0, 0, 4]);
  });
});

describe('MOUNT', () => {
  let rig: NfsRig;
  beforeEach(() => {
    rig = new NfsRig();
  });
  afterEach(() => rig.close());

  it.each([
    ['/images/dom0@3', 0, 'mounted'],
    ['/images/dom0@3/', 0, 'mounted'],
    ['/images/dom0@3/etc', 0, 'mounted'],
    ['/images/dom0@3/etc/hostname', 20, 'missing'],
    ['/images/dom0@3/etc/..', 2, 'missing'],
    ['/images/dom0@4', 2, 'missing'],
    ['/images', 2, 'missing'],
    ['/', 2, 'missing'],
    ['', 2, 'missing'],
  ])('of %j answers %i, and tells the observer', (path, status, outcome) => {
    const reply = rig.ask(100_005, 3, 1, xdr(path));
    expect(reply.u32()).toBe(status);
    expect(rig.mounts).toEqual([`192.168.0.11 ${path === '/' ? path : path.replace(/\/$/, '')} ${outcome}`]);
    if (status !== 0) return reply.expectEnd();
    expect(opaque(reply)).toHaveLength(44);
    expect([reply.u32(), reply.u32()]).toEqual([1, 1]);
    reply.expectEnd();
  });

  it('refuses a foreign address by MNT3ERR_ACCES', () => {
    expect(rig.ask(100_005, 3, 1, xdr('/images/dom0@3'), { address: foreigner }).u32()).toBe(13);
    expect(rig.mounts).toEqual([`${foreigner} /images/dom0@3 refused`]);
  });

  it('lists in EXPORT what the client may read, in version 1 as well', () => {
    for (const version of [1, 3]) {
      const reply = rig.ask(100_005, version, 5);
      expect(reply.u32()).toBe(1);
      expect(opaque(reply).toString()).toBe('/images/dom0@3');
      expect(reply.u32()).toBe(1);
      expect(opaque(reply).toString()).toBe('192.168.0.0/24');
      expect([reply.u32(), reply.u32()]).toEqual([0, 0]);
      reply.expectEnd();
      const none = rig.ask(100_005, version, 5, undefined, { address: foreigner });
      expect(none.u32()).toBe(0);
      none.expectEnd();
    }
  });

  it('lists mounts in DUMP until UMNT or UMNTALL', () => {
    const dump = () => {
      const reply = rig.ask(100_005, 3, 2);
      const mounts: string[] = [];
      while (reply.u32() === 1) mounts.push(`${opaque(reply).toString()} ${opaque(reply).toString()}`);
      reply.expectEnd();
      return mounts;
    };
    for (const path of ['/images/dom0@3', '/images/dom0@3/etc', '/images/dom0@3/etc']) rig.ask(100_005, 3, 1, xdr(path));
    expect(dump()).toEqual(['192.168.0.11 /images/dom0@3', '192.168.0.11 /images/dom0@3/etc']);
    rig.ask(100_005, 3, 3, xdr('/images/dom0@3')).expectEnd();
    expect(dump()).toEqual(['192.168.0.11 /images/dom0@3/etc']);
    rig.ask(100_005, 3, 4).expectEnd();
    expect(dump()).toEqual([]);
  });
});

describe('portmap', () => {
  let rig: NfsRig;
  beforeEach(() => {
    rig = new NfsRig();
  });
  afterEach(() => rig.close());

  it.each([
    ['NFS v3 over TCP', 100_003, 3, 6, 2049],
    ['NFS v3 over UDP', 100_003, 3, 17, 2049],
    ['MOUNT v3', 100_005, 3, 6, 20_048],
    ['MOUNT v1', 100_005, 1, 17, 20_048],
    ['NFS v4', 100_003, 4, 6, 0],
    ['NLM', 100_021, 4, 6, 0],
    ['NFS over no protocol that we know', 100_003, 3, 132, 0],
  ])('GETPORT of %s', (_what, program, version, protocol, port) => {
    const reply = rig.ask(100_000, 2, 3, xdr(program, version, protocol, 0));
    expect(reply.u32()).toBe(port);
    reply.expectEnd();
  });

  it('refuses SET and UNSET, and has no CALLIT', () => {
    for (const procedure of [1, 2]) expect(rig.ask(100_000, 2, procedure, xdr(100_003, 3, 6, 1)).u32()).toBe(0);
    expect(() => rig.ask(100_000, 2, 5, xdr(100_003, 3, 0, ''))).toThrow('not accepted: 305419896,1,0,0,0,3');
  });

  it('lists all services in DUMP', () => {
    const reply = rig.ask(100_000, 2, 4);
    const found: string[] = [];
    while (reply.u32() === 1) found.push([reply.u32(), reply.u32(), reply.u32(), reply.u32()].join(' '));
    reply.expectEnd();
    expect(found).toContain('100000 2 6 111');
    expect(found).toContain('100003 3 17 2049');
    expect(found).toHaveLength(12);
  });

  it.each([
    [3, 3, 100_003, 3, 'tcp', '192.168.0.5.8.1'],
    [4, 3, 100_005, 3, 'udp', '192.168.0.5.78.80'],
    [4, 9, 100_003, 3, 'tcp', '192.168.0.5.8.1'],
    [4, 3, 100_003, 4, 'tcp', ''],
    [4, 3, 100_003, 3, 'tcp6', ''],
  ])('rpcbind version %i, procedure %i: the address of %i version %i over %s', (rpcbind, procedure, program, version, netid, address) => {
    const reply = rig.ask(100_000, rpcbind, procedure, xdr(program, version, netid, '', ''));
    expect(opaque(reply).toString()).toBe(address);
    reply.expectEnd();
  });
});
