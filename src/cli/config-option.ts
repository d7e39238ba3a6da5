import { resolve } from 'node:path';
import { Option } from 'commander';
import { loadConfig } from '../config.ts';

/** `--config FILE`: add it with `addOption` to every command that loads the configuration. */
export function configOption(): Option {
  return new Option('-c, --config <file>', 'the configuration file').env('VIRTDOM_CONFIG').default('virtdom.yaml');
}

/** `--state-dir DIR`, for commands that need nothing else of the configuration. */
export function stateDirOption(): Option {
  return new Option('--state-dir <dir>', 'the state directory, in place of the one that the configuration names');
}

/** What {@link configOption} and {@link stateDirOption} give. */
export interface StateDirOptions {
  readonly config: string;
  readonly stateDir?: string;
}

/** The state directory: that option's, else the configuration's, of which objects may be wrong or missing. */
export function stateDirOf({ config, stateDir }: StateDirOptions): string {
  return stateDir === undefined ? loadConfig(config).stateDir : resolve(stateDir);
}
