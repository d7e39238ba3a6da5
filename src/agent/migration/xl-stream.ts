import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex, Readable, Writable } from 'node:stream';

/** Of what xl says: its end tells why it failed. */
const saidBytes = 64 * 1024;
/** How long the pipes of an xl that has ended may stay open. */
const heldMs = 3000;

export interface XlEnd {
  readonly code: number | null;
  readonly wasKilled: boolean;
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
 * What xl runs by a shell as its way to the other host: its stream is joined with the connection that it was given as its descriptor 3.
 * The words are constant: nothing that comes from anywhere gets into a shell.
 */
const joinStream = 'cat <&3 & exec cat >&3';

/** Rejects where xl cannot be started. */
export async function sendByXl(program: string, vm: string): Promise<XlStream> {
  const child = spawn(program, ['migrate', '-s', '', vm, joinStream], { ...spawnOptions, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  await once(child, 'spawn');
  const stream = child.stdio[3] as Duplex;
  return follow(child, stream, stream, [child.stdout, child.stderr]);
}

/** Rejects where xl cannot be started. */
export async function receiveByXl(program: string): Promise<XlStream> {
  const child = spawn(program, ['migrate-receive'], { ...spawnOptions, stdio: ['pipe', 'pipe', 'pipe'] });
  await once(child, 'spawn');
  return follow(child, child.stdin, child.stdout, [child.stderr]);
}

const spawnOptions = {
  detached: true,
  env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' },
} as const;

function follow(child: ChildProcess, input: Writable, output: Readable, talk: readonly (Readable | null)[]): XlStream {
  let said = '';
  let wasKilled = false;
  for (const stream of talk) stream?.on('data', (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-saidBytes)));
  // Both end in an error where xl has gone; that is seen at its end.
  for (const stream of [input, output]) stream.on('error', () => undefined);
  const ended = new Promise<XlEnd>((resolve) => {
    child.once('exit', (code) => {
      let timer: NodeJS.Timeout | undefined = undefined;
      const finish = (): void => {
        clearTimeout(timer);
        for (const stream of [input, ...talk]) stream?.destroy();
        resolve({ code, wasKilled, said });
      };
      timer = setTimeout(finish, heldMs);
      input.destroy();
      child.once('close', finish);
    });
  });
  return {
    input,
    output,
    ended,
    cut: () => {
      input.destroy();
      output.destroy();
    },
    kill: () => {
      wasKilled = true;
      try {
        process.kill(-(child.pid ?? 0), 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    },
  };
}
