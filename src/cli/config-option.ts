import { Option } from 'commander';

/** `--config FILE`: add it with `addOption` to every command that loads the configuration. */
export function configOption(): Option {
  return new Option('-c, --config <file>', 'the configuration file').env('VIRTDOM_CONFIG').default('virtdom.yaml');
}
