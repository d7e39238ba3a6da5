import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { LabError } from './lab-error.ts';
import type { LabNetwork } from './lab-network.ts';
import { endProcess } from './process-end.ts';

/** One line of the server's log. */
export type ServeLine = Readonly<Record<string, unknown>>;

export interface ServeOptions {
  readonly configFile: string;
  /** Each line of the log is appended to this file. */
  readonly logFile: string;
  /** Called for each line, also for those before the server is ready. */
  readonly onLine?: (line: ServeLine) => void;
}

const program = join(import.meta.dirname, '../../bin/virtdom');
const readyMessage = 'virtdom serves';
const startSeconds = 60;

/** `virtdom serve` as a process of the lab's namespace, as it runs anywhere else. */
export class ServeProcess {
  readonly #child: ChildProcess;
  readonly #said: string[] = [];
  #lastError: ServeLine | undefined;
  #exit: string | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Returns when the server is ready. Throws LabError with what it said if it ends instead, or is not ready in time. */
  static async start(network: LabNetwork, options: ServeOptions): Promise<ServeProcess> {
    const child = network.spawn([program, 'serve', '--config', options.configFile], { stdio: ['ignore', 'pipe', 'pipe'] });
    const serve = new ServeProcess(child);
    const ready = serve.#follow(child, options);
    const late = setTimeout(() => child.kill('SIGKILL'), startSeconds * 1000);
    try {
      await Promise.race([ready, serve.ended.then((how) => Promise.reject(new LabError('server-ended', `virtdom serve ${how}`)))]);
    } finally {
      clearTimeout(late);
    }
    return serve;
  }

  /** Resolves with how it ended and its last words. */
  get ended(): Promise<string> {
    if (this.#exit !== undefined) return Promise.resolve(this.#exit);
    return once(this.#child, 'close').then(() => this.#describeExit());
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Asks it to stop and returns when it has. */
  stop(): Promise<void> {
    return endProcess(this.#child);
  }

  /** `kill -9`: no last write, no goodbye. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  #follow(child: ChildProcess, { logFile, onLine }: ServeOptions): Promise<void> {
    child.once('close', () => (this.#exit = this.#describeExit()));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said.push(...text.split('\n').filter((line) => line.trim() !== ''));
      appendFileSync(logFile, text);
    });
    return new Promise((resolve) => {
      if (child.stdout === null) return;
      createInterface({ input: child.stdout }).on('line', (text) => {
        appendFileSync(logFile, `${text}\n`);
        const line = parseServeLine(text);
        if (line === undefined) return;
        if (line['level'] === 'error') this.#lastError = line;
        onLine?.(line);
        if (line['msg'] === readyMessage) resolve();
      });
    });
  }

  #describeExit(): string {
    const { exitCode, signalCode } = this.#child;
    const how = signalCode === null ? `ended with ${exitCode}` : `was ended by ${signalCode}`;
    const words = this.#lastError === undefined ? [] : [JSON.stringify(this.#lastError)];
    words.push(...this.#said.slice(-20));
    return words.length === 0 ? how : `${how}:\n${words.join('\n')}`;
  }
}

/** A line of JSON, or `undefined` for anything else that got onto standard output. */
function parseServeLine(text: string): ServeLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as ServeLine) : undefined;
  } catch {
    return undefined;
  }
}
