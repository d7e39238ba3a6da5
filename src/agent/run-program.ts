import { spawn } from 'node:child_process';

export interface ProgramEnd {
  readonly kind: 'ended' | 'timeout' | 'missing';
  /** Null where it was killed. */
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

export interface ProgramOptions {
  readonly timeoutMs: number;
  /** Of each of both outputs; what comes after it is not kept. */
  readonly maxBytes?: number;
  /** Told once it runs, and when it has ended. */
  readonly onPid?: (pid: number | undefined) => void;
}

/** What a program that was killed may still need to be gone; one that hangs in the kernel never is. */
const killedMs = 2000;

/**
 * Runs a program without a shell, in a process group of its own, for a bounded time and with bounded output. At the time limit the
 * whole group is killed; a program that does not even die then is left to itself. It never throws.
 */
export function runProgram(argv: readonly string[], options: ProgramOptions): Promise<ProgramEnd> {
  const { timeoutMs, maxBytes = 1024 * 1024, onPid } = options;
  const [file = '', ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: programEnvironment });
    const out = new Kept(maxBytes);
    const error = new Kept(maxBytes);
    let timedOut = false;
    const finish = (kind: ProgramEnd['kind'], code: number | null): void => {
      clearTimeout(timer);
      clearTimeout(grace);
      onPid?.(undefined);
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
      resolve({ kind, code, out: out.text, error: error.text });
    };
    let grace: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid);
      grace = setTimeout(() => finish('timeout', null), killedMs);
    }, timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => out.take(chunk));
    child.stderr.on('data', (chunk: Buffer) => error.take(chunk));
    child.once('error', () => finish('missing', null));
    if (child.pid !== undefined) onPid?.(child.pid);
    // The daemon that xl leaves behind may hold the pipes for as long as its domain lives: what counts is the end of the process,
    // and what it had written by then.
    child.once('exit', (code) => setTimeout(() => finish(timedOut ? 'timeout' : 'ended', code), 20));
  });
}

const programEnvironment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' };

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

class Kept {
  readonly #maxBytes: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }

  take(chunk: Buffer): void {
    const room = this.#maxBytes - this.#bytes;
    if (room <= 0) return;
    this.#chunks.push(chunk.subarray(0, room));
    this.#bytes += Math.min(room, chunk.length);
  }
}
