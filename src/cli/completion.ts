import { Argument, Command } from 'commander';
import { completionScripts } from './completion-scripts.ts';
import { candidatesFor } from './completion-candidates.ts';
import type { CommandTable } from './program.ts';
import type { Terminal } from './terminal.ts';

/** Adds `virtdom completion`. */
export function addCompletionCommand(program: Command, terminal: Terminal): void {
  program
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(completionScripts)))
    .addHelpText(
      'after',
      `
Examples:
  source <(virtdom completion bash)
  virtdom completion zsh > "\${fpath[1]}/_virtdom"
  virtdom completion fish > ~/.config/fish/completions/virtdom.fish`,
    )
    .action((shell: keyof typeof completionScripts) => terminal.out(completionScripts[shell]));
}

/** Adds `virtdom __complete WORD...`: a line for each way to go on, for the scripts. */
export function completeCommand(table: () => CommandTable): (program: Command, terminal: Terminal) => void {
  return (program, terminal) => {
    program
      .command('__complete [words...]', { hidden: true })
      .allowUnknownOption()
      .helpOption(false)
      .action(async (words: string[]) => {
        const whole = new Command('virtdom');
        const [first = ''] = words;
        const load = words.length > 1 && Object.hasOwn(table(), first) ? table()[first] : undefined;
        // Of the others the first word is enough.
        if (load === undefined) for (const name of Object.keys(table())) whole.command(name);
        else (await load())(whole, { ...terminal, out: () => {}, error: () => {} });
        for (const candidate of await candidatesFor(whole, words, terminal)) terminal.out(`${candidate}\n`);
      });
  };
}
