import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { bootstrapInputs } from '../../src/images/bootstrap.ts';
import type { Progress } from '../../src/images/progress.ts';
import { parseRecipe, type Recipe } from '../../src/images/recipe.ts';
import { StageCache } from '../../src/images/stage-cache.ts';
import { type Anew, buildRoot, explainStages } from '../../src/images/staged-build.ts';
import { writeLayer } from '../../src/images/tree-layer.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

/** The packages are in the cache, as if they had been fetched: the mirror that is named answers nobody. */
class BuildRig {
  readonly folder = scratchFolder();
  readonly cache = join(this.folder, 'cache');
  readonly recipe: Recipe;
  root = '';
  #builds = 0;

  constructor() {
    const text = [
      'image: tiny',
      'suite: trixie',
      'packaging: initramfs',
      'packages: [busybox-static]',
      'overlays: [over]',
      'remove: [/unwanted]',
      'bootFiles: { initrd.gz: /boot/initrd.gz }',
    ];
    this.recipe = parseRecipe(text.join('\n'), join(this.folder, 'r.yaml'));
    writeTree(this.folder, { 'over/etc/issue': 'first' });
  }

  async fetchPackages(): Promise<void> {
    const root = writeTree(join(this.folder, `packages-${this.#builds++}`), { init: '#!/bin/sh\n', unwanted: 'u', 'boot/vmlinuz': 'k' });
    mkdirSync(join(root, 'etc'));
    chmodSync(join(root, 'init'), 0o755);
    const layer = join(this.folder, 'layer');
    mkdirSync(layer);
    await writeLayer(layer, root, new Map(), { logFile: join(this.folder, 'log') });
    new StageCache(this.cache).keep(StageCache.key('', bootstrapInputs(this.recipe)), layer, 'packages');
  }

  /** Returns what was told, without sizes and times. */
  async build(anew: Anew = 'none', recipe = this.recipe): Promise<string[]> {
    const told: string[] = [];
    const progress: Progress = {
      note: (line) => void told.push(line.replace(/ \(.*\)$/, '')),
      stage: async (title, work) => {
        told.push(`${title} ...`);
        return work(() => {});
      },
    };
    const work = join(this.folder, `build-${this.#builds++}`);
    this.root = join(work, 'root');
    mkdirSync(this.root, { recursive: true });
    await buildRoot({ recipe, cache: this.cache, anew }, this.root, work, progress, { logFile: join(this.folder, 'log') });
    return told.filter((line) => line.endsWith(' ...') || line.endsWith('from the cache'));
  }

  explain(anew: Anew = 'none'): string[] {
    return explainStages({ recipe: this.recipe, cache: this.cache, anew }).map((line) => line.replace(/ \(.*\)$/, ''));
  }
}

const [packages, overlays, finish, pack] = [
  '1 packages of trixie',
  'lay 1 overlay over the root',
  'remove what is not wanted',
  'pack the root as an initramfs',
];

let rig: BuildRig;
beforeEach(async () => {
  vi.stubEnv('VIRTDOM_MIRROR', 'http://127.0.0.1:9/debian');
  rig = new BuildRig();
  await rig.fetchPackages();
  return () => void vi.unstubAllEnvs();
});

describe('a build', () => {
  it('makes each stage once', async () => {
    expect(await rig.build()).toEqual([
      `${packages}: from the cache`,
      'unpack them ...',
      `${overlays} ...`,
      `${finish} ...`,
      `${pack} ...`,
    ]);
    const made = readFileSync(join(rig.root, 'boot/initrd.gz'));
    expect(await rig.build()).toEqual([
      `${packages}: from the cache`,
      'unpack them ...',
      `${overlays}: from the cache`,
      `${finish}: from the cache`,
      `${pack}: from the cache`,
    ]);
    expect(readFileSync(join(rig.root, 'boot/initrd.gz'))).toEqual(made);
    expect(readFileSync(join(rig.root, 'etc/issue'), 'utf8')).toBe('first');
  });

  it('makes anew what comes after a change, and nothing before it', async () => {
    await rig.build();
    writeTree(rig.folder, { 'over/etc/issue': 'second' });
    expect(rig.explain()).toEqual([`kept  ${packages}`, `make  ${overlays}`, `make  ${finish}`, `make  ${pack}`]);
    expect(await rig.build()).toEqual([
      `${packages}: from the cache`,
      'unpack them ...',
      `${overlays} ...`,
      `${finish} ...`,
      `${pack} ...`,
    ]);
    expect(readFileSync(join(rig.root, 'etc/issue'), 'utf8')).toBe('second');
    expect(rig.explain()).toEqual([`kept  ${packages}`, `kept  ${overlays}`, `kept  ${finish}`, `kept  ${pack}`]);
  });

  it('goes back to what was made before when a change is taken back', async () => {
    await rig.build();
    writeTree(rig.folder, { 'over/etc/issue': 'second' });
    await rig.build();
    writeTree(rig.folder, { 'over/etc/issue': 'first' });
    expect((await rig.build()).filter((line) => line.endsWith('...'))).toEqual(['unpack them ...']);
    expect(readFileSync(join(rig.root, 'etc/issue'), 'utf8')).toBe('first');
  });

  it('lays nothing over packages that it was not made from', async () => {
    await rig.build();
    await rig.fetchPackages();
    expect(rig.explain()).toEqual([`kept  ${packages}`, `make  ${overlays}`, `make  ${finish}`, `make  ${pack}`]);
  });

  it('by force makes all stages but the packages anew, and says so beforehand', async () => {
    await rig.build();
    expect(rig.explain('steps')).toEqual([`kept  ${packages}`, `make  ${overlays}`, `make  ${finish}`, `make  ${pack}`]);
    expect((await rig.build('steps')).slice(2)).toEqual([`${overlays} ...`, `${finish} ...`, `${pack} ...`]);
  });

  it('refreshed says that it would fetch the packages, and from where', () => {
    expect(rig.explain('packages')[0]).toBe(`make  ${packages}, from http://127.0.0.1:9/debian`);
  });

  it('that fails in a stage keeps those before it and none of its own', async () => {
    const broken = { ...rig.recipe, overlays: [join(rig.folder, 'over'), join(rig.folder, 'broken')] };
    writeTree(rig.folder, { 'broken/init/file': 'a folder where the root has a file' });
    await expect(rig.build('none', broken)).rejects.toThrow(/is a folder, but a file in the root/);
    expect(rig.explain()).toEqual([`kept  ${packages}`, `make  ${overlays}`, `make  ${finish}`, `make  ${pack}`]);
  });
});
