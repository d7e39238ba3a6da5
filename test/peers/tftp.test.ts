import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BootFilesRig, run, sha256, type Ran } from './boot-files-rig.ts';

const require = createRequire(import.meta.url);
const rig = new BootFilesRig();
const kernel = randomBytes(3 * 1024 * 1024 + 1);
/** Whole blocks of 512 and of 1024: ended by an empty one. */
const whole = randomBytes(64 * 1024);
/** 65,536 blocks and more where a block has 64 bytes. */
const long = randomBytes(64 * 65_600 + 5);
const menu = 'default 0\ntimeout 3\ntitle Xen\n';

beforeAll(async () => {
  await rig.start();
  await rig.onDisk('/vmlinuz', kernel);
  await rig.onDisk('/whole', whole);
  await rig.onDisk('/long', long);
  rig.rendered('/menu.lst', menu);
  rig.rendered('/empty', '');
});
afterAll(() => rig.close());

let downloads = 0;
type Client = (path: string, local: string) => readonly [command: string, args: readonly string[]];

const port = (): string => String(rig.tftpPort);
const atftp =
  (options: readonly string[]): Client =>
  (path, local) => ['atftp', [...options.flatMap((option) => ['--option', option]), '-g', '-r', path, '-l', local, '127.0.0.1', port()]];
const hpa =
  (mode: string): Client =>
  (path, local) => ['tftp', ['-m', mode, '127.0.0.1', port(), '-c', 'get', path, local]];
const busybox =
  (blockBytes: number): Client =>
  (path, local) => ['busybox', ['tftp', '-g', '-b', String(blockBytes), '-r', path, '-l', local, '127.0.0.1', port()]];
const curl: Client = (path, local) => ['curl', ['-sS', '-o', local, `tftp://127.0.0.1:${port()}/${path}`]];
const npm: Client = (path, local) => {
  const program = `const tftp = require(${JSON.stringify(require.resolve('tftp2'))}); const { writeFileSync } = require('node:fs'); const pieces = [];
    const client = tftp('127.0.0.1', ${port()});
    client.read(process.argv[1], (piece) => pieces.push(piece), () => { writeFileSync(process.argv[2], Buffer.concat(pieces)); process.exit(0); });`;
  return [process.execPath, ['-e', program, path, join(rig.directory, local)]];
};

async function get(client: Client, path: string): Promise<Ran & { readonly bytes: Buffer }> {
  const local = `got-${downloads++}`;
  const [command, args] = client(path, local);
  const ran = await run(command, args, rig.directory);
  const bytes = await readFile(join(rig.directory, local)).catch(() => Buffer.of());
  return { ...ran, bytes };
}

const clients: readonly (readonly [string, Client])[] = [
  ['atftp', atftp([])],
  ['atftp, blksize 1468', atftp(['blksize 1468'])],
  ['atftp, blksize 65464, which is too much', atftp(['blksize 65464'])],
  ['atftp, window 16', atftp(['blksize 1468', 'windowsize 16', 'timeout 3', 'tsize 0'])],
  ['atftp, window 64', atftp(['windowsize 64'])],
  ['tftp-hpa', hpa('binary')],
  ['busybox, blksize 512', busybox(512)],
  ['busybox, blksize 1468', busybox(1468)],
  ['curl', curl],
  ['tftp2 of npm', npm],
];

describe.each(clients)('%s', (_name, client) => {
  it.each([
    ['/vmlinuz', kernel],
    ['/whole', whole],
    ['/menu.lst', Buffer.from(menu)],
  ] as const)('downloads %s byte for byte, and the server knows that it has', async (path, bytes) => {
    const before = rig.ends(path).length;
    const { code, bytes: got } = await get(client, path);
    expect({ code, sha256: sha256(got) }).toEqual({ code: 0, sha256: sha256(bytes) });
    await expect.poll(() => rig.ends(path).slice(before)).toEqual([`tftp finished ${bytes.length}`]);
  });
});

describe('TFTP with real clients', () => {
  it.each([
    ['busybox in lock-step', busybox(64)],
    ['atftp with a window of 16', atftp(['blksize 64', 'windowsize 16'])],
  ] as const)('goes on behind block 65535: %s', async (_name, client) => {
    const { bytes } = await get(client, '/long');
    expect(sha256(bytes)).toBe(sha256(long));
  });

  it('gives tftp-hpa, as it is typed without a mode, a text that it turns back into ours (netascii)', async () => {
    const { bytes } = await get(hpa('netascii'), '/menu.lst');
    expect(bytes.toString()).toBe(menu);
  });

  // curl takes `tsize 0` in an OACK for an error.
  it('serves an empty file', async () => {
    const { code, bytes } = await get(busybox(1024), '/empty');
    expect([code, bytes.length]).toEqual([0, 0]);
  });

  it.each([
    ['tftp-hpa', hpa('binary'), /Error code 1: file not found/],
    ['busybox', busybox(1024), /file not found/i],
    ['atftp', atftp([]), /file not found/i],
  ] as const)('tells %s that a file is missing, in words that reach the person', async (_name, client, words) => {
    const { output } = await get(client, '/nix');
    expect(output).toMatch(words);
    expect(rig.ends('/nix')).toContain('tftp missing 0');
  });

  it('ends curl with its code for ERROR 1', async () => {
    expect((await get(curl, '/nix')).code).toBe(68);
  });

  it('is read-only to tftp-hpa', async () => {
    const { output } = await run('tftp', ['-m', 'binary', '127.0.0.1', port(), '-c', 'put', '/etc/hostname', 'x'], rig.directory);
    expect(output).toMatch(/Error code 2: this server is read-only/);
  });

  // On a busy machine a client is slow to answer: atftp takes an OACK that was repeated too early for an error.
  it('serves twenty clients at once, each its bytes, one time after the other', async () => {
    const windowed = atftp(['blksize 1468', 'windowsize 16']);
    for (let time = 0; time < 3; time++) {
      const all = await Promise.all(Array.from({ length: 20 }, () => get(windowed, '/whole')));
      expect(all.map(({ bytes }) => sha256(bytes))).toEqual(all.map(() => sha256(whole)));
    }
  });
});
