import { describe, expect, it } from 'vitest';
import { findSecrets } from '../../src/images/secrets.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n';

describe('secrets that an image must not hold', () => {
  it.each([
    ['an ssh host key', 'etc/ssh/ssh_host_ed25519_key', 'x', /host key/],
    ['an ssh host key under /flash', 'flash/etc/ssh/ssh_host_rsa_key', 'x', /host key/],
    ["a user's private key", 'flash/root/.ssh/id_ed25519', key, /private key/],
    ['a TLS key', 'etc/ssl/private/server.key', '-----BEGIN PRIVATE KEY-----\n', /private key/],
    ['a password hash', 'etc/shadow', 'root:$y$j9T$abc$def:20000:0:::::\n', /password hash of root/],
    ['an old password hash', 'etc/shadow-', 'root:*:1::::::\nben:$6$x$y:1::::::\n', /password hash of ben/],
    ['an account without password', 'etc/shadow', 'root::20000:0:::::\n', /root without password/],
    ['a machine-id', 'flash/etc/machine-id', '0123456789abcdef0123456789abcdef\n', /machine-id/],
    ['a random seed', 'flash/var/lib/systemd/random-seed', '....', /seed/],
    ['a password of an archive', 'etc/apt/auth.conf.d/x.conf', 'machine m login a password b\n', /archive/],
    ['a password in a mirror', 'etc/apt/sources.list', 'deb https://a:b@m/debian trixie main\n', /archive/],
    ['a token of ours', 'etc/virtdom/token', 'abc', /secrets/],
  ])('%s is found', (_name, path, text, what) => {
    expect(findSecrets(writeTree(scratchFolder(), { [path]: text }))).toEqual([
      { path: `/${path}`, what: expect.stringMatching(what) as string },
    ]);
  });

  it.each([
    ['locked accounts', 'etc/shadow', 'root:*:1::::::\nsync:!:1::::::\nx:!*:1::::::\n'],
    ['an empty machine-id', 'etc/machine-id', ''],
    ['a machine-id that is made at boot', 'etc/machine-id', 'uninitialized\n'],
    ['public keys', 'root/.ssh/authorized_keys', 'ssh-ed25519 AAAA me\n'],
    ['programs that speak of keys', 'usr/bin/tool', key],
    ['a neutral mirror', 'etc/apt/sources.list', 'deb http://deb.debian.org/debian trixie main\n'],
  ])('%s are none', (_name, path, text) => {
    expect(findSecrets(writeTree(scratchFolder(), { [path]: text }))).toEqual([]);
  });
});
