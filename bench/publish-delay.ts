import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/clock.ts';
import { compileImage } from '../src/images/compile-image.ts';
import { jsonLog } from '../src/log.ts';
import type { ImageRef, ManifestEntry } from '../src/model/image-manifest.ts';
import { formatManifest } from '../src/model/image-manifest-text.ts';
import type { ImageSeal } from '../src/model/image-seal.ts';
import { kernelNetwork } from '../src/net/kernel-network.ts';
import { NfsService } from '../src/nfs/nfs-service.ts';
import { ServedImages } from '../src/served-images.ts';

// How long the control thread stands still, that is, how long a DHCP answer may have to wait, while a version of so many paths
// comes to be served; and how long it would if it read the version itself. Arguments: numbers of paths.
const sizes = process.argv.slice(2).map(Number);
const images = mkdtempSync(join(tmpdir(), 'virtdom-bench-'));
const log = jsonLog('error');
const network = kernelNetwork({ clock: systemClock, log });
const nfs = new NfsService(
  { port: 32_049, mountPort: 32_048, portmap: 'off', workers: 2, handleKey: Buffer.alloc(32), addresses: [] },
  { observer: { observe: () => {} }, network, clock: systemClock, log },
);
const served = new ServedImages({ images, nfs, readers: [], log });
await nfs.start();
await served.start();
try {
  // The first round is for code that runs for the first time.
  for (const [position, paths] of [100, ...(sizes.length > 0 ? sizes : [20_000, 100_000])].entries()) {
    const ref = { image: 'bench', version: position + 1 };
    const publish = writeVersion(ref, paths);
    const inThread = await longestDelay(async () => {
      publish();
      while (served.version(ref) === undefined) await sleep(1);
    });
    const here = await longestDelay(async () => {
      await sleep(10);
      compileImage(images, ref);
      await sleep(10);
    });
    if (position > 0)
      print(`${paths} paths: served after ${inThread.took} ms; longest delay ${inThread.delay} ms, read here ${here.delay} ms`);
  }
} finally {
  await served.close();
  await nfs.close();
  rmSync(images, { recursive: true });
}

async function longestDelay(work: () => Promise<void>): Promise<{ readonly delay: string; readonly took: string }> {
  // Past the garbage of what was before.
  await sleep(1000);
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  const startMs = performance.now();
  await work();
  const took = performance.now() - startMs;
  histogram.disable();
  return { delay: (histogram.max / 1e6).toFixed(1), took: took.toFixed(0) };
}

/** A root as packages make it, with a folder for every 20 paths. Returns what gives it its number. */
function writeVersion(ref: ImageRef, paths: number): () => void {
  const facts = { mode: 0o644, uid: 0, gid: 0, mtimeSeconds: 1_700_000_000, mtimeNanoseconds: 123_456_789 };
  const entries: ManifestEntry[] = [{ ...facts, path: '/', kind: 'folder' }];
  const seal: Record<string, ImageSeal[string]> = {};
  let folder = '';
  for (let number = 1; number < paths; number++) {
    if (number % 20 === 1) {
      folder = `/usr-share-folder-${number}`;
      entries.push({ ...facts, path: folder, kind: 'folder' });
      continue;
    }
    const sha256 = createHash('sha256').update(`${ref.version} ${number}`).digest('hex');
    seal[sha256] = { inode: 1_000_000 + number, mtimeNs: String(1_700_000_000_000_000_000n + BigInt(number)) };
    entries.push({ ...facts, path: `${folder}/file-of-a-package-${number}`, kind: 'file', size: number, sha256 });
  }
  const unfinished = join(images, ref.image, '.new');
  mkdirSync(unfinished, { recursive: true });
  const manifest = { ...ref, bootFiles: [], writablePaths: [], recipeSha256: '0'.repeat(64), builtMs: 0, entries };
  writeFileSync(join(unfinished, 'manifest.jsonl'), formatManifest(manifest));
  writeFileSync(join(unfinished, 'seal.json'), JSON.stringify(seal, null, 1));
  return () => renameSync(unfinished, join(images, ref.image, String(ref.version)));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
