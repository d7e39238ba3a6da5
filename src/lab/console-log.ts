import { StringDecoder } from 'node:string_decoder';
import { LabError } from './lab-error.ts';

export interface ConsoleLine {
  /** Milliseconds since power-on, when the line was complete. */
  readonly atMs: number;
  readonly text: string;
}

const esc = '\u001b';
/** Escape sequences of ECMA-48: CSI ... final byte, and the short ones. */
const escapeSequence = new RegExp(String.raw`${esc}(?:\[[0-?]*[ -/]*([@-~])|[ -/]*[0-~])`, 'g');
const unfinishedSequence = new RegExp(String.raw`${esc}(?:\[[0-?]*[ -/]*|[ -/]*)$`);
const controlCharacters = /(?![\t\n])\p{Cc}/gu;

/** What a machine says on its serial port, as plain text: a jump of the cursor (GRUB's menu) starts a new line. */
export class ConsoleLog {
  readonly lines: ConsoleLine[] = [];
  readonly #elapsedMs: () => number;
  readonly #decoder = new StringDecoder('utf8');
  readonly #listeners = new Set<() => void>();
  readonly #lineListeners = new Set<(line: ConsoleLine) => void>();
  #pendingEscape = '';
  #text = '';
  #lineStart = 0;
  #ended: LabError | undefined;

  constructor(elapsedMs: () => number) {
    this.#elapsedMs = elapsedMs;
  }

  /** Everything so far, the unfinished last line included. */
  get text(): string {
    return this.#text;
  }

  onLine(listener: (line: ConsoleLine) => void): void {
    this.#lineListeners.add(listener);
  }

  take(chunk: Uint8Array): void {
    const raw = this.#pendingEscape + this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#pendingEscape = unfinishedSequence.exec(raw)?.[0] ?? '';
    const whole = raw.slice(0, raw.length - this.#pendingEscape.length);
    this.#text += whole
      .replaceAll(escapeSequence, (_sequence, final: string | undefined) => (final === 'H' || final === 'f' ? '\n' : ''))
      .replaceAll(controlCharacters, '');
    this.#splitLines();
    for (const listener of this.#listeners) listener();
  }

  /** No more will come: who still waits is told why. */
  end(reason: LabError): void {
    this.#ended ??= reason;
    for (const listener of this.#listeners) listener();
  }

  /** Resolves with the first match at or after `from` (an index into `text`); throws LabError after `timeoutMs` or at the machine's end. */
  waitFor(pattern: RegExp, timeoutMs: number, from = 0): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (action: () => void): void => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        action();
      };
      const look = (): void => {
        const match = pattern.exec(this.#text.slice(from));
        if (match !== null) settle(() => resolve(match));
        else if (this.#ended !== undefined) settle(() => reject(this.#ended));
      };
      const timer = setTimeout(() => settle(() => reject(this.#silent(pattern, timeoutMs))), timeoutMs);
      this.#listeners.add(look);
      look();
    });
  }

  /** The last lines that say something (a menu's frame does not), for error messages. */
  tail(count = 12): string {
    const lines = this.#text.split('\n').filter((line) => /[^\s|+-]/.test(line));
    return lines
      .slice(-count)
      .map((line) => line.trimEnd())
      .join('\n');
  }

  #silent(pattern: RegExp, timeoutMs: number): LabError {
    return new LabError(
      'console-silent',
      `the console did not show ${pattern} within ${timeoutMs / 1000} s; its last lines:\n${this.tail()}`,
    );
  }

  #splitLines(): void {
    for (let end = this.#text.indexOf('\n', this.#lineStart); end >= 0; end = this.#text.indexOf('\n', this.#lineStart)) {
      const text = this.#text.slice(this.#lineStart, end).trimEnd();
      this.#lineStart = end + 1;
      if (text === '') continue;
      const line = { atMs: this.#elapsedMs(), text };
      this.lines.push(line);
      for (const listener of this.#lineListeners) listener(line);
    }
  }
}
