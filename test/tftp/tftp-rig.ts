import { HeldClock } from '../../src/clock.ts';
import { CapturedLog } from '../../src/log.ts';
import type { BootFile, BootFileRequest } from '../../src/model/boot-file.ts';
import type { Observation } from '../../src/model/boot-trace.ts';
import { MemoryLan } from '../../src/net/memory-lan.ts';
import type { BootTree } from '../../src/tftp/boot-tree.ts';
import { TftpServer, type TftpSettings } from '../../src/tftp/server.ts';
import { TftpClient, type ClientWish } from './tftp-client.ts';

export const serverAddress = '10.0.0.5';
export const clientAddress = '10.0.0.77';

/** A server on a LAN in memory, with a clock that stands still. */
export class TftpRig {
  readonly clock = new HeldClock();
  readonly lan: MemoryLan;
  readonly log = new CapturedLog();
  readonly seen: Observation[] = [];
  readonly asked: BootFileRequest[] = [];
  readonly files = new Map<string, BootFile>();
  readonly server: TftpServer;

  /** `delayMs` is one way: a round trip is twice that. */
  constructor({ delayMs = 5, settings = {}, addresses = [serverAddress], tree }: RigWish = {}) {
    this.lan = new MemoryLan({ clock: this.clock, delayMs });
    this.server = new TftpServer({
      settings: { port: 69, maxBlockBytes: 1468, maxTransfers: 100, ...settings },
      addresses,
      tree: tree ?? {
        open: (request) => {
          this.asked.push(request);
          return Promise.resolve(this.files.get(request.path) ?? { kind: 'missing', reason: `no ${request.path}` });
        },
      },
      network: this.lan.host(serverAddress),
      observer: { observe: (observation) => void this.seen.push(observation) },
      clock: this.clock,
      log: this.log,
    });
  }

  rendered(path: string, bytes: Uint8Array): void {
    this.files.set(path, { kind: 'rendered', bytes, etag: '"1"', contentType: 'text/plain' });
  }

  get(wish: ClientWish, from = clientAddress, to = serverAddress): Promise<TftpClient> {
    return TftpClient.get(this.lan.host(from), this.clock, from, { address: to, port: 69 }, wish);
  }

  /** Moves time on in small steps, with room for promises between them, until `until` says so. */
  async run(until: () => boolean, withinMs = 120_000): Promise<void> {
    for (let passed = 0; passed < withinMs && !until(); passed++) {
      this.clock.advance(1);
      if (this.server.transfers > 0 || passed < 50) await this.lan.settle();
    }
  }

  async pass(ms: number): Promise<void> {
    await this.run(() => false, ms);
  }

  /** The file observations, without their times. */
  get phases(): string[] {
    return this.seen.flatMap((observation) =>
      observation.kind === 'file' ? [`${observation.phase} ${observation.path} ${observation.bytes}`] : [],
    );
  }
}

interface RigWish {
  readonly delayMs?: number;
  readonly settings?: Partial<TftpSettings>;
  readonly addresses?: readonly string[];
  /** In place of `files`. */
  readonly tree?: BootTree;
}

/** Bytes that differ from block to block, so that a block in the wrong place shows. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32BE(at, at);
  return bytes;
}
