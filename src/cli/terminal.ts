import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { readHiddenLine } from './hidden-line.ts';

/** What a command talks to: a person's terminal, pipes, or a test that reads the text back. */
export interface Terminal {
  /** Data. */
  readonly out: (text: string) => void;
  /** Messages. */
  readonly error: (text: string) => void;
  /** The width of standard output, where it is a terminal. */
  readonly columns?: number;
  readonly colour?: boolean;
  /** Asks the person who sits there; absent where nobody does. `undefined` is the end of the input. */
  readonly ask?: (question: string, secret?: 'hidden') => Promise<string | undefined>;
  /** All of standard input. */
  readonly input?: () => Promise<string>;
  /** Resolves when the reader of standard output has kept up: streams wait for it. */
  readonly drained?: () => Promise<void>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly now?: () => number;
}

const maxInputBytes = 64 * 1024 * 1024;

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr, env } = process;
  const somebodySitsThere = stdin.isTTY && stderr.isTTY;
  return {
    out: (text) => void stdout.write(text),
    error: (text) => void stderr.write(text),
    ...(stdout.isTTY && { columns: stdout.columns || 80 }),
    colour: stdout.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
    ...(somebodySitsThere && { ask: (question: string, secret?: 'hidden') => (secret === 'hidden' ? askHidden(question) : ask(question)) }),
    input: () => readAll(stdin),
    drained: () =>
      stdout.writableNeedDrain ? new Promise<void>((resolve) => void stdout.once('drain', () => resolve())) : Promise.resolve(),
    environment: env,
    now: () => Date.now(),
  };
}

/** Everything that a stream gives, as text; refuses what no document and no template needs. */
export async function readAll(input: Readable, maxBytes: number = maxInputBytes): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of input as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > maxBytes) throw new RangeError(`standard input is longer than ${maxBytes} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function ask(question: string): Promise<string | undefined> {
  // The terminal's own line editing is enough.
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  try {
    return await new Promise<string | undefined>((resolve) => {
      lines.once('close', () => resolve(undefined));
      lines.question(question, resolve);
    });
  } finally {
    lines.close();
  }
}

async function askHidden(question: string): Promise<string | undefined> {
  process.stdin.setRawMode(true);
  try {
    process.stderr.write(question);
    return await readHiddenLine(process.stdin);
  } finally {
    process.stdin.setRawMode(false);
    process.stderr.write('\n');
  }
}
