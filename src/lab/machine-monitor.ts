import type { Duplex } from 'node:stream';
import { LabError } from './lab-error.ts';

interface Reply {
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

interface Waiting {
  readonly command: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** QEMU's machine protocol (QMP): one JSON object a line; after the greeting it wants `qmp_capabilities` first. */
export class MachineMonitor {
  readonly #stream: Duplex;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ready: Promise<unknown>;
  #nextId = 1;
  #unfinished = '';

  constructor(stream: Duplex) {
    this.#stream = stream;
    // A machine that was killed leaves its pipe broken: `close` says so to who waits.
    stream.on('error', (error) => this.close(new LabError('monitor-failed', `QEMU's monitor broke: ${error.message}`, { cause: error })));
    stream.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#unfinished + text).split('\n');
      this.#unfinished = lines.pop() ?? '';
      for (const line of lines) this.#receive(JSON.parse(line) as Reply);
    });
    this.#ready = this.#send('qmp_capabilities', {});
    this.#ready.catch(() => {});
  }

  /** Runs one command of QMP; throws LabError with what QEMU says of it. */
  async execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    await this.#ready;
    return this.#send(command, args);
  }

  /** Presses and releases the keys one after another, by QEMU's names (`ret`, `down`, `a`); those joined by `-` together. */
  async pressKeys(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const together = key.split('-').map((data) => ({ type: 'qcode', data }));
      await this.execute('send-key', { keys: together, 'hold-time': 40 });
      // The guest polls its keyboard controller: keys that come faster than it looks are lost.
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
  }

  close(reason: LabError): void {
    for (const waiting of this.#waiting.values()) waiting.reject(reason);
    this.#waiting.clear();
    this.#stream.destroy();
  }

  #send(command: string, args: Readonly<Record<string, unknown>>): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { command, resolve, reject });
      this.#stream.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  #receive(reply: Reply): void {
    const waiting = reply.id === undefined ? undefined : this.#waiting.get(reply.id);
    if (reply.id === undefined || waiting === undefined) return;
    this.#waiting.delete(reply.id);
    if (reply.error === undefined) waiting.resolve(reply.return);
    else waiting.reject(new LabError('monitor-failed', `${waiting.command}: ${reply.error.desc}`));
  }
}

const named: Readonly<Record<string, string>> = {
  '\r': 'ret',
  '\n': 'ret',
  ' ': 'spc',
  '-': 'minus',
  '=': 'equal',
  '/': 'slash',
  '.': 'dot',
  ',': 'comma',
};

/** QEMU's key names for text on an American keyboard: letters, digits and the few signs that a boot loader is asked. Throws RangeError for others. */
export function keysOf(text: string): string[] {
  return Array.from(text, (character) => {
    if (/^[a-z0-9]$/.test(character)) return character;
    if (/^[A-Z]$/.test(character)) return `shift-${character.toLowerCase()}`;
    const name = named[character];
    if (name === undefined) throw new RangeError(`no key is known for ${JSON.stringify(character)}`);
    return name;
  });
}
