import { CliError } from './cli-error.ts';
import type { Terminal } from './terminal.ts';

/** Asks before something that cannot be taken back, or that touches more than was typed. Throws where the answer is no. */
export async function confirm(terminal: Terminal, question: string, yes: boolean | undefined): Promise<void> {
  if (yes === true) return;
  if (terminal.ask === undefined)
    throw new CliError(
      'usage',
      `${question} Nobody is here to answer`,
      'Say --yes to do it without a question, or --dry-run to see what it would do',
    );
  const answer = await terminal.ask(`${question} [y/N] `);
  if (!/^y(?:es)?$/i.test(answer?.trim() ?? '')) throw new CliError('failed', 'nothing was done');
}

/** Lets a person choose by a letter, asking again until it is one of them; the end of the input chooses the last. */
export async function choose<Key extends string>(
  ask: NonNullable<Terminal['ask']>,
  question: string,
  choices: Readonly<Record<Key, string>>,
): Promise<Key> {
  const keys = Object.keys(choices) as Key[];
  const list = keys.map((key) => `  ${key}  ${choices[key]}\n`).join('');
  for (;;) {
    const answer = await ask(`${question}\n${list}${keys.join('/')}? `);
    const key = answer === undefined ? keys.at(-1) : keys.find((each) => each === answer.trim().toLowerCase());
    if (key !== undefined) return key;
  }
}
