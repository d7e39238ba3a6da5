import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BootFilesRig, run, sha256, type Ran } from './boot-files-rig.ts';

const rig = new BootFilesRig();
const initrd = randomBytes(7 * 1024 * 1024 + 3);
beforeAll(async () => {
  await rig.start();
  await rig.onDisk('/initrd.gz', initrd);
  rig.rendered('/boot.ipxe', '#!ipxe\necho booted\n');
});
afterAll(() => rig.close());

function curl(...args: readonly string[]): Promise<Ran> {
  return run('curl', ['-sS', ...args], rig.directory);
}
const url = (path: string): string => `http://127.0.0.1:${rig.httpPort}${path}`;
const downloaded = (name: string): Promise<Buffer> => readFile(join(rig.directory, name));

describe('HTTP with curl', () => {
  it.each(['--http1.1', '--http1.0', '--http0.9'])('downloads a large file byte for byte: %s', async (version) => {
    await curl(version, '-o', 'initrd', url('/initrd.gz'));
    expect(sha256(await downloaded('initrd'))).toBe(sha256(initrd));
  });

  it('resumes a download that broke off (-C -)', async () => {
    await writeFile(join(rig.directory, 'half'), initrd.subarray(0, 3_000_001));
    const { output } = await curl('-C', '-', '-w', '%{http_code} %{size_download}', '-o', 'half', url('/initrd.gz'));
    expect(output).toBe(`206 ${initrd.length - 3_000_001}`);
    expect(sha256(await downloaded('half'))).toBe(sha256(initrd));
  });

  it('does not download what it has (--etag-compare, -z)', async () => {
    await curl('--etag-save', 'etag', '-o', 'first', url('/initrd.gz'));
    const byTag = await curl('--etag-compare', 'etag', '-w', '%{http_code}', '-o', 'second', url('/initrd.gz'));
    const byTime = await curl('-z', 'first', '-w', '%{http_code}', '-o', 'third', url('/initrd.gz'));
    expect([byTag.output, byTime.output]).toEqual(['304', '304']);
  });

  it('keeps one connection for many requests', async () => {
    const { output } = await curl('-w', '%{num_connects}\n', ...['a', 'b', 'c'].flatMap((name) => ['-o', name, url('/boot.ipxe')]));
    expect(output).toBe('1\n0\n0\n');
  });

  it('downloads with sixteen at once', async () => {
    const names = Array.from({ length: 16 }, (_, index) => `parallel-${index}`);
    await Promise.all(names.map((name) => curl('-o', name, url('/initrd.gz'))));
    for (const name of names) expect(sha256(await downloaded(name))).toBe(sha256(initrd));
    await expect.poll(() => rig.ends('/initrd.gz').filter((end) => end.includes('aborted'))).toEqual([]);
  });

  it('is read as aborted when it is cut off, not as finished', async () => {
    const { code } = await curl('--max-filesize', '1000', '-o', 'refused', url('/initrd.gz'));
    expect(code).toBe(63);
    await expect.poll(() => rig.ends('/initrd.gz').at(-1)).toMatch(/^http aborted \d+$/);
  });

  it('reports that a machine is up, as the unit on a Dom0 does', async () => {
    await writeFile(join(rig.directory, 'report'), 'Name  ID  Mem\nDomain-0  0  512\n');
    const post = ['-w', '%{http_code}', '--data-binary', '@report'];
    const accepted = await curl(...post, '-H', 'Authorization: Bearer good', url('/boot/v1/hello'));
    const refused = await curl(...post, '-H', 'Authorization: Bearer old', url('/boot/v1/hello'));
    expect([accepted.output, refused.output]).toEqual(['204', 'redeemed before\n403']);
    expect(rig.hellos[0]).toBe('Name  ID  Mem\nDomain-0  0  512\n');
  });
});
