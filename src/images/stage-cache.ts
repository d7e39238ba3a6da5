import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { archiveName } from './tree-layer.ts';

/** A stage of some build, kept. */
export interface KeptStage {
  readonly folder: string;
  /** Of this very making: the next stage's key depends on it, so that nothing is ever laid over what it was not made from. */
  readonly id: string;
  readonly bytes: number;
  readonly usedMs: number;
}

/** Two or three images with some tries of each. */
export const defaultCacheBytes = 4 * 1024 ** 3;
/** Another build may be reading what was used so lately. */
const restMs = 600_000;

/** Stages by what they were made from. Each is a folder that gets its name when it is whole: a build that is killed leaves none. */
export class StageCache {
  readonly #folder: string;

  /** @param cache the cache folder of the state directory */
  constructor(cache: string) {
    this.#folder = join(cache, 'stages');
  }

  /** What a stage is called by: its inputs, and the making of the stage that it comes after. */
  static key(previousId: string, inputs: unknown): string {
    return createHash('sha256')
      .update(JSON.stringify([previousId, inputs]))
      .digest('hex')
      .slice(0, 20);
  }

  find(key: string): KeptStage | undefined {
    return this.#list().findLast(({ name }) => name.startsWith(`${key}-`));
  }

  /** Says that a stage was used now. */
  touch(stage: KeptStage): void {
    const now = new Date();
    utimesSync(stage.folder, now, now);
  }

  /**
   * Keeps a folder as a stage, in place of those of the same key. It is moved.
   * @param title for who looks into the cache
   */
  keep(key: string, work: string, title: string): KeptStage {
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(join(work, 'title'), `${title}\n`);
    const archive = openSync(join(work, archiveName), 'r');
    fsyncSync(archive);
    closeSync(archive);
    const earlier = this.#list().filter(({ name }) => name.startsWith(`${key}-`));
    const id = createHash('sha256').update(`${key} ${process.hrtime.bigint()} ${process.pid} ${Date.now()}`).digest('hex').slice(0, 20);
    const name = `${key}-${id}`;
    renameSync(work, join(this.#folder, name));
    for (const stage of earlier) this.#remove(stage.name);
    return this.#stage(name);
  }

  /** Removes what was used longest ago, until all that is left fits; what was used lately stays. Returns how much went. */
  shrink(maxBytes: number, nowMs: number): { readonly removed: number; readonly bytes: number } {
    this.#removeGone();
    const stages = this.#list();
    let total = stages.reduce((sum, { bytes }) => sum + bytes, 0);
    let removed = 0;
    let freed = 0;
    for (const { name, bytes, usedMs } of stages) {
      if (total <= maxBytes || nowMs - usedMs < restMs) continue;
      this.#remove(name);
      total -= bytes;
      freed += bytes;
      removed++;
    }
    return { removed, bytes: freed };
  }

  /** The one used longest ago first. */
  #list(): (KeptStage & { readonly name: string })[] {
    return this.#names()
      .filter((name) => /^[0-9a-f]{20}-[0-9a-f]{20}$/.test(name))
      .flatMap((name) => {
        try {
          return [{ ...this.#stage(name), name }];
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
          throw error;
        }
      })
      .sort((a, b) => a.usedMs - b.usedMs);
  }

  #names(): string[] {
    try {
      return readdirSync(this.#folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  #stage(name: string): KeptStage {
    const folder = join(this.#folder, name);
    return { folder, id: name.slice(21), bytes: statSync(join(folder, archiveName)).size, usedMs: statSync(folder).mtimeMs };
  }

  /** What somebody who died was about to remove. */
  #removeGone(): void {
    for (const name of this.#names()) if (name.startsWith('.gone-')) rmSync(join(this.#folder, name), { recursive: true, force: true });
  }

  /** By another name first: half a stage must not look like one. */
  #remove(name: string): void {
    const going = join(this.#folder, `.gone-${name}`);
    renameSync(join(this.#folder, name), going);
    rmSync(going, { recursive: true, force: true });
  }
}
