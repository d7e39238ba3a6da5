import { spawn } from 'node:child_process';

export interface ProgramEnd {
  readonly kind: 'ended' | 'timeout' | 'missing';
  /** Null where it was killed. */
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
  /** `out` has not all that it said. */
  readonly isCut?: boolean;
}

export interface ProgramOptions {
  readonly timeoutMs: number;
  /** Of each of both outputs; what comes after it is not kept. */
  readonly maxBytes?: number;
  /** For its standard input. */
  readonly input?: string;
  /** Told once it runs, and when it has ended. */
  readonly onPid?: (pid: number | undefined) => void;
}

/** What a program that was killed may still need to be gone; one that hangs in the kernel never is. */
const killedMs = 2000;
/** How long the pipes of a program that has ended may stay open. */
const heldMs = 3000;

/**
 * Runs a program without a shell, in a process group of its own, for a bounded time and with bounded output. At the time limit the
 * whole group is killed; a program that does not even die then is left to itself. It never throws.
 */
export function runProgram(argv: readonly string[], options: ProgramOptions): Promise<ProgramEnd> {
  const { timeoutMs, maxBytes = 1024 * 1024, input = '', onPid } = options;
  const [file = '', ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env: programEnvironment });
    const out = new Kept(maxBytes);
    const error = new Kept(maxBytes);
    let timedOut = false;
    let isOver = false;
    const finish = (kind: ProgramEnd['kind'], code: number | null): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      clearTimeout(grace);
      onPid?.(undefined);
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
      resolve({ kind, code, out: out.text, error: error.text, isCut: out.isCut });
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
    // A program may end without reading what it is given.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    // All that it has said is there when its pipes are closed. A daemon that it leaves behind may hold them for ever: that is not
    // waited for.
    child.once('exit', (code) => {
      clearTimeout(timer);
      clearTimeout(grace);
      grace = setTimeout(() => finish(timedOut ? 'timeout' : 'ended', code), heldMs);
    });
    child.once('close', (code) => finish(timedOut ? 'timeout' : 'ended', code));
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
  isCut = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }

  take(chunk: Buffer): void {
    const room = this.#maxBytes - this.#bytes;
    if (chunk.length > room) this.isCut = true;
    if (room <= 0) return;
    this.#chunks.push(chunk.subarray(0, room));
    this.#bytes += Math.min(room, chunk.length);
  }
}
