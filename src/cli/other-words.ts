import type { Command } from 'commander';
import { CliError } from './cli-error.ts';

/** A word that people look for and that is no command: says which one does what they mean. */
export function addOtherWord(noun: Command, word: string, next: string): void {
  noun
    .command(`${word} [words...]`, { hidden: true })
    .allowUnknownOption()
    .helpOption(false)
    .action(() => {
      throw new CliError('usage', `there is no virtdom ${noun.name()} ${word}`, next);
    });
}
