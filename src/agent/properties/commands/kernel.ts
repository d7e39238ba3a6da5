import { oneOf, readOf } from '../property-command.ts';
import type { PropertyCommand } from '../property-command.ts';

const files = {
  release: '/proc/sys/kernel/osrelease',
  version: '/proc/sys/kernel/version',
  hostname: '/proc/sys/kernel/hostname',
  entropy: '/proc/sys/kernel/random/entropy_avail',
  tainted: '/proc/sys/kernel/tainted',
} as const;
const questions = [...Object.keys(files), 'modules'];

/** `kernel [release]`, `version`, `hostname`, `tainted`...; `kernel modules`: a list. Its command line is not given: it holds the boot token. */
export const kernel: PropertyCommand = {
  problem: (parameters) => oneOf(parameters, questions),
  async extract({ parameters: [question = 'release'], view }) {
    if (question === 'modules') return (await readOf(view, '/proc/modules')).split('\n').flatMap((line) => line.split(' ')[0] || []);
    return (await readOf(view, files[question as keyof typeof files])).trim();
  },
};
