import { spawn } from 'node:child_process';

export type GrubVerdict =
  | { readonly kind: 'sound' }
  /** `line` is of the rendered file. */
  | { readonly kind: 'faulty'; readonly line?: number; readonly message: string }
  | { readonly kind: 'not-checked'; readonly reason: string };

/** Says whether GRUB 2 can read a script. */
export type GrubCheck = (script: string) => Promise<GrubVerdict>;

const program = 'grub-script-check';
const timeoutMs = 5_000;
const maxOutputCharacters = 4_096;

/** GRUB 2 reads what is rendered from `grub.cfg`; an `xl.cfg` has another syntax. */
export function isGrubScript(template: string): boolean {
  return template.endsWith('.cfg') && !template.endsWith('xl.cfg');
}

/** Asks GRUB's own parser, in a process that is bounded in time and output. Never rejects. */
export const grubScriptCheck: GrubCheck = (script) => {
  const { promise, resolve } = Promise.withResolvers<GrubVerdict>();
  let said = '';
  let failure: NodeJS.ErrnoException | undefined;
  const child = spawn(program, [], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin', LC_ALL: 'C' },
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const take = (chunk: Buffer): void => void (said = (said + chunk.toString('utf8')).slice(0, maxOutputCharacters));
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  child.once('error', (error) => void (failure = error));
  // It may have seen enough before it has read everything.
  child.stdin.on('error', () => {});
  child.stdin.end(script);
  child.once('close', (code, signal) => resolve(verdictOf(failure, code, signal, said)));
  return promise;
};

function verdictOf(failure: NodeJS.ErrnoException | undefined, code: number | null, signal: string | null, said: string): GrubVerdict {
  if (failure?.code === 'ENOENT') return { kind: 'not-checked', reason: `${program} is not installed (Debian: grub-common)` };
  if (failure !== undefined) return { kind: 'not-checked', reason: `${program} cannot be run: ${failure.message}` };
  if (signal !== null) return { kind: 'not-checked', reason: `${program} did not end within ${timeoutMs / 1_000} seconds` };
  // Nothing but comments is nothing wrong.
  if (code === 0 || said.includes('contains no commands')) return { kind: 'sound' };
  const line = Number(/at line (\d+)/.exec(said)?.[1]);
  const message =
    said
      .trim()
      .split('\n')[0]
      ?.replace(/^error: /, '') ?? '';
  return { kind: 'faulty', ...(line > 0 && { line }), message: message === '' ? `${program} ended with ${code}` : message };
}
