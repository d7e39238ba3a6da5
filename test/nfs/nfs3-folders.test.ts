import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ByteReader } from '../../src/bytes/byte-reader.ts';
import { NfsRig, opaque, postOp, xdr } from './nfs-rig.ts';

interface Entry {
  readonly fileid: number;
  readonly name: string;
  readonly cookie: number;
  readonly attributeFileid?: number;
  readonly handle?: Buffer | undefined;
}

function plus(reply: ByteReader) {
  const found = postOp(reply);
  return { attributeFileid: Number(found?.fileid), handle: reply.u32() === 1 ? opaque(reply) : undefined };
}

describe('NFS v3 on folders', () => {
  let rig: NfsRig;
  beforeEach(() => {
    rig = new NfsRig();
  });
  afterEach(() => rig.close());

  interface Page {
    readonly status: number;
    readonly bytes: number;
    readonly verifier?: bigint;
    readonly entries: readonly Entry[];
    readonly eof: boolean;
  }

  function page(path: string, request: { cookie?: number; count?: number; names?: number; isPlus?: boolean }): Page {
    const { cookie = 0, count = 4096, isPlus = false } = request;
    const { names = count } = request;
    const handle = rig.handle(path);
    const limits = isPlus ? [names, count] : [count];
    const reply = rig.nfs(isPlus ? 17 : 16, xdr(handle, 0, cookie, 0, 0, ...limits));
    const bytes = reply.remaining;
    const status = reply.u32();
    expect(postOp(reply)).toBeDefined();
    if (status !== 0) {
      reply.expectEnd();
      return { status, bytes, entries: [], eof: false };
    }
    const verifier = reply.u64();
    const entries: Entry[] = [];
    while (reply.u32() === 1) {
      const fileid = Number(reply.u64());
      const name = opaque(reply).toString('latin1');
      const next = Number(reply.u64());
      entries.push({ fileid, name, cookie: next, ...(isPlus ? plus(reply) : {}) });
    }
    const eof = reply.u32() === 1;
    reply.expectEnd();
    return { status, bytes, verifier, entries, eof };
  }

  function all(path: string, options: { count: number; names?: number; isPlus: boolean }) {
    const entries: Entry[] = [];
    const verifiers = new Set<bigint | undefined>();
    for (let pages = 1; ; pages++) {
      const cookie = entries.at(-1)?.cookie ?? 0;
      const next = page(path, { ...options, cookie });
      expect(next.status).toBe(0);
      expect(next.bytes).toBeLessThanOrEqual(options.count);
      entries.push(...next.entries);
      verifiers.add(next.verifier);
      if (next.eof) return { entries, verifiers, pages };
      expect(next.entries.length).toBeGreaterThan(0);
    }
  }

  it.each([
    [false, 4096],
    [false, 300],
    [true, 4096],
    [true, 400],
    [true, 32_768],
  ])('lists a folder of 300 names page by page, each once (plus: %s, %i bytes)', (isPlus, count) => {
    const { entries, verifiers, pages } = all('/many', { count, isPlus });
    const expected = Array.from({ length: 300 }, (_, number) => `name-${number}`).sort();
    expect(entries.map(({ name }) => name)).toEqual(['.', '..', ...expected]);
    expect(entries.map(({ cookie }) => cookie)).toEqual(entries.map((_, position) => position + 1));
    expect(verifiers.size).toBe(1);
    expect(pages).toBeGreaterThan(1);
  });

  it('gives . and .. their own numbers, at the root as well (rule 22)', () => {
    const root = page('/', {}).entries;
    expect(root.slice(0, 2)).toEqual([
      { fileid: 1, name: '.', cookie: 1 },
      { fileid: 1, name: '..', cookie: 2 },
    ]);
    const [dot, dotDot] = page('/etc', {}).entries;
    expect(dot?.fileid).toBe(root.find(({ name }) => name === 'etc')?.fileid);
    expect(dotDot?.fileid).toBe(1);
  });

  it('gives the same handles in READDIRPLUS as in LOOKUP', () => {
    for (const { name, handle, fileid, attributeFileid } of page('/etc', { isPlus: true }).entries) {
      expect(handle).toEqual(rig.handle(`/etc/${name}`));
      expect(attributeFileid).toBe(fileid);
    }
  });

  it('gives a name that is no UTF-8 as its bytes', () => {
    expect(page('/usr', {}).entries.map(({ name }) => name)).toContain('\xff');
  });

  it('honours dircount: few names, however much room there is for attributes', () => {
    const few = page('/many', { isPlus: true, count: 32_768, names: 200 });
    expect(few.entries.length).toBeGreaterThan(2);
    expect(few.entries.length).toBeLessThan(8);
    expect(all('/many', { isPlus: true, count: 32_768, names: 200 }).entries).toHaveLength(302);
  });

  it('gives one entry at least, however small dircount is', () => {
    expect(page('/many', { isPlus: true, count: 4096, names: 1 }).entries).toHaveLength(1);
  });

  it.each([
    [false, 100],
    [true, 250],
    [true, 0],
  ])('answers NFS3ERR_TOOSMALL where not one entry fits (plus: %s, %i bytes)', (isPlus, count) => {
    expect(page('/many', { isPlus, count })).toMatchObject({ status: 10_005 });
  });

  it('says the end for a cookie at or behind the last entry', () => {
    expect(page('/etc', { cookie: 6 })).toMatchObject({ status: 0, entries: [], eof: true });
    expect(page('/etc', { cookie: 0xffff_fff0 })).toMatchObject({ status: 0, entries: [], eof: true });
  });

  it('answers NFS3ERR_NOTDIR for a file and NFS3ERR_ACCES where the user may not read', () => {
    expect(page('/etc/hostname', {})).toMatchObject({ status: 20 });
    const reply = rig.nfs(16, xdr(rig.handle('/root'), 0, 0, 0, 0, 4096), { who: { uid: 1000, gid: 1000, gids: [] } });
    expect(reply.u32()).toBe(13);
  });
});
