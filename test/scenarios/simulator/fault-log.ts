import type { Log, LogFields } from '../../../src/log.ts';

/** What a process logs as an error stands in the scenario's log; what is surely a mistake in its code is a broken rule. */
export class FaultLog implements Log {
  readonly #say: (text: string) => void;
  readonly #mistake: (detail: string) => void;

  constructor(say: (text: string) => void, mistake: (detail: string) => void) {
    this.#say = say;
    this.#mistake = mistake;
  }

  debug(): void {}
  info(): void {}
  warn(): void {}

  error(fields: LogFields, message: string): void {
    const cause = fields['error'] ?? fields['err'];
    const text = cause instanceof Error ? (cause.stack ?? cause.message) : typeof cause === 'string' ? cause : '';
    const [first = ''] = text.split('\n');
    if (/\b(TypeError|RangeError|ReferenceError|SyntaxError)\b/.test(text) || mistakes.test(message)) this.#mistake(`${message}: ${text}`);
    else this.#say(`logs: ${message}${first === '' ? '' : ` (${first})`}`);
  }

  child(): Log {
    return this;
  }
}

const mistakes = /a decision failed|was not handled/;
