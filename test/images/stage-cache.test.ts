import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StageCache } from '../../src/images/stage-cache.ts';
import { scratchFolder } from './scratch-folder.ts';

const hourMs = 3_600_000;

class CacheRig {
  readonly folder = scratchFolder();
  readonly cache = new StageCache(this.folder);
  #made = 0;

  keep(key: string, bytes = 100, usedMs?: number): string {
    const work = join(this.folder, `work-${this.#made++}`);
    mkdirSync(work);
    writeFileSync(join(work, 'layer.tar'), Buffer.alloc(bytes));
    const { id, folder } = this.cache.keep(key, work, 'a stage');
    if (usedMs !== undefined) utimesSync(folder, usedMs / 1000, usedMs / 1000);
    return id;
  }

  names(): string[] {
    return readdirSync(join(this.folder, 'stages'));
  }
}

const [one, two, three] = [1, 2, 3].map((input) => StageCache.key('', input)) as [string, string, string];

describe('kept stages', () => {
  it('are found by what they were made from', () => {
    const rig = new CacheRig();
    expect(rig.cache.find(one)).toBeUndefined();
    const id = rig.keep(one);
    expect(rig.cache.find(one)).toMatchObject({ id, bytes: 100 });
    expect(rig.cache.find(two)).toBeUndefined();
  });

  it('depend on the making of the stage before, not only on its inputs: packages that were fetched again come with other files', () => {
    const rig = new CacheRig();
    const first = rig.keep(one);
    const again = rig.keep(one);
    expect(again).not.toBe(first);
    expect(StageCache.key(again, 'overlay')).not.toBe(StageCache.key(first, 'overlay'));
    expect(rig.cache.find(one)?.id).toBe(again);
    expect(rig.names()).toHaveLength(1);
  });

  it('that are half made have no name yet', () => {
    const rig = new CacheRig();
    rig.keep(one);
    mkdirSync(join(rig.folder, 'stages', `.gone-${two}-${two}`));
    mkdirSync(join(rig.folder, 'stages', 'something else'));
    expect(rig.cache.find(two)).toBeUndefined();
  });

  it('go when there are too many bytes, those used longest ago first', () => {
    const rig = new CacheRig();
    const nowMs = Date.now();
    rig.keep(one, 100, nowMs - 3 * hourMs);
    rig.keep(two, 100, nowMs - 2 * hourMs);
    rig.keep(three, 100, nowMs - hourMs);
    expect(rig.cache.shrink(300, nowMs)).toEqual({ removed: 0, bytes: 0 });
    const oldest = rig.cache.find(one);
    if (oldest !== undefined) rig.cache.touch(oldest);
    expect(rig.cache.shrink(250, nowMs)).toEqual({ removed: 1, bytes: 100 });
    expect([one, two, three].map((key) => rig.cache.find(key) !== undefined)).toEqual([true, false, true]);
  });

  it('that were used within the last ten minutes stay: another build may be reading them', () => {
    const rig = new CacheRig();
    rig.keep(one);
    expect(rig.cache.shrink(0, Date.now())).toEqual({ removed: 0, bytes: 0 });
    expect(rig.cache.shrink(0, Date.now() + 600_001)).toEqual({ removed: 1, bytes: 100 });
  });

  it('that somebody was about to remove when he died are removed', () => {
    const rig = new CacheRig();
    const gone = join(rig.folder, 'stages', `.gone-${one}-${one}`);
    mkdirSync(join(gone, 'inner'), { recursive: true });
    rig.cache.shrink(1000, Date.now());
    expect(existsSync(gone)).toBe(false);
  });
});
