import type { Readable } from 'node:stream';
import { CliError } from './cli-error.ts';

const ctrlC = '\u0003';
const ctrlD = '\u0004';
const ctrlU = '\u0015';
const maxLength = 4096;

/** Reads one line from a terminal in raw mode, with its backspace, Ctrl-U, Ctrl-C and Ctrl-D, and echoes nothing. */
export function readHiddenLine(input: Readable): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    const decoder = new TextDecoder();
    const done = (settle: () => void): void => {
      input.off('data', onData);
      input.off('end', onEnd);
      input.pause();
      settle();
    };
    const onEnd = (): void => done(() => resolve(undefined));
    const onData = (chunk: Buffer): void => {
      for (const letter of decoder.decode(chunk, { stream: true })) {
        if (letter === '\r' || letter === '\n') return done(() => resolve(typed.join('')));
        if (letter === ctrlC) return done(() => reject(new CliError('failed', 'given up')));
        if (letter === ctrlD) return done(() => resolve(typed.length === 0 ? undefined : typed.join('')));
        if (letter === ctrlU) typed = [];
        else if (letter === '\u007f' || letter === '\b') typed.pop();
        else if (letter >= ' ' && typed.length < maxLength) typed.push(letter);
      }
    };
    input.on('data', onData);
    input.once('end', onEnd);
    // A pause after an earlier question lasts until somebody ends it.
    input.resume();
  });
}
