import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex, Readable, Writable } from 'node:stream';
import { stoppedSend } from './stopped-send.ts';

/** Of what xl says: its end tells why it failed. */
const saidBytes = 64 * 1024;
/** How long the pipes of an xl that has ended may stay open. */
const heldMs = 3000;

export interface XlEnd {
  /** Null where it was killed. */
  readonly code: number | null;
  readonly said: string;
}

/** xl in a process group of its own, with the memory of a VM going in and out. */
export interface XlStream {
  readonly input: Writable;
  readonly output: Readable;
  readonly ended: Promise<XlEnd>;
  /** Its stream ends: xl gives up by itself, and puts in order what it has begun. */
  cut(): void;
  kill(): void;
}

/**
 * With an empty `-s`, xl runs this by a shell as its way to the other host, its stream on standard input and output. It joins that with
 * the descriptor 3 that xl was given. The words are constant: nothing from anywhere gets into a shell.
 */
const joinStream = 'cat <&3 & exec cat >&3';

/** Sends a VM while it runs, but for its last memory. Rejects where xl cannot be started. */
export function sendLive(program: string, vm: string): Promise<XlStream> {
  return send([program, 'migrate', '-s', '', vm, joinStream]);
}

/** Sends a VM that stands still meanwhile, where Xen cannot follow what it writes. Rejects where it cannot be started. */
export function sendStopped(program: string, vm: string): Promise<XlStream> {
  return send(['sh', '-c', stoppedSend, program, vm]);
}

async function send([file = '', ...words]: readonly string[]): Promise<XlStream> {
  const child = spawn(file, words, { ...options, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  await once(child, 'spawn');
  const stream = child.stdio[3] as Duplex;
  return follow(child, stream, stream, [child.stdout, child.stderr], () => void stream.destroy());
}

/** Rejects where xl cannot be started. */
export async function receiveByXl(program: string): Promise<XlStream> {
  const child = spawn(program, ['migrate-receive'], { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  await once(child, 'spawn');
  const { stdin, stdout, stderr } = child;
  // What it still says is read to its end: where xl cannot write that it has failed, it leaves its domain behind.
  const cut = (): void => {
    stdin.destroy();
    stdout.unpipe();
    stdout.resume();
  };
  return follow(child, stdin, stdout, [stderr], cut);
}

const options = {
  detached: true,
  env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' },
} as const;

function follow(child: ChildProcess, input: Writable, output: Readable, talk: readonly (Readable | null)[], cut: () => void): XlStream {
  let said = '';
  for (const stream of talk) stream?.on('data', (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-saidBytes)));
  // Both fail where xl has gone, which is seen at its end.
  for (const stream of [input, output]) stream.on('error', () => undefined);
  const ended = new Promise<XlEnd>((resolve) => {
    child.once('exit', (code) => {
      const finish = (): void => {
        clearTimeout(timer);
        for (const stream of [input, output, ...talk]) stream?.destroy();
        resolve({ code, said });
      };
      const timer = setTimeout(finish, heldMs);
      // Its own way to the other host ends with that.
      input.destroy();
      child.once('close', finish);
    });
  });
  const kill = (): void => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  return { input, output, ended, cut, kill };
}
