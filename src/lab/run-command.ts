import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { LabError } from './lab-error.ts';

const execute = promisify(execFile);

interface Failure extends Error {
  readonly code?: string | number;
  readonly stderr?: string;
}

/** Runs a short command and returns what it printed. Throws LabError with the command line and what it complained of. */
export async function runCommand(argv: readonly string[]): Promise<string> {
  const [file = '', ...args] = argv;
  try {
    const { stdout } = await execute(file, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    const { code, stderr, message } = error as Failure;
    if (code === 'ENOENT')
      throw new LabError('command-missing', `${file} is not installed: make deps-lab installs what a lab needs`, { cause: error });
    throw new LabError('command-failed', `${argv.join(' ')}: ${stderr?.trim() || message}`, { cause: error });
  }
}
