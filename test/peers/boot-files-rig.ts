import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BulkThread } from '../../src/bulk-thread.ts';
import { systemClock } from '../../src/clock.ts';
import { CapturedLog } from '../../src/log.ts';
import type { BootFile } from '../../src/model/boot-file.ts';
import type { Observation } from '../../src/model/boot-trace.ts';
import { freePort } from '../free-port.ts';

/** TFTP and HTTP as they run in the product, on free ports of the loopback, with a folder for what clients download. */
export class BootFilesRig {
  readonly files = new Map<string, BootFile>();
  readonly seen: Observation[] = [];
  readonly hellos: string[] = [];
  readonly log = new CapturedLog();
  directory = '';
  tftpPort = 0;
  httpPort = 0;
  #thread: BulkThread | undefined;

  async start(): Promise<void> {
    this.directory = await mkdtemp(join(tmpdir(), 'virtdom-peers-'));
    this.tftpPort = await freePort();
    this.httpPort = await freePort();
    this.#thread = new BulkThread({
      settings: {
        tftp: { port: this.tftpPort, maxBlockBytes: 1468, maxTransfers: 200 },
        http: { port: this.httpPort },
        addresses: ['127.0.0.1'],
      },
      tree: {
        open: async ({ path }) => this.files.get(path.replace(/^\/*/, '/')) ?? { kind: 'missing', reason: `no ${path}` },
      },
      desk: {
        hello: async ({ token, body }) => {
          this.hellos.push(body);
          return token === 'good' ? { accepted: true } : { accepted: false, reason: 'redeemed before' };
        },
      },
      observer: { observe: (observation) => void this.seen.push(observation) },
      log: this.log,
      clock: systemClock,
    });
    await this.#thread.start();
  }

  async close(): Promise<void> {
    await this.#thread?.close();
    if (this.directory !== '') await rm(this.directory, { recursive: true });
  }

  rendered(path: string, text: string): void {
    this.files.set(path, { kind: 'rendered', bytes: Buffer.from(text), etag: `"${sha256(Buffer.from(text))}"`, contentType: 'text/plain' });
  }

  async onDisk(path: string, bytes: Uint8Array): Promise<void> {
    const file = join(this.directory, `served-${sha256(Buffer.from(path)).slice(0, 12)}`);
    await writeFile(file, bytes);
    const { mtimeMs } = await stat(file);
    this.files.set(path, { kind: 'static', file, size: bytes.length, modifiedMs: mtimeMs, etag: `"${sha256(bytes)}"` });
  }

  /** How each download of a path ended. */
  ends(path: string): string[] {
    return this.seen.flatMap((seen) =>
      seen.kind === 'file' && seen.path.replace(/^\/*/, '/') === path && seen.phase !== 'opened'
        ? [`${seen.protocol} ${seen.phase} ${seen.bytes}`]
        : [],
    );
  }
}

export interface Ran {
  readonly code: number | null;
  /** Standard output and standard error, as they came. */
  readonly output: string;
}

/** Runs a client to its end; it is killed after `withinMs`. */
export async function run(command: string, args: readonly string[], cwd: string, withinMs = 30_000): Promise<Ran> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (output += bytes.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return { code, output };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
