import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlockSource } from '../../src/tftp/block-source.ts';
import { FileChunks } from '../../src/tftp/file-chunks.ts';
import { pattern } from './tftp-rig.ts';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'virtdom-chunks-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function fileOf(name: string, bytes: Uint8Array): Promise<{ file: string; size: number; etag: string }> {
  const file = join(directory, name);
  await writeFile(file, bytes);
  return { file, size: bytes.length, etag: name };
}

async function readAll(source: BlockSource, blockBytes: number): Promise<Buffer> {
  const all = Buffer.alloc(source.size);
  for (let offset = 0; offset < source.size; offset += blockBytes) {
    const into = all.subarray(offset, Math.min(source.size, offset + blockBytes));
    while (!source.copy(offset, into)) await source.load(offset, into.length);
  }
  return all;
}

describe('file chunks', () => {
  it.each([7, 64, 100])('bring every byte in blocks of %i, also over the border of two pieces', async (blockBytes) => {
    const bytes = pattern(1_001);
    const chunks = new FileChunks({ chunkBytes: 64, budgetBytes: 64 * 4 });
    const source = await chunks.open(await fileOf(`blocks-${blockBytes}`, bytes));
    expect((await readAll(source, blockBytes)).equals(bytes)).toBe(true);
    source.close();
    await chunks.close();
    expect(chunks.openFiles).toBe(0);
  });

  it('share one descriptor between transfers of one file and close it with the last', async () => {
    const chunks = new FileChunks();
    const kernel = await fileOf('kernel', pattern(10));
    const sources = await Promise.all([chunks.open(kernel), chunks.open(kernel), chunks.open(kernel)]);
    expect(chunks.openFiles).toBe(1);
    for (const source of sources) source.close();
    sources[0]?.close();
    await chunks.close();
    expect(chunks.openFiles).toBe(0);
  });

  it('refuse a file that is longer or shorter than announced, and open it when it is right', async () => {
    const chunks = new FileChunks();
    const kernel = await fileOf('wrong', pattern(10));
    await expect(chunks.open({ ...kernel, size: 11 })).rejects.toThrow('the file has 10 bytes, 11 were announced');
    await expect(chunks.open({ ...kernel, file: directory })).rejects.toThrow('not a regular file');
    (await chunks.open(kernel)).close();
    await chunks.close();
  });

  it('say when a file became shorter while it was read', async () => {
    const chunks = new FileChunks({ chunkBytes: 64 });
    const kernel = await fileOf('cut', pattern(1_000));
    const source = await chunks.open(kernel);
    await truncate(kernel.file, 100);
    await expect(source.load(900, 50)).rejects.toThrow('became shorter than 1000 bytes');
    source.close();
    await chunks.close();
  });
});
