import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../log.ts';
import type { Failed, ImageFile } from './parts.ts';

interface ImageRoomOptions {
  readonly dir: string;
  readonly log: Log;
  /** Of all files together. */
  readonly maxBytes: number;
}

interface KeptFile {
  readonly sha256: string;
  readonly bytes: number;
  readonly usedMs: number;
}

/** By sha256, beside what is held. */
export type Spared = ReadonlySet<string> | 'all';

type Taken =
  | {
      readonly kind: 'taken';
      /** What has not come by then does not come. */
      readonly end: () => void;
    }
  | Failed;

/** Who may lie in the folder of images: what is held stays, the longest unused goes first, and nothing goes for what cannot come. */
export class ImageRoom {
  readonly #options: ImageRoomOptions;
  readonly #held = new Map<string, number>();
  /** What has room and is on its way, by sha256: several may wait for the same file. */
  readonly #coming = new Map<string, { readonly bytes: number; readonly users: number }>();

  constructor(options: ImageRoomOptions) {
    this.#options = options;
  }

  /** @returns what lets go of them again */
  hold(files: readonly ImageFile[]): () => void {
    for (const { sha256 } of files) this.#held.set(sha256, (this.#held.get(sha256) ?? 0) + 1);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      for (const { sha256 } of files) {
        const left = (this.#held.get(sha256) ?? 1) - 1;
        if (left > 0) this.#held.set(sha256, left);
        else this.#held.delete(sha256);
      }
    };
  }

  isHeld(sha256: string): boolean {
    return this.#held.has(sha256);
  }

  /** Room for those of them that are not here yet, all or none. What is neither held nor spared may be removed for it. */
  take(files: readonly ImageFile[], spared: Spared): Taken {
    const { maxBytes } = this.#options;
    const kept = this.#kept();
    const here = new Set(kept.map(({ sha256 }) => sha256));
    const missing = new Map(files.filter(({ sha256 }) => !here.has(sha256)).map(({ sha256, bytes }) => [sha256, bytes]));
    const more = sum([...missing].map(([sha256, bytes]) => (this.#coming.has(sha256) ? 0 : bytes)));
    const coming = sum([...this.#coming].map(([sha256, { bytes }]) => (here.has(sha256) ? 0 : bytes)));
    const total = sum(kept.map(({ bytes }) => bytes)) + coming + more;
    const removable = spared === 'all' ? [] : kept.filter(({ sha256 }) => !this.#held.has(sha256) && !spared.has(sha256));
    const least = total - sum(removable.map(({ bytes }) => bytes));
    if (more > 0 && least > maxBytes) return noRoom(files, more, least, maxBytes, spared);
    if (more > 0) this.#remove(removable, total - maxBytes);
    return this.#expect(missing);
  }

  #expect(missing: ReadonlyMap<string, number>): Taken {
    for (const [sha256, bytes] of missing) this.#coming.set(sha256, { bytes, users: (this.#coming.get(sha256)?.users ?? 0) + 1 });
    return {
      kind: 'taken',
      end: () => {
        for (const [sha256, bytes] of missing) {
          const users = (this.#coming.get(sha256)?.users ?? 1) - 1;
          if (users > 0) this.#coming.set(sha256, { bytes, users });
          else this.#coming.delete(sha256);
        }
      },
    };
  }

  #remove(removable: readonly KeptFile[], excess: number): void {
    const { dir, log } = this.#options;
    let left = excess;
    for (const { sha256, bytes } of removable) {
      if (left <= 0) return;
      rmSync(join(dir, sha256), { force: true });
      log.info({ sha256, bytes }, 'a file that is not used made room');
      left -= bytes;
    }
  }

  /** The longest unused first. */
  #kept(): KeptFile[] {
    const { dir } = this.#options;
    return readdirSync(dir)
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .map((sha256) => {
        const found = statSync(join(dir, sha256), { throwIfNoEntry: false });
        return { sha256, bytes: found?.size ?? 0, usedMs: found?.mtimeMs ?? 0 };
      })
      .sort((one, other) => one.usedMs - other.usedMs);
  }
}

function noRoom(files: readonly ImageFile[], more: number, least: number, maxBytes: number, spared: Spared): Failed {
  const [first] = files;
  const which = `${first?.path ?? 'files'}${files.length > 1 ? ` and ${files.length - 1} more` : ''}`;
  const stays = spared === 'all' ? 'nothing' : spared.size > 0 ? 'nothing that is wanted' : undefined;
  const why = stays === undefined ? '' : `: ${stays} is removed for what is fetched ahead of need`;
  const reason = `${which}: with ${more} bytes more, files for VMs would take ${least} of the ${maxBytes} that they may take here${why}`;
  return { kind: 'failed', code: 'no-memory', reason };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
