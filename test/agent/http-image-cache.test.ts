import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HttpImageCache } from '../../src/agent/http-image-cache.ts';
import type { ImageFile } from '../../src/agent/parts.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { scratchFolder } from './scratch.ts';

interface Rig {
  readonly cache: HttpImageCache;
  readonly dir: string;
  readonly asked: string[];
}

type Answer = (response: ServerResponse, count: number) => void;

async function rig(answer: Answer, options: { readonly maxBytes?: number; readonly dir?: string } = {}): Promise<Rig> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(response, asked.length);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const dir = options.dir ?? scratchFolder();
  const { port } = server.address() as AddressInfo;
  const cache = new HttpImageCache({
    dir,
    server: `http://127.0.0.1:${port}`,
    clock: systemClock,
    log: silentLog,
    maxBytes: options.maxBytes ?? 1_000_000,
    tries: 3,
    pauseMs: 5,
    idleMs: 200,
  });
  return { cache, dir, asked };
}

function fileOf(content: string, more: Partial<ImageFile> = {}): ImageFile {
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { name: 'vmlinuz', path: '/images/worker@1/vmlinuz', sha256, bytes: Buffer.byteLength(content), ...more };
}

function wanted(...files: readonly ImageFile[]): { readonly wanted: ReadonlySet<string> } {
  return { wanted: new Set(files.map(({ sha256 }) => sha256)) };
}

async function use(cache: HttpImageCache, file: ImageFile | undefined): Promise<void> {
  if (file === undefined) return;
  const fetched = await cache.ensure([file]);
  if (fetched.kind === 'failed') throw new Error(fetched.reason);
  fetched.release();
}

describe('the image cache', () => {
  it('fetches a file once, and has it whole', async () => {
    const { cache, dir, asked } = await rig((response) => response.end('kernel'));
    const fetched = await cache.ensure([fileOf('kernel')]);
    expect(fetched).toMatchObject({ kind: 'done', paths: { vmlinuz: join(dir, fileOf('kernel').sha256) } });
    expect(readFileSync(join(dir, fileOf('kernel').sha256), 'utf8')).toBe('kernel');
    await cache.ensure([fileOf('kernel')]);
    expect(asked).toEqual(['/images/worker@1/vmlinuz']);
  });

  it('lets who asks meanwhile wait for the same download', async () => {
    const { cache, asked } = await rig((response) => setTimeout(() => response.end('kernel'), 30));
    const both = await Promise.all([cache.ensure([fileOf('kernel')]), cache.ensure([fileOf('kernel', { name: 'other' })])]);
    expect(both).toMatchObject([{ kind: 'done' }, { kind: 'done' }]);
    expect(asked).toHaveLength(1);
  });

  const wrong = [
    { name: 'another content', sent: 'KERNEL', reason: /its sha256 is [0-9a-f]{64}, not/ },
    { name: 'a longer one', sent: 'kernel and more', reason: /longer than the 6 bytes/ },
  ];
  it.each(wrong)('refuses $name at once as checksum, and keeps nothing of it', async ({ sent, reason }) => {
    const { cache, dir, asked } = await rig((response) => response.end(sent));
    expect(await cache.ensure([fileOf('kernel')])).toMatchObject({
      kind: 'failed',
      code: 'checksum',
      reason: expect.stringMatching(reason),
    });
    expect(asked).toHaveLength(1);
    expect(readdirSync(dir)).toEqual([]);
  });

  const passing: { name: string; first: Answer }[] = [
    {
      name: 'broken off',
      first: (response) => void response.writeHead(200, { 'content-length': '6' }).write('ker', () => response.destroy()),
    },
    { name: 'shorter', first: (response) => response.end('ker') },
    { name: 'refused for now', first: (response) => response.writeHead(503).end() },
    { name: 'silent', first: (response) => void response.writeHead(200).write('k') },
  ];
  it.each(passing)('asks again where the first answer was $name', async ({ first }) => {
    const { cache, dir, asked } = await rig((response, count) => (count === 1 ? first(response, count) : response.end('kernel')));
    expect(await cache.ensure([fileOf('kernel')])).toMatchObject({ kind: 'done' });
    expect(asked).toHaveLength(2);
    expect(readdirSync(dir)).toEqual([fileOf('kernel').sha256]);
  });

  it('gives up after some tries, and says why; not found is final', async () => {
    const away = await rig((response) => response.writeHead(503).end());
    expect(await away.cache.ensure([fileOf('kernel')])).toMatchObject({ code: 'unreachable', reason: /answers 503/ });
    expect(away.asked).toHaveLength(3);
    const none = await rig((response) => response.writeHead(404).end());
    expect(await none.cache.ensure([fileOf('kernel')])).toMatchObject({ code: 'unreachable', reason: /answers 404/ });
    expect(none.asked).toHaveLength(1);
  });

  it('makes room by the longest unused file, and never by one that a domain is started from', async () => {
    const { cache, dir } = await rig((response, count) => response.end(String(count).repeat(400)), { maxBytes: 1000 });
    const [one, two, three] = ['1', '2', '3'].map((digit) => fileOf(digit.repeat(400))) as [ImageFile, ImageFile, ImageFile];
    const held = await cache.ensure([one]);
    await cache.ensure([two]).then((fetched) => fetched.kind === 'done' && fetched.release());
    utimesSync(join(dir, one.sha256), 1, 1);
    expect(await cache.ensure([three])).toMatchObject({ kind: 'done' });
    expect(readdirSync(dir).toSorted()).toEqual([one.sha256, three.sha256].toSorted());
    expect(await cache.ensure([fileOf('4'.repeat(400))])).toMatchObject({ code: 'no-memory' });
    if (held.kind === 'done') held.release();
    expect(await cache.ensure([fileOf('4'.repeat(400))])).toMatchObject({ kind: 'done' });
    expect(existsSync(join(dir, one.sha256))).toBe(false);
  });

  const full = async (): Promise<Rig & { readonly two: readonly ImageFile[] }> => {
    const made = await rig((response, count) => response.end(String(count).repeat(400)), { maxBytes: 1000 });
    const two = [fileOf('1'.repeat(400)), fileOf('2'.repeat(400))];
    for (const file of two) await use(made.cache, file);
    return { ...made, two };
  };
  const impossible = [
    { name: 'one that is larger than all', files: [fileOf('x', { bytes: 2000 })] },
    { name: 'several that are too large together', files: [fileOf('x', { bytes: 500 }), fileOf('y', { bytes: 501, name: 'initrd.gz' })] },
  ];
  it.each(impossible)('removes nothing for what cannot fit: $name', async ({ files }) => {
    const { cache, dir, two, asked } = await full();
    expect(await cache.ensure(files)).toMatchObject({
      kind: 'failed',
      code: 'no-memory',
      reason: expect.stringMatching(
        /^\/images\/worker@1\/vmlinuz( and 1 more)?: with \d+ bytes more, files for VMs would take \d+ of the 1000/,
      ),
    });
    expect(readdirSync(dir).toSorted()).toEqual(two.map(({ sha256 }) => sha256).toSorted());
    expect(asked).toHaveLength(2);
    expect(await cache.ensure([fileOf('3'.repeat(400))])).toMatchObject({ kind: 'done' });
  });

  it('removes nothing for what is fetched ahead of need, and fetches it only where there is room', async () => {
    const { cache, dir, two, asked } = await full();
    expect(await cache.ensure([fileOf('3'.repeat(201))], {})).toMatchObject({ code: 'no-memory' });
    expect(readdirSync(dir).toSorted()).toEqual(two.map(({ sha256 }) => sha256).toSorted());
    expect(asked).toHaveLength(2);
    const small = await rig((response) => response.end('3'.repeat(200)), { maxBytes: 1000, dir });
    expect(await small.cache.ensure([fileOf('3'.repeat(200))], {})).toMatchObject({ kind: 'done' });
    expect(readdirSync(dir)).toHaveLength(3);
  });

  describe('that knows what is wanted, for what is fetched ahead of need', () => {
    const contents = ['1', '2', '3'].map((digit) => fileOf(digit.repeat(300))) as [ImageFile, ImageFile, ImageFile];
    const next = fileOf('4'.repeat(300));
    const made = async () => {
      const { cache, dir, asked } = await rig((response, count) => response.end(String(count).repeat(300)), { maxBytes: 1000 });
      for (const file of contents) await use(cache, file);
      for (const [index, { sha256 }] of contents.entries()) utimesSync(join(dir, sha256), 1_700_000_000 + index, 1_700_000_000 + index);
      const there = () => contents.map(({ sha256 }) => existsSync(join(dir, sha256)));
      return { cache, dir, asked, there };
    };

    it('removes the longest unused that is not wanted, and only as far as needed', async () => {
      const { cache, there } = await made();
      expect(await cache.ensure([next], wanted(next))).toMatchObject({ kind: 'done' });
      expect(there()).toEqual([false, true, true]);
    });

    it('removes nothing where there is room', async () => {
      const { cache, there } = await made();
      expect(await cache.ensure([{ ...next, bytes: 100 }], wanted(next))).toMatchObject({ code: 'checksum' });
      expect(there()).toEqual([true, true, true]);
    });

    it('leaves what is wanted, however long it was not used', async () => {
      const { cache, there } = await made();
      expect(await cache.ensure([next], wanted(next, contents[0]))).toMatchObject({ kind: 'done' });
      expect(there()).toEqual([true, false, true]);
    });

    it('leaves what a domain is being started from', async () => {
      const { cache, dir, there } = await made();
      const held = await cache.ensure([contents[0]]);
      utimesSync(join(dir, contents[0].sha256), 1_700_000_000, 1_700_000_000);
      expect(await cache.ensure([next], wanted(next))).toMatchObject({ kind: 'done' });
      expect([held.kind, there()]).toEqual(['done', [true, false, true]]);
    });

    it('removes nothing, and says why, where what is wanted leaves no room', async () => {
      const { cache, there, asked } = await made();
      expect(await cache.ensure([{ ...next, bytes: 401 }], wanted(next, contents[0], contents[1]))).toMatchObject({
        code: 'no-memory',
        reason: expect.stringMatching(
          /would take 1001 of the 1000 .*: nothing that is wanted is removed for what is fetched ahead of need$/,
        ),
      });
      expect(there()).toEqual([true, true, true]);
      expect(asked).toHaveLength(3);
    });

    it('removes what was fetched ahead of need and is wanted no more before what was used', async () => {
      const { cache, dir, there } = await made();
      await cache.ensure([next], wanted(next));
      expect(there()).toEqual([false, true, true]);
      const last = fileOf('5'.repeat(300));
      expect(await cache.ensure([last], wanted(last))).toMatchObject({ kind: 'done' });
      expect(there()).toEqual([false, true, true]);
      expect(existsSync(join(dir, next.sha256))).toBe(false);
    });
  });

  it('makes room by what was fetched ahead of need before what was used, and by the last of that first', async () => {
    const { cache, dir } = await rig((response, count) => response.end(String(count).repeat(300)), { maxBytes: 1000 });
    const [used, first, last, fourth, fifth] = ['1', '2', '3', '4', '5'].map((digit) => fileOf(digit.repeat(300)));
    const isThere = (file: ImageFile | undefined): boolean => existsSync(join(dir, file?.sha256 ?? ''));
    await use(cache, used);
    for (const file of [first, last]) await cache.ensure(file === undefined ? [] : [file], {});
    await use(cache, fourth);
    expect([used, first, last, fourth].map(isThere)).toEqual([true, true, false, true]);
    await use(cache, fifth);
    expect([used, first, fourth, fifth].map(isThere)).toEqual([true, false, true, true]);
  });

  it('lets a start wait for what is on its way ahead of need, and takes its room then', async () => {
    const { cache, dir, asked } = await rig((response, count) => setTimeout(() => response.end(String(count).repeat(600)), 30), {
      maxBytes: 1000,
    });
    const [ahead, needed] = [fileOf('1'.repeat(600)), fileOf('2'.repeat(600))];
    const both = [cache.ensure([ahead], {}), cache.ensure([needed])];
    expect(await Promise.all(both)).toMatchObject([{ kind: 'done' }, { kind: 'done' }]);
    expect(asked).toHaveLength(2);
    expect(readdirSync(dir)).toEqual([needed.sha256]);
  });

  it('counts what several wait for once, and no longer than it is waited for', async () => {
    const { cache, asked } = await rig((response) => setTimeout(() => response.writeHead(404).end(), 10), { maxBytes: 1000 });
    const files = [fileOf('1'.repeat(400)), fileOf('2'.repeat(500), { name: 'initrd.gz' })];
    const fetched = await Promise.all([cache.ensure(files), cache.ensure(files), cache.ensure(files, {})]);
    expect(fetched.map((each) => each.kind === 'failed' && each.code)).toEqual(['unreachable', 'unreachable', 'unreachable']);
    expect(asked).toHaveLength(1);
    expect(await cache.ensure([fileOf('3'.repeat(1000))])).toMatchObject({ code: 'unreachable' });
  });

  it('knows whole files of an earlier process, and removes its halves', async () => {
    const dir = scratchFolder();
    writeFileSync(join(dir, fileOf('kernel').sha256), 'kernel');
    writeFileSync(join(dir, 'part-1'), 'ker');
    const { cache, asked } = await rig((response) => response.end('kernel'), { dir });
    expect(await cache.ensure([fileOf('kernel')])).toMatchObject({ kind: 'done' });
    expect(asked).toEqual([]);
    expect(readdirSync(dir)).toEqual([fileOf('kernel').sha256]);
  });
});
