import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BlobError, BlobStore } from '../../src/nfs/blob-store.ts';
import { blobFile, sha256 } from './sample-image.ts';

const kib = 1024;

describe('the store of blobs', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'virtdom-blobs-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  function blobOf(bytes: Buffer) {
    const digest = sha256(bytes);
    mkdirSync(dirname(blobFile(dir, digest)), { recursive: true });
    writeFileSync(blobFile(dir, digest), bytes);
    return BlobStore.blob(dir, digest, bytes.length);
  }

  it('opens no more files than it may, and reads all of them again', () => {
    const store = new BlobStore({ maxOpenFiles: 3, maxCacheBytes: 0 });
    const contents = Array.from({ length: 10 }, (_, number) => Buffer.from(`content ${number}`));
    const blobs = contents.map(blobOf);
    for (let time = 0; time < 2; time++) {
      for (const [number, blob] of blobs.entries()) {
        expect(Buffer.concat(store.read(blob, 0, 9))).toEqual(contents[number]);
        expect(store.openFiles).toBeLessThanOrEqual(3);
      }
    }
    store.forget(blobs);
    expect(store.openFiles).toBe(0);
  });

  it('keeps no more bytes than it may, the longest unused going first', () => {
    const store = new BlobStore({ maxCacheBytes: 300 * kib });
    const blob = blobOf(Buffer.alloc(1024 * kib, 'virtdom'));
    for (let block = 0; block < 8; block++) {
      store.read(blob, 0, 1);
      store.read(blob, block * 128 * kib, 10);
      expect(store.cachedBytes).toBeLessThanOrEqual(300 * kib);
    }
    expect(blob.blocks.map((block) => block?.number).filter((number) => number !== undefined)).toEqual([0, 7]);
    store.forget([blob]);
    expect(store.cachedBytes).toBe(0);
  });

  it('gives a hot block by reference', () => {
    const store = new BlobStore();
    const blob = blobOf(Buffer.alloc(256 * kib));
    expect(store.read(blob, 0, 128 * kib)[0]).toBe(store.read(blob, 0, 128 * kib)[0]);
    expect(store.read(blob, 0, 256 * kib)).toHaveLength(2);
  });

  it('says what is wrong with which file', () => {
    const blob = blobOf(Buffer.from('content'));
    writeFileSync(blob.file, 'contents');
    const read = () => new BlobStore().read(blob, 0, 7);
    expect(read).toThrow(BlobError);
    expect(read).toThrow(`${blob.file} has 8 bytes, 7 were published: verify the image`);
  });

  it('serves a blob again once it is right again', () => {
    const store = new BlobStore();
    const blob = blobOf(Buffer.from('content'));
    rmSync(blob.file);
    expect(() => store.read(blob, 0, 7)).toThrow('is gone');
    writeFileSync(blob.file, 'content');
    expect(Buffer.concat(store.read(blob, 0, 7)).toString()).toBe('content');
  });
});
