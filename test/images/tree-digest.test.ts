import { execFileSync } from 'node:child_process';
import { linkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ImageRepository } from '../../src/images/repository.ts';
import { treeDigest } from '../../src/images/tree-digest.ts';
import { publish } from './published-image.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

it('the digest of a folder is what find, sort and sha256sum make of it, links and odd names included', async () => {
  const root = writeTree(scratchFolder(), { 'usr/b/x': '1', 'usr/b.c': '2', 'usr/system\\x2d.slice': '3', 'usr/ä z': '4', 'etc/not': '5' });
  linkSync(join(root, 'usr/b/x'), join(root, 'usr/a'));
  symlinkSync('b', join(root, 'usr/s'));
  const images = scratchFolder();
  const ref = await publish(images, root);
  const shell = `cd "$1" && find usr -xdev -type f -printf '/%p\\0' | LC_ALL=C sort -z | while IFS= read -r -d '' path; do
    printf '%s  %s\\n' "$(sha256sum <".$path" | cut -d ' ' -f 1)" "$path"; done | sha256sum | cut -d ' ' -f 1`;
  const expected = execFileSync('bash', ['-c', shell, 'bash', root], { encoding: 'utf8' }).trim();
  const { manifest } = await (await ImageRepository.open(images)).manifest(ref);
  expect(treeDigest(manifest, '/usr')).toEqual({ files: 5, sha256: expected });
});
