import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../log.ts';
import type { Domain, Hypervisor, HypervisorInfo, Outcome } from './parts.ts';
import { runProgram } from './run-program.ts';
import type { ProgramEnd, ProgramOptions } from './run-program.ts';
import { parseXlInfo, parseXlList, xlErrorCode, xlReason } from './xl-output.ts';

export interface XlOptions {
  /** Where configurations lie while xl reads them, in RAM and for root alone. */
  readonly dir: string;
  readonly log: Log;
  readonly createMs?: number;
  readonly otherMs?: number;
  /** `xl`, unless a test has another. */
  readonly program?: string;
}

/** Xen by its own tool. Each call is bounded in time and output; one domain is made at a time, since that takes xl 93 MB of memory. */
export class XlHypervisor implements Hypervisor {
  readonly #options: Required<XlOptions>;
  #creating: Promise<unknown> = Promise.resolve();

  /** Ends an `xl create` that an earlier process of this agent has left: nothing may come to life that nobody waits for. */
  constructor(options: XlOptions) {
    this.#options = { createMs: 120_000, otherMs: 30_000, program: 'xl', ...options };
    this.#endLeftover();
  }

  async list(): Promise<readonly Domain[]> {
    return parseXlList(await this.#read(['list', '-v']));
  }

  async info(): Promise<HypervisorInfo> {
    return parseXlInfo(await this.#read(['info']));
  }

  create(name: string, config: string): Promise<Outcome> {
    const create = this.#creating.then(() => this.#create(name, config));
    this.#creating = create.catch(() => undefined);
    return create;
  }

  destroy(name: string): Promise<Outcome> {
    return this.#act(['destroy', name]);
  }

  shutdown(name: string): Promise<Outcome> {
    return this.#act(['shutdown', name]);
  }

  pause(name: string): Promise<Outcome> {
    return this.#act(['pause', name]);
  }

  unpause(name: string): Promise<Outcome> {
    return this.#act(['unpause', name]);
  }

  async #create(name: string, config: string): Promise<Outcome> {
    const file = join(this.#options.dir, `${name}.cfg`);
    try {
      writeFileSync(file, config, { mode: 0o600 });
      const onPid = (pid: number | undefined): void => this.#noteCreating(pid);
      return this.#outcome(['create', file], await this.#run(['create', file], { timeoutMs: this.#options.createMs, onPid }));
    } finally {
      rmSync(file, { force: true });
    }
  }

  async #act(words: readonly string[], timeoutMs = this.#options.otherMs): Promise<Outcome> {
    return this.#outcome(words, await this.#run(words, { timeoutMs }));
  }

  #run(words: readonly string[], options: ProgramOptions): Promise<ProgramEnd> {
    return runProgram([this.#options.program, ...words], options);
  }

  async #read(words: readonly string[]): Promise<string> {
    const end = await this.#run(words, { timeoutMs: this.#options.otherMs });
    const outcome = this.#outcome(words, end);
    if (outcome.kind === 'failed') throw new Error(outcome.reason);
    // What is missing at the end of a list would be taken for gone.
    if (end.isCut) throw new Error(`xl ${words.join(' ')} said more than is read of it`);
    return end.out;
  }

  #outcome([word = '']: readonly string[], end: ProgramEnd): Outcome {
    const { kind, code, out, error } = end;
    if (kind === 'ended' && code === 0) return { kind: 'done' };
    if (kind === 'missing') return { kind: 'failed', code: 'failed', reason: 'xl is not on this machine, or cannot be started' };
    const said = xlReason(`${error}\n${out}`);
    if (kind === 'timeout')
      return { kind: 'failed', code: 'timeout', reason: `xl ${word} did not end in time and was killed${said && `: ${said}`}` };
    return { kind: 'failed', code: xlErrorCode(error), reason: `xl ${word}: ${said || `it ended with ${code ?? 'a signal'}`}` };
  }

  get #pidFile(): string {
    return join(this.#options.dir, 'xl-create.pid');
  }

  #noteCreating(pid: number | undefined): void {
    if (pid === undefined) rmSync(this.#pidFile, { force: true });
    else writeFileSync(this.#pidFile, `${pid} ${startOf(pid) ?? ''}\n`, { mode: 0o600 });
  }

  #endLeftover(): void {
    let noted: string;
    try {
      noted = readFileSync(this.#pidFile, 'utf8').trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    const [pid = '', start] = noted.split(' ');
    // Numbers of processes are used again: only the one that began then.
    if (/^\d+$/.test(pid) && start !== undefined && startOf(Number(pid)) === start) {
      this.#options.log.warn({ pid }, 'an xl create of an earlier agent is ended');
      try {
        process.kill(-Number(pid), 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
    rmSync(this.#pidFile, { force: true });
  }
}

/** When a process began, in ticks since the machine's start (proc(5), field 22 of stat). */
function startOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19];
  } catch {
    return undefined;
  }
}
