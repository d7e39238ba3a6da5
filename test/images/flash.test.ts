import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { convertToFlash } from '../../src/images/flash.ts';
import { scanTree } from '../../src/images/scan-tree.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

describe('the /flash conversion', () => {
  it('moves a folder with all it holds and leaves a relative link, the same in a chroot and on the machine', () => {
    const root = writeTree(scratchFolder(), { 'var/log/xen/console/.keep': 'x' });
    convertToFlash(root, ['/var/log']);
    expect(readlinkSync(join(root, 'var/log'))).toBe('../flash/var/log');
    expect(readFileSync(join(root, 'var/log/xen/console/.keep'), 'utf8')).toBe('x');
    expect(lstatSync(join(root, 'flash/var/log')).isDirectory()).toBe(true);
  });

  it('links a path of the top folder without ..', () => {
    const root = writeTree(scratchFolder(), { 'root/.profile': 'p' });
    convertToFlash(root, ['/root']);
    expect(readlinkSync(join(root, 'root'))).toBe('flash/root');
  });

  it('links a deep path with as many .. as it is deep', () => {
    const root = scratchFolder();
    convertToFlash(root, ['/var/lib/a/b']);
    expect(readlinkSync(join(root, 'var/lib/a/b'))).toBe('../../../flash/var/lib/a/b');
  });

  it('makes what is missing: files below /etc, folders elsewhere', () => {
    const root = scratchFolder();
    convertToFlash(root, ['/etc/adjtime', '/var/lib/dhcp']);
    expect(lstatSync(join(root, 'flash/etc/adjtime')).isFile()).toBe(true);
    expect(lstatSync(join(root, 'flash/var/lib/dhcp')).isDirectory()).toBe(true);
  });

  it('gives folders under /flash the mode of their models', () => {
    const root = writeTree(scratchFolder(), { 'srv/closed/data/x': '' });
    chmodSync(join(root, 'srv/closed'), 0o2750);
    convertToFlash(root, ['/srv/closed/data']);
    expect(lstatSync(join(root, 'flash/srv/closed')).mode & 0o7777).toBe(0o2750);
  });

  it('changes nothing the second time', () => {
    const root = writeTree(scratchFolder(), { 'var/log/a': 'a', 'etc/hosts': 'h' });
    convertToFlash(root, ['/var/log', '/etc/hosts']);
    const once = scanTree(root);
    convertToFlash(root, ['/var/log', '/etc/hosts']);
    expect(scanTree(root)).toEqual(once);
  });

  it('refuses a path that lies behind a link, and names the real one', () => {
    const root = writeTree(scratchFolder(), { 'run/lock/x': '' });
    mkdirSync(join(root, 'var'));
    symlinkSync('/run/lock', join(root, 'var/lock'));
    expect(() => convertToFlash(root, ['/var/lock/x'])).toThrow('name /run/lock/x in writable');
    expect(existsSync(join(root, 'run/lock/x'))).toBe(true);
  });

  it('refuses a path that is itself a link to somewhere else', () => {
    const root = writeTree(scratchFolder(), { 'etc/x': '' });
    symlinkSync('../run/resolv', join(root, 'etc/resolv.conf'));
    expect(() => convertToFlash(root, ['/etc/resolv.conf'])).toThrow(/is a link to/);
  });
});
