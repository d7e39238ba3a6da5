import { existsSync } from 'node:fs';

export interface PluginLimits {
  /** Processes and threads of the user who runs plugins, all of them together. */
  readonly processes: number;
  /** Memory of its own that one process may have (RLIMIT_DATA, getrlimit(2)). */
  readonly memoryMib: number;
}

/** All at once may run, each with a handful of processes; a Dom0 has little memory, most of it belongs to guests. */
export const pluginLimits: PluginLimits = { processes: 128, memoryMib: 128 };

/** Of util-linux, which every Debian has. */
const tools = { prlimit: '/usr/bin/prlimit', choom: '/usr/bin/choom' } as const;

/** Programs that are missing to hold plugins to limits. */
export function missingTools(): readonly string[] {
  return Object.values(tools).filter((path) => !existsSync(path));
}

/**
 * What runs a script within limits. They are set by its own user, who cannot raise them again. Where memory is short all the same, the
 * kernel ends plugins before anything else of the Dom0: without that they were as precious to it as the agent that started them.
 */
export function withinLimits({ processes, memoryMib }: PluginLimits, path: string, args: readonly string[]): readonly [string, string[]] {
  const limits = [`--nproc=${processes}`, `--data=${memoryMib * 1024 * 1024}`, '--core=0'];
  return [tools.prlimit, [...limits, tools.choom, '-n', '1000', '--', path, ...args]];
}
