import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifestName, sealName } from '../src/images/image-layout.ts';
import type { ManifestEntry } from '../src/model/image-manifest.ts';
import { formatManifest } from '../src/model/image-manifest-text.ts';
import type { ImageSeal } from '../src/model/image-seal.ts';

// Writes manifest and seal of a version such as packages make, with a folder for every 20 paths and without contents. Arguments:
// its folder, the image's name, the version's number, how many paths.
const [folder = '', image = '', version = '', paths = ''] = process.argv.slice(2);
const facts = { mode: 0o644, uid: 0, gid: 0, mtimeSeconds: 1_700_000_000, mtimeNanoseconds: 123_456_789 };
const entries: ManifestEntry[] = [{ ...facts, path: '/', kind: 'folder' }];
const seal: Record<string, ImageSeal[string]> = {};
let parent = '';
for (let number = 1; number < Number(paths); number++) {
  if (number % 20 === 1) {
    parent = `/usr-share-folder-${number}`;
    entries.push({ ...facts, path: parent, kind: 'folder' });
    continue;
  }
  const sha256 = createHash('sha256').update(`${version} ${number}`).digest('hex');
  seal[sha256] = { inode: 1_000_000 + number, mtimeNs: String(1_700_000_000_000_000_000n + BigInt(number)) };
  entries.push({ ...facts, path: `${parent}/file-of-a-package-${number}`, kind: 'file', size: number, sha256 });
}
const header = { image, version: Number(version), bootFiles: [], writablePaths: [], recipeSha256: '0'.repeat(64), builtMs: 0 };
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, manifestName), formatManifest({ ...header, entries }));
writeFileSync(join(folder, sealName), JSON.stringify(seal, null, 1));
