import { execFileSync } from 'node:child_process';
import { chmodSync, renameSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attributes, client, foreigner, handleKey, NfsRig, opaque, postOp, root, type Who, xdr } from './nfs-rig.ts';
import { ImageHandles } from '../../src/nfs/file-handle.ts';
import { blobFile, contents, sampleEntries, sampleImage, sampleManifest, sha256 } from './sample-image.ts';

const big = contents['/usr/big'] ?? Buffer.alloc(0);
const user: Who = { uid: 1000, gid: 1000, gids: [6] };

function readArgs(handle: Uint8Array, offset: number, count: number): Uint8Array {
  return xdr(handle, Math.floor(offset / 2 ** 32), offset % 2 ** 32, count);
}

function argsFor(procedure: number, handle: Uint8Array): Uint8Array {
  if (procedure === 1 || procedure === 5 || (procedure >= 18 && procedure <= 20)) return xdr(handle);
  if (procedure === 3) return xdr(handle, 'x');
  if (procedure === 4) return xdr(handle, 1);
  if (procedure === 6) return readArgs(handle, 0, 10);
  if (procedure === 16) return xdr(handle, 0, 0, 0, 0, 4096);
  return xdr(handle, 0, 0, 0, 0, 4096, 4096);
}

describe('NFS v3 on files', () => {
  let rig: NfsRig;
  beforeEach(() => {
    rig = new NfsRig();
  });
  afterEach(() => rig.close());

  function read(handle: Uint8Array, offset: number, count: number, who = root) {
    const reply = rig.nfs(6, readArgs(handle, offset, count), { who });
    const status = reply.u32();
    postOp(reply);
    if (status !== 0) return { status };
    const got = reply.u32();
    const eof = reply.u32() === 1;
    const bytes = opaque(reply);
    reply.expectEnd();
    expect(bytes.length).toBe(got);
    return { status, eof, bytes };
  }

  it('answers NULL with nothing', () => {
    expect(rig.nfs(0).remaining).toBe(0);
  });

  it('gives the attributes of each kind of file (RFC 1813 2.5)', () => {
    const rows = [
      ['/', { type: 2, mode: 0o755, links: 7, size: 4096n }],
      ['/etc/hostname', { type: 1, mode: 0o644, links: 1, size: 7n, used: 4096n }],
      ['/etc/mtab', { type: 5, mode: 0o777, size: 19n }],
      ['/dev/sda', { type: 3, device: [8, 1], gid: 6 }],
      ['/dev/null', { type: 4, device: [1, 3] }],
      ['/dev/log', { type: 6 }],
      ['/dev/initctl', { type: 7 }],
    ] as const;
    for (const [path, expected] of rows) {
      const reply = rig.nfs(1, xdr(rig.handle(path)));
      expect(reply.u32()).toBe(0);
      const found = attributes(reply);
      expect({ path, ...found }).toMatchObject({ path, ...expected });
      expect(found.times).toEqual(Array.from({ length: 3 }, () => [1_700_000_000, 5]));
      expect(found.fileid).toBeLessThan(2n ** 31n);
      reply.expectEnd();
    }
  });

  it('gives hard links one handle and one fileid (rule 21)', () => {
    expect(rig.handle('/usr/big2')).toEqual(rig.handle('/usr/big'));
    expect(rig.handle('/usr/big').length).toBeLessThanOrEqual(64);
  });

  it('gives each image another fsid, and the same one each time', () => {
    const fsidOf = () => {
      const reply = rig.nfs(1, xdr(rig.handle('/')));
      reply.u32();
      return attributes(reply).fsid;
    };
    const first = fsidOf();
    rig.publish();
    expect(fsidOf()).toBe(first);
    rig.publish({ ...rig.image, contentId: sha256(Buffer.from('another build')) });
    expect(fsidOf()).not.toBe(first);
  });

  it('looks up . and .., the root being its own parent', () => {
    expect(rig.handle('/etc/.')).toEqual(rig.handle('/etc'));
    expect(rig.handle('/etc/..')).toEqual(rig.handle('/'));
    expect(rig.handle('/..')).toEqual(rig.handle('/'));
  });

  it('answers a missing name with NFS3ERR_NOENT and the folder’s attributes', () => {
    const reply = rig.nfs(3, xdr(rig.handle('/etc'), 'nothing'));
    expect(reply.u32()).toBe(2);
    expect(postOp(reply)).toMatchObject({ type: 2 });
    reply.expectEnd();
  });

  it.each([
    ['in a file', '/etc/hostname', 'x', 20],
    ['of 256 bytes', '/etc', 'x'.repeat(256), 63],
    ['that is empty', '/etc', '', 2],
    ['with a slash', '/', 'etc/hostname', 2],
  ])('refuses to look up a name %s', (_what, folder, name, status) => {
    expect(rig.nfs(3, xdr(rig.handle(folder), name)).u32()).toBe(status);
  });

  it('says where a symlink points, and NFS3ERR_INVAL for what is none', () => {
    const reply = rig.nfs(5, xdr(rig.handle('/etc/mtab')));
    expect(reply.u32()).toBe(0);
    postOp(reply);
    expect(opaque(reply).toString()).toBe('../proc/self/mounts');
    reply.expectEnd();
    expect(rig.nfs(5, xdr(rig.handle('/etc/hostname'))).u32()).toBe(22);
  });

  it.each([
    ['root reads what is 0600', '/etc/secret', root, 0x01],
    ['root executes nothing without an execute bit', '/etc/hostname', root, 0x01],
    ['root searches every folder', '/root', root, 0x03],
    ['a user reads what is 0644', '/etc/hostname', user, 0x01],
    ['a user gets nothing of 0600', '/etc/secret', user, 0],
    ['a user gets nothing of a folder of 0700', '/root', user, 0],
    ['a user reads 0660 by a further group, and never writes', '/dev/sda', user, 0x01],
    ['a user reads 0660 of another group not', '/dev/sda', { ...user, gids: [] }, 0],
  ])('ACCESS: %s', (_what, path, who, granted) => {
    const reply = rig.nfs(4, xdr(rig.handle(path), 0x3f), { who });
    expect(reply.u32()).toBe(0);
    postOp(reply);
    expect(reply.u32()).toBe(granted);
    reply.expectEnd();
  });

  it('grants read with execute, so that a client can load the program (rule 22)', () => {
    const entries = sampleEntries.map((entry) =>
      entry.path === '/etc/hostname' ? Object.assign(structuredClone(entry), { mode: 0o711 }) : entry,
    );
    rig.publish(sampleImage(rig.dir, ['192.168.0.0/24'], 3, entries));
    const reply = rig.nfs(4, xdr(rig.handle('/etc/hostname'), 0x3f), { who: user });
    reply.u32();
    postOp(reply);
    expect(reply.u32()).toBe(0x21);
    expect(read(rig.handle('/etc/hostname'), 0, 100, user)).toMatchObject({ status: 0 });
  });

  it.each([
    ['whole', 0, 1_048_576, true],
    ['to one byte before the end', 0, big.length - 1, false],
    ['to exactly the end', 0, big.length, true],
    ['the last byte', big.length - 1, 1, true],
    ['over the edge of a cache block', 131_000, 200, false],
    ['one whole cache block', 131_072, 131_072, false],
    ['nothing in the middle', 5, 0, false],
    ['at the end', big.length, 10, true],
    ['far beyond the end', 2 ** 40, 10, true],
  ])('reads a file %s, with an exact EOF', (_what, offset, count, eof) => {
    const handle = rig.handle('/usr/big');
    for (let time = 0; time < 2; time++)
      expect(read(handle, offset, count)).toEqual({ status: 0, eof, bytes: big.subarray(offset, offset + count) });
  });

  it('reads an empty file as its end', () => {
    expect(read(rig.handle('/etc/empty'), 0, 4096)).toEqual({ status: 0, eof: true, bytes: Buffer.alloc(0) });
  });

  it.each([
    ['a folder', '/etc', root, 21],
    ['a symlink', '/etc/mtab', root, 22],
    ['a device', '/dev/sda', root, 22],
    ['what the user may not read', '/etc/secret', user, 13],
  ])('refuses to read %s', (_what, path, who, status) => {
    expect(read(rig.handle(path), 0, 10, who)).toEqual({ status });
  });

  it('gives at most 1 MiB a READ over TCP and 32 KiB over UDP, and says so in FSINFO', () => {
    const reply = rig.nfs(19, xdr(rig.handle('/')));
    expect(reply.u32()).toBe(0);
    postOp(reply);
    expect([reply.u32(), reply.u32()]).toEqual([1_048_576, 1_048_576]);
    expect(read(rig.handle('/usr/big'), 0, 0xffff_ffff)).toMatchObject({ eof: true });
  });

  it('says 2^63-1 for the largest file, and 255 for the longest name', () => {
    const info = rig.nfs(19, xdr(rig.handle('/')));
    info.u32();
    postOp(info);
    info.skip(7 * 4);
    expect(info.u64()).toBe(2n ** 63n - 1n);
    info.skip(8);
    expect(info.u32() & 0x10).toBe(0);
    info.expectEnd();
    const conf = rig.nfs(20, xdr(rig.handle('/')));
    expect(conf.u32()).toBe(0);
    postOp(conf);
    expect([conf.u32(), conf.u32(), conf.u32(), conf.u32(), conf.u32(), conf.u32()]).toEqual([32_000, 255, 1, 1, 0, 1]);
    conf.expectEnd();
  });

  it('says in FSSTAT that nothing is free', () => {
    const reply = rig.nfs(18, xdr(rig.handle('/')));
    expect(reply.u32()).toBe(0);
    postOp(reply);
    const numbers = Array.from({ length: 6 }, () => reply.u64());
    const total = Object.values(contents).reduce((sum, bytes) => sum + bytes.length, 0);
    expect(numbers).toEqual([BigInt(total), 0n, 0n, BigInt(sampleManifest().entries.length - 1), 0n, 0n]);
    reply.skip(4);
    reply.expectEnd();
  });

  it.each([
    ['SETATTR', 2, 2],
    ['WRITE', 7, 2],
    ['CREATE', 8, 2],
    ['MKDIR', 9, 2],
    ['SYMLINK', 10, 2],
    ['MKNOD', 11, 2],
    ['REMOVE', 12, 2],
    ['RMDIR', 13, 2],
    ['RENAME', 14, 4],
    ['LINK', 15, 3],
    ['COMMIT', 21, 2],
  ])('answers %s with NFS3ERR_ROFS', (_name, procedure, words) => {
    const reply = rig.nfs(procedure, xdr(rig.handle('/etc'), 'x', 0, 0, 0));
    expect(reply.u32()).toBe(30);
    for (let word = 0; word < words; word++) expect(reply.u32()).toBe(0);
    reply.expectEnd();
  });

  describe('handles', () => {
    const procedures = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21];

    it.each(procedures)('procedure %i refuses a foreign address with a valid handle by NFS3ERR_ACCES (rule 23)', (procedure) => {
      const args = argsFor(procedure, rig.handle('/etc'));
      expect(rig.nfs(procedure, args, { address: foreigner }).u32()).toBe(13);
      expect(rig.users).not.toContain(foreigner);
      expect(rig.nfs(procedure, args, { address: client }).u32()).not.toBe(13);
    });

    it.each(procedures)('procedure %i calls a handle of an image that is gone stale', (procedure) => {
      const args = argsFor(procedure, rig.handle('/etc'));
      rig.exports.withdraw(rig.image.ref);
      expect(rig.nfs(procedure, args).u32()).toBe(70);
    });

    it('a version that was built anew makes old handles stale (rule 21)', () => {
      const handle = rig.handle('/etc');
      rig.publish({ ...rig.image, contentId: sha256(Buffer.from('another build')) });
      expect(rig.nfs(1, xdr(handle)).u32()).toBe(70);
      expect(rig.nfs(1, xdr(rig.handle('/etc'))).u32()).toBe(0);
    });

    it('any change of any bit is NFS3ERR_BADHANDLE', () => {
      const handle = rig.handle('/etc');
      for (let bit = 0; bit < handle.length * 8; bit++) {
        const forged = Buffer.from(handle);
        forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(rig.nfs(1, xdr(forged)).u32()).toBe(10_001);
      }
    });

    it('another length, another key and inodes that do not exist are NFS3ERR_BADHANDLE', () => {
      const handle = rig.handle('/etc');
      expect(rig.nfs(1, xdr(handle.subarray(0, 40))).u32()).toBe(10_001);
      expect(rig.nfs(1, xdr(Buffer.alloc(0))).u32()).toBe(10_001);
      expect(rig.nfs(1, xdr(Buffer.alloc(64))).u32()).toBe(10_001);
      const otherKey = new ImageHandles(Buffer.alloc(32, 8), rig.image.contentId, 10);
      expect(otherKey.accepts({ contentId: otherKey.contentId, inode: 2, generation: 1, mac: handle.subarray(28) })).toBe(false);
    });

    it('an inode just behind the last is NFS3ERR_BADHANDLE', () => {
      const handle = rig.handle('/etc');
      for (const inode of [0, sampleManifest().entries.length, 0xffff_ffff]) {
        handle.writeUInt32BE(inode, 20);
        expect(rig.nfs(1, xdr(handle)).u32()).toBe(10_001);
      }
    });

    it('another server with the same key serves them', () => {
      const other = new NfsRig();
      expect(other.nfs(1, xdr(rig.handle('/usr/big'))).u32()).toBe(0);
      other.close();
      expect(handleKey.length).toBe(32);
    });
  });

  describe('a blob that is not what was published', () => {
    const digest = sha256(big);
    const file = () => blobFile(rig.image.blobDir, digest);

    it.each([
      ['of another size', 'wrong-size', () => (chmodSync(file(), 0o644), writeFileSync(file(), big.subarray(1)))],
      ['of the same size and other bytes', 'wrong-seal', () => (chmodSync(file(), 0o644), writeFileSync(file(), Buffer.alloc(big.length)))],
      ['with another time', 'wrong-seal', () => utimesSync(file(), 1, 1)],
      ['copied back', 'wrong-seal', () => (renameSync(file(), `${file()}.old`), writeFileSync(file(), big))],
      [
        'copied back with its time',
        'wrong-seal',
        () => {
          renameSync(file(), `${file()}.old`);
          writeFileSync(file(), big);
          execFileSync('touch', ['-r', `${file()}.old`, file()]);
        },
      ],
      ['that is gone', 'missing', () => unlinkSync(file())],
    ])('%s is NFS3ERR_IO and an event, never wrong bytes (rule 24)', (_what, code, damage) => {
      const handle = rig.handle('/usr/big');
      damage();
      expect(read(handle, 0, 100)).toEqual({ status: 5 });
      expect(rig.damages.map((error) => error.code)).toEqual([code]);
    });

    it('written to while it is open, is NFS3ERR_IO for what was not read before', () => {
      const handle = rig.handle('/usr/big');
      expect(read(handle, 0, 100)).toMatchObject({ status: 0 });
      chmodSync(file(), 0o644);
      writeFileSync(file(), Buffer.alloc(big.length));
      expect(read(handle, 200_000, 100)).toEqual({ status: 5 });
      expect(read(handle, 0, 100)).toMatchObject({ status: 0, bytes: big.subarray(0, 100) });
    });

    it('is checked by size alone where there is no seal', () => {
      const { seals: _seals, ...unsealed } = sampleImage(rig.dir, ['192.168.0.0/24']);
      rig.publish(unsealed);
      utimesSync(file(), 1, 1);
      expect(read(rig.handle('/usr/big'), 0, 100)).toMatchObject({ status: 0 });
    });
  });
});
