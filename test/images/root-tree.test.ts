import { chmodSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { describe, expect, it } from 'vitest';
import { pruneKernelModules } from '../../src/images/kernel-modules.ts';
import { findLostAttributes } from '../../src/images/lost-attributes.ts';
import { applyOverlay, maskUnits, onePath, pathInRoot, removePaths } from '../../src/images/root-tree.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

describe('a path of the root', () => {
  it('follows links inside the root, absolute ones and .. too, and never leaves it', () => {
    const root = writeTree(scratchFolder(), { 'usr/bin/x': '' });
    symlinkSync('usr/bin', join(root, 'bin'));
    symlinkSync('/usr', join(root, 'abs'));
    symlinkSync('../../../../usr', join(root, 'usr/up'));
    expect(pathInRoot(root, '/bin/x')).toBe(join(root, 'usr/bin/x'));
    expect(pathInRoot(root, '/abs/bin/x')).toBe(join(root, 'usr/bin/x'));
    expect(pathInRoot(root, '/usr/up/bin')).toBe(join(root, 'usr/bin'));
    expect(pathInRoot(root, '/../../etc/passwd')).toBe(join(root, 'etc/passwd'));
  });

  it('is refused where links go in circles', () => {
    const root = scratchFolder();
    symlinkSync('b', join(root, 'a'));
    symlinkSync('a', join(root, 'b'));
    expect(() => pathInRoot(root, '/a/x')).toThrow('too many links');
  });
});

describe('an overlay', () => {
  it('replaces files and links, keeps folders, and follows the links of the root', () => {
    const root = writeTree(scratchFolder(), { 'usr/lib/x.conf': 'old', 'etc/keep': 'k' });
    symlinkSync('usr/lib', join(root, 'lib'));
    mkdirSync(join(root, 'etc/private'), { mode: 0o700 });
    const overlay = writeTree(scratchFolder(), { 'lib/x.conf': 'new', 'etc/private/a': 'a', 'opt/run': '#!/bin/sh' });
    chmodSync(join(overlay, 'opt/run'), 0o775);
    symlinkSync('/dev/null', join(overlay, 'etc/off'));
    applyOverlay(root, overlay);
    expect(readFileSync(join(root, 'usr/lib/x.conf'), 'utf8')).toBe('new');
    expect(readlinkSync(join(root, 'lib'))).toBe('usr/lib');
    expect(readlinkSync(join(root, 'etc/off'))).toBe('/dev/null');
    expect(lstatSync(join(root, 'etc/private')).mode & 0o777).toBe(0o700);
    expect(lstatSync(join(root, 'opt/run')).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(root, 'etc/keep'), 'utf8')).toBe('k');
  });
});

describe('in the root', () => {
  it('paths that a pattern names are removed with all they hold', () => {
    const root = writeTree(scratchFolder(), { 'usr/share/doc/a/b': '', 'usr/share/docile': '', 'var/log/x.log': '', 'var/log/y': '' });
    expect(removePaths(root, ['/usr/share/doc/**', '/var/log/*.log'])).toBe(2);
    expect(() => lstatSync(join(root, 'usr/share/doc/a'))).toThrow('ENOENT');
    expect(lstatSync(join(root, 'usr/share/docile')).isFile()).toBe(true);
    expect(lstatSync(join(root, 'var/log/y')).isFile()).toBe(true);
  });

  it('units are masked by a link to /dev/null (systemd.unit(5))', () => {
    const root = writeTree(scratchFolder(), { 'etc/systemd/system/a.service': '[Unit]' });
    maskUnits(root, ['a.service']);
    expect(readlinkSync(join(root, 'etc/systemd/system/a.service'))).toBe('/dev/null');
  });

  it('a boot file is exactly one path', () => {
    const root = writeTree(scratchFolder(), { 'boot/vmlinuz-1': '', 'boot/xen-a.gz': '', 'boot/xen-b.gz': '' });
    expect(onePath(root, '/boot/vmlinuz-*')).toBe(join(root, 'boot/vmlinuz-1'));
    expect(() => onePath(root, '/boot/xen-*.gz')).toThrow('found: xen-a.gz, xen-b.gz');
    expect(() => onePath(root, '/boot/initrd-*')).toThrow('found: none');
  });

  it('kernel modules stay with what they need, whatever their compression; the others go', () => {
    const modules = 'usr/lib/modules/6.1/kernel';
    const root = writeTree(scratchFolder(), {
      [`${modules}/fs/nfs/nfs.ko.xz`]: '',
      [`${modules}/net/sunrpc.ko.xz`]: '',
      [`${modules}/sound/beep.ko`]: '',
      'usr/lib/modules/6.1/modules.dep':
        'kernel/fs/nfs/nfs.ko.xz: kernel/net/sunrpc.ko.xz\nkernel/net/sunrpc.ko.xz:\nkernel/sound/beep.ko:\n',
    });
    expect(pruneKernelModules(root, '6.1', ['fs/nfs/*.ko'])).toEqual({ kept: 2, removed: 1 });
    expect(lstatSync(join(root, modules, 'net/sunrpc.ko.xz')).isFile()).toBe(true);
    expect(() => lstatSync(join(root, modules, 'sound'))).toThrow('ENOENT');
    expect(() => pruneKernelModules(root, '6.1', ['drivers/gone.ko'])).toThrow('drivers/gone.ko');
  });

  it('extended attributes are listed, because NFS version 3 does not carry them', () => {
    const root = writeTree(scratchFolder(), { 'usr/bin/ping': '', 'usr/bin/ls': '' });
    const set = koffi
      .load('libc.so.6')
      .func('int setxattr(const char *path, const char *name, const char *value, size_t size, int flags)') as (
      ...args: readonly unknown[]
    ) => number;
    expect(set(join(root, 'usr/bin/ping'), 'user.virtdom', 'x', 1, 0)).toBe(0);
    expect(findLostAttributes(root)).toEqual([{ path: '/usr/bin/ping', names: ['user.virtdom'] }]);
  });
});
