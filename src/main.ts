import { readFileSync } from 'node:fs';
import { exitCodes } from './cli/cli-error.ts';
import { runProgram } from './cli/program.ts';
import type { CommandTable } from './cli/program.ts';

/** Every command by its first word. A file that is listed here exports a function that adds its commands to the program. */
const commands: CommandTable = {
  serve: async () => (await import('./cli/serve.ts')).addServeCommand,
  config: async () => (await import('./cli/config.ts')).addConfigCommands,
  image: async () => (await import('./cli/image.ts')).addImageCommands,
  template: async () => (await import('./cli/template.ts')).addTemplateCommands,
  loader: async () => (await import('./cli/loader.ts')).addLoaderCommands,
  lab: async () => (await import('./cli/lab.ts')).addLabCommands,
};

// `virtdom config show | head`: the reader went away, which is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
const exitCode = await runProgram(commands, version, process.argv.slice(2), { debug: process.env['VIRTDOM_DEBUG'] === '1' });
// A command that ends well may have said in `process.exitCode` what it found.
if (exitCode !== exitCodes.ok) process.exitCode = exitCode;
