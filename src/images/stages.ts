import { lstatSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { addAgent, agentInputs } from './agent-bundle.ts';
import { neutralMirror, sourceLines } from './apt-sources.ts';
import { type CommandOptions, runInRoot } from './command.ts';
import { convertToFlash } from './flash.ts';
import { packInitramfs, packRevision } from './initramfs.ts';
import { kernelVersion, pruneKernelModules } from './kernel-modules.ts';
import { mebibytes, type Progress } from './progress.ts';
import type { Recipe } from './recipe.ts';
import { buildRevision, overlaysSha256 } from './recipe-hash.ts';
import { applyOverlay, maskUnits, pathInRoot, removePaths } from './root-tree.ts';

export interface StageTools {
  readonly progress: Progress;
  readonly options: CommandOptions;
}

/** One step from packages to the finished root. Stages with the same inputs, after the same stage, come to the same. */
export interface Stage {
  readonly title: string;
  /** All that it depends on beside the root that it gets; as JSON. */
  readonly inputs: unknown;
  run(root: string, tools: StageTools): Promise<void> | void;
}

/**
 * The stages that come after the packages, those first that change least often. What a stage leaves behind is kept, so an
 * overlay that changes costs what follows it and no more.
 */
export function stagesOf(recipe: Recipe): readonly Stage[] {
  const { variant, kernelModules, overlays, units, steps, packaging } = recipe;
  const enable = units.enable.length > 0 ? [{ name: 'enable units', run: `systemctl enable ${units.enable.join(' ')}` }] : [];
  return [
    ...(kernelModules === undefined ? [] : [...(variant === 'extract' ? [needsStage] : []), modulesStage(kernelModules)]),
    overlaysStage(recipe, overlays),
    ...[...enable, ...steps].map(stepStage),
    finishStage(recipe),
    ...(recipe.agent === true ? [agentStage()] : []),
    ...(packaging === 'initramfs' ? [packStage] : []),
  ];
}

/** A script of the kernel's package does this where such scripts are run. */
const needsStage: Stage = {
  title: 'ask which kernel module needs which',
  inputs: ['needs', buildRevision],
  run: (root, { options }) => runInRoot(root, `depmod ${kernelVersion(root) ?? ''}`, options),
};

function modulesStage(patterns: readonly string[]): Stage {
  return {
    title: `keep the kernel modules of ${patterns.length} patterns`,
    inputs: ['modules', buildRevision, patterns],
    run(root, { progress }) {
      const kernel = kernelVersion(root);
      if (kernel === undefined) return;
      const { kept, removed } = pruneKernelModules(root, kernel, patterns);
      progress.note(`kernel ${kernel}: ${kept} modules stay, ${removed} removed`);
    },
  };
}

/** mmdebstrap copies these from the machine that builds; each machine gets its own in the initramfs. */
const neutralFiles: Readonly<Record<string, string>> = {
  '/etc/hostname': 'localhost\n',
  '/etc/hosts': '127.0.0.1 localhost\n',
  '/etc/resolv.conf': '',
};

function overlaysStage({ suite, components }: Recipe, overlays: readonly string[]): Stage {
  const sources = sourceLines(neutralMirror, suite, components).map((line) => `${line}\n`);
  const files = { ...neutralFiles, '/etc/apt/sources.list': sources.join('') };
  return {
    title: `lay ${overlays.length} ${overlays.length === 1 ? 'overlay' : 'overlays'} over the root`,
    inputs: ['overlays', buildRevision, files, overlaysSha256(overlays)],
    run(root, { progress }) {
      for (const [path, text] of Object.entries(files)) {
        const file = pathInRoot(root, path);
        if (lstatSync(dirname(file), { throwIfNoEntry: false }) === undefined) continue;
        rmSync(file, { force: true });
        writeFileSync(file, text, { mode: 0o644 });
      }
      for (const overlay of overlays) progress.note(`overlay ${overlay}: ${applyOverlay(root, overlay)} paths`);
    },
  };
}

function stepStage({ name, run }: Recipe['steps'][number]): Stage {
  return {
    title: name,
    inputs: ['step', buildRevision, run],
    run: (root, { options }) => runInRoot(root, run, { ...options, env: { KERNEL: kernelVersion(root) ?? '' } }),
  };
}

function finishStage({ units, remove, writable, packaging }: Recipe): Stage {
  const isMounted = packaging === 'nfs';
  const parts = [
    ...(units.mask.length > 0 ? [`mask ${units.mask.length} units`] : []),
    ...(remove.length > 0 ? ['remove what is not wanted'] : []),
    ...(isMounted ? [`move ${writable.length} paths to /flash`] : []),
  ];
  return {
    title: parts.join(', ') || 'finish the root',
    inputs: ['finish', buildRevision, units.mask, remove, writable, packaging],
    run(root, { progress }) {
      if (units.mask.length > 0) maskUnits(root, units.mask);
      progress.note(`${removePaths(root, remove)} paths removed`);
      if (isMounted) convertToFlash(root, writable);
    },
  };
}

function agentStage(): Stage {
  return {
    title: 'add the agent and its Node',
    inputs: ['agent', buildRevision, agentInputs()],
    async run(root, { progress }) {
      const { agentBytes, nodeBytes } = await addAgent(root);
      progress.note(`agent.mjs ${mebibytes(agentBytes)}, Node ${process.version} ${mebibytes(nodeBytes)}`);
    },
  };
}

const packStage: Stage = {
  title: 'pack the root as an initramfs',
  inputs: ['pack', packRevision],
  async run(root, { progress }) {
    const { bytes, unpackedBytes } = await packInitramfs(root);
    progress.note(`initrd.gz ${mebibytes(bytes)}, ${mebibytes(unpackedBytes)} of the guest's memory`);
  },
};
