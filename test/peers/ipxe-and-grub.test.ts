import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BootFilesRig, run, type Ran } from './boot-files-rig.ts';

// QEMU's user network: the guest's 10.0.2.2 is our 127.0.0.1, so that no privilege and no namespace is needed.

const rig = new BootFilesRig();
const kernel = randomBytes(2 * 1024 * 1024 + 1);
let boot: Ran = { code: null, output: '' };

beforeAll(async () => {
  await rig.start();
  const http = `10.0.2.2:${rig.httpPort}`;
  const tftp = `10.0.2.2:${rig.tftpPort}`;
  const grubScript = `net_bootp
cat (http,${http})/menu.lst
cmp (http,${http})/kernel (http,${http})/same
hexdump --skip=2000000 --length=16 (http,${http})/kernel
cat (http,${http})/nix
halt
`;
  await writeFile(join(rig.directory, 'early.cfg'), grubScript);
  const modules = ['pxe', 'net', 'http', 'cat', 'cmp', 'hexdump', 'halt'];
  await run('grub-mkimage', ['-O', 'i386-pc-pxe', '-p', '(pxe)/', '-c', 'early.cfg', '-o', 'grub.0', ...modules], rig.directory);
  await rig.onDisk('/grub.0', await readFile(join(rig.directory, 'grub.0')));
  await rig.onDisk('/kernel', kernel);
  await rig.onDisk('/same', kernel);
  rig.rendered('/menu.lst', 'title The menu of post01\n');
  rig.rendered(
    '/boot.ipxe',
    `#!ipxe
imgfetch http://${http}/kernel && imgfree
imgfetch tftp://${tftp}/kernel && imgfree
imgfetch http://${http}/ipxe-nix ||
imgfetch tftp://${tftp}/ipxe-nix ||
chain tftp://${tftp}/grub.0 || poweroff
`,
  );
  const network = `user,id=lan,bootfile=http://${http}/boot.ipxe`;
  const machine = ['-m', '256', '-nographic', '-no-reboot', '-boot', 'n', '-netdev', network, '-device', 'e1000,netdev=lan'];
  boot = await run('qemu-system-x86_64', machine, rig.directory, 120_000);
}, 150_000);
afterAll(() => rig.close());

/** The screen as SeaBIOS writes it to the serial port has jumps of the cursor anywhere, so white space says nothing. */
function screen(): string {
  return withoutSpace(stripVTControlCharacters(boot.output));
}

function withoutSpace(text: string): string {
  return text.replaceAll(/\s+/g, '');
}

describe('the iPXE ROM', () => {
  it('loads a script and a kernel over HTTP and TFTP', () => {
    expect(rig.ends('/boot.ipxe')[0]).toMatch(/^http finished/);
    expect(rig.ends('/kernel').slice(0, 2)).toEqual([`http finished ${kernel.length}`, `tftp finished ${kernel.length}`]);
  });

  it('takes a missing file for missing in both and goes on', () => {
    expect(rig.ends('/ipxe-nix')).toEqual(['http missing 0', 'tftp missing 0']);
    expect(rig.ends('/grub.0')[0]).toMatch(/^tftp finished/);
  });
});

describe('GRUB 2', () => {
  it('reads a menu and large files over HTTP', () => {
    expect(screen()).toContain(withoutSpace('title The menu of post01'));
    expect(screen()).toContain(withoutSpace('The files are identical'));
  });

  it('reads the middle of a file', () => {
    const bytes = kernel.subarray(2_000_000, 2_000_016).toString('hex').match(/../g) ?? [];
    expect(screen()).toContain(withoutSpace(`001e8480 ${bytes.join(' ')} |`));
  });

  it('is told that a file is missing, and does not take our words for the file', () => {
    expect(screen()).toContain(withoutSpace("error: file `/nix' not found"));
  });
});
