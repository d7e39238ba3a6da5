import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/clock.ts';
import { compileImage } from '../src/images/compile-image.ts';
import { versionFolder } from '../src/images/image-layout.ts';
import { jsonLog } from '../src/log.ts';
import type { ImageRef } from '../src/model/image-manifest.ts';
import { kernelNetwork } from '../src/net/kernel-network.ts';
import { NfsService } from '../src/nfs/nfs-service.ts';
import { ServedImages } from '../src/served-images.ts';

// How long the control thread stands still, that is, how long a DHCP answer may have to wait, while a version of so many paths
// comes to be served; and how long it would if it read the version itself. Arguments: numbers of paths.
const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [20_000, 100_000];
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
  // The first one is for code that runs for the first time.
  const refs: ImageRef[] = [];
  for (const [position, paths] of [100, ...sizes].entries()) {
    const ref = { image: 'bench', version: position + 1 };
    const publish = writeVersion(ref, paths);
    const { took, delay } = await longestDelay(async () => {
      publish();
      while (served.version(ref) === undefined) await sleep(1);
    });
    if (position > 0) print(`${paths} paths: served after ${took} ms, longest delay ${delay} ms`);
    refs.push(ref);
  }
  for (const ref of refs.slice(1)) {
    const { delay } = await longestDelay(async () => {
      await sleep(10);
      compileImage(images, ref);
      await sleep(10);
    });
    print(`${served.version(ref)?.entryCount} paths, read in the control thread: longest delay ${delay} ms`);
  }
} finally {
  await served.close();
  await nfs.close();
  rmSync(images, { recursive: true });
}

async function longestDelay(work: () => Promise<void>): Promise<{ readonly delay: string; readonly took: string }> {
  await sleep(500);
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  const startMs = performance.now();
  await work();
  const took = performance.now() - startMs;
  histogram.disable();
  return { delay: (histogram.max / 1e6).toFixed(1), took: took.toFixed(0) };
}

/** In a process of its own, whose garbage is not ours. Returns what gives the version its number. */
function writeVersion(ref: ImageRef, paths: number): () => void {
  const unfinished = join(images, ref.image, '.new');
  execFileSync(process.execPath, [join(import.meta.dirname, 'write-version.ts'), unfinished, ref.image, `${ref.version}`, `${paths}`]);
  return () => renameSync(unfinished, versionFolder(images, ref));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
