import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeTftp, type TftpPacket } from '../../src/tftp/packet.ts';
import { address as machineAddress, Rig } from '../boot/rig.ts';
import { clientAddress, serverAddress, TftpRig } from './tftp-rig.ts';

const secret = 'what no client may read';
let boot: Rig;
let rig: TftpRig;

beforeAll(async () => {
  boot = await new Rig().start();
  boot.lease();
  const { folder, loadersDir } = boot;
  const written = (path: string): void => writeFileSync(join(folder, path), secret);
  for (const sibling of ['loaders-evil', 'loadersX']) mkdirSync(join(folder, sibling));
  for (const path of ['secret', 'loaders-evil/key', 'loadersX/key', 'boot-token.key']) written(path);
  const links = {
    'to-file': '../secret',
    'to-absolute-file': join(folder, 'secret'),
    'to-sibling': '../loadersX',
    'to-parent': '..',
    'to-root': '/',
    'to-link': 'grub/inner',
    'grub/inner': '../to-file',
    'to-itself': 'to-itself',
    'to-nothing': '../nothing',
    alias: 'grub/legacycfg.mod',
  };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(loadersDir, name));
  execFileSync('mkfifo', [join(loadersDir, 'pipe')]);
  rig = new TftpRig({ tree: boot.desk });
  await rig.server.start();
});
afterAll(async () => {
  await rig.server.close();
  await boot.remove();
});

/** Sends a request with these very bytes as its file name; the first answer, where there is one. */
async function ask(path: Uint8Array | string, from = clientAddress): Promise<TftpPacket | undefined> {
  const answers: TftpPacket[] = [];
  const channel = await rig.lan.host(from).bindAddress(from, 2_001);
  channel.onDatagram((bytes) => void answers.push(decodeTftp(bytes)));
  const octet = Buffer.from('\0octet\0');
  channel.send(Buffer.concat([Buffer.of(0, 1), Buffer.from(path), octet]), { address: serverAddress, port: 69 });
  await rig.pass(6);
  // Files are looked up on a disk, whose time the clock of the rig does not hold.
  await expect.poll(() => rig.pass(1).then(() => rig.server.transfers === 0 || answers.length > 0), { interval: 1 }).toBe(true);
  await rig.pass(6);
  await channel.close();
  return answers[0];
}

describe('a TFTP request for a path that', () => {
  it.each([
    ['climbs', '../secret', 2],
    ['climbs from the root', '/../secret', 2],
    ['climbs from a folder', '/grub/../../secret', 2],
    ['climbs and comes back', '/../loaders/pxegrub', 2],
    ['climbs by many steps', `${'../'.repeat(60)}etc/passwd`, 2],
    ['climbs out of an image', '/images/dom0@3/../../secret', 2],
    ['climbs out of a token', '/by-token/x/../../secret', 2],
    ['climbs at its end', '/grub/..', 2],
    ['climbs with backslashes', String.raw`..\secret`, 2],
    ['climbs with backslashes from the root', String.raw`\..\..\secret`, 2],
    ['mixes both slashes', String.raw`/grub\..\../secret`, 2],
    ['names a drive', String.raw`C:\secret`, 2],
    ['climbs in percent encoding', '/%2e%2e/secret', 2],
    ['climbs in double percent encoding', '/%252e%252e%252fsecret', 2],
    ['climbs with an encoded slash', '/..%2fsecret', 2],
    ['climbs into the folder whose name begins alike', '../loaders-evil/key', 2],
    ['names the folder whose name begins alike', '/loaders-evil/key', 1],
    ['goes on the name of the folder', '-evil/key', 1],
    ['goes on the name of the folder with a letter', 'X/key', 1],
    ['has three dots', '/.../secret', 1],
    ['is absolute', '/etc/passwd', 1],
    ['is absolute with two slashes', '//etc/passwd', 1],
    ['is a URL of a file', 'file:///etc/passwd', 1],
    ['begins at a home folder', '~/secret', 1],
    ['holds a line feed', '/pxegrub\n', 2],
    ['is a folder', '/grub', 1],
    ['goes through a file', '/pxegrub/secret', 1],
    ['is 255 characters of one name', `/${'a'.repeat(254)}`, 1],
    ['is 256 characters', `/${'a'.repeat(255)}`, 2],
    ['is 400 characters of folders', '/a'.repeat(200), 2],
    ['is a link to a file outside', '/to-file', 1],
    ['is a link to an absolute path outside', '/to-absolute-file', 1],
    ['is a link to a link outside', '/to-link', 1],
    ['is a link to itself', '/to-itself', 1],
    ['is a link to nothing', '/to-nothing', 1],
    ['goes through a link to the folder beside', '/to-sibling/key', 1],
    ['goes through a link to the folder above', '/to-parent/secret', 1],
    ['goes through a link to the root', '/to-root/etc/passwd', 1],
    ['is a named pipe', '/pipe', 1],
  ] as const)('%s gets an ERROR and no byte', async (_, path, code) => {
    for (const from of [clientAddress, machineAddress]) expect(await ask(path, from)).toMatchObject({ kind: 'error', code });
  });

  it.each([
    ['a dot in two bytes of UTF-8', [0xc0, 0xae, 0xc0, 0xae, 0x2f], 'secret'],
    ['a slash in two bytes of UTF-8', [0x2e, 0x2e, 0xc0, 0xaf], 'secret'],
    ['bytes that are no text', [0xff, 0xfe, 0x2f], '../secret'],
    ['full-width dots', [...Buffer.from('．．/')], 'secret'],
    ['NUL before the way up', [...Buffer.from('pxegrub\0../')], 'secret'],
    ['NUL after the way up', [...Buffer.from('../secret\0')], '.mod'],
    ['NUL alone', [0], ''],
  ] as const)('holds %s is malformed or gets an ERROR, and no byte', async (_, bytes, end) => {
    const answer = await ask(Buffer.concat([Uint8Array.from(bytes), Buffer.from(end)]));
    expect(answer?.kind ?? 'error').toBe('error');
    expect(rig.seen.at(-1), 'it was heard').toMatchObject({ clientAddress });
  });

  it('is a file of the tree, by its own name or by a link inside, gets its bytes', async () => {
    for (const [path, text] of [
      ['pxegrub', 'loader'],
      ['//grub/./legacycfg.mod', 'module'],
      ['/alias', 'module'],
      ['/to-parent/loaders/pxegrub', 'loader'],
    ] as const) {
      const answer = await ask(path);
      expect(answer?.kind === 'data' ? Buffer.from(answer.bytes).toString() : answer).toBe(text);
    }
  });
});
