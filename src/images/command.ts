import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { ImageError } from './image-error.ts';

export interface CommandOptions {
  /** Everything that it says is appended to this file. */
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Called with each line, for progress. */
  readonly onLine?: (line: string) => void;
}

/**
 * Runs a command in mount and process namespaces of its own: its mounts and children are gone when it ends, when it is
 * aborted and when this process dies, however that happens. Throws ImageError with the last lines it said if it fails.
 */
export function runIsolated(argv: readonly string[], options: CommandOptions): Promise<void> {
  return run(argv[0] ?? '', ['unshare', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', ...argv], options);
}

/** Runs a command that needs no namespaces, for it mounts nothing and has no children. It ends with this process too. */
export function runCommand(argv: readonly string[], options: CommandOptions): Promise<void> {
  return run(argv[0] ?? '', argv, options);
}

async function run(name: string, argv: readonly string[], options: CommandOptions): Promise<void> {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C.UTF-8',
      DEBIAN_FRONTEND: 'noninteractive',
      ...options.env,
    },
    ...(options.signal && { signal: options.signal, killSignal: 'SIGKILL' as const }),
  });
  const log = createWriteStream(options.logFile, { flags: 'a' });
  const tail: string[] = [];
  const take = (chunk: Buffer): void => {
    log.write(chunk);
    for (const line of chunk.toString('utf8').split(/[\r\n]+/)) {
      if (line.trim() === '') continue;
      tail.push(line);
      if (tail.length > 12) tail.shift();
      options.onLine?.(line);
    }
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  let failure: Error | undefined;
  child.once('error', (error) => void (failure = error));
  log.once('error', (error) => void (failure ??= error));
  // Close, not exit and not the abort: it comes when the last child has let go of the pipes and so of the files.
  const [code, killedBy] = await new Promise<readonly [number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('close', (...ended) => resolve(ended));
  });
  // Who reads the error goes on to the log: all of it is there by then.
  log.end();
  if (!log.closed) await once(log, 'close');
  if (failure !== undefined) throw failure;
  if (code === 0) return;
  const how = killedBy === null ? `ended with ${code}` : `was ended by ${killedBy}`;
  const said = tail.map((line) => `  ${line}`).join('\n');
  throw new ImageError('command-failed', `${name} ${how}; its last lines, the others are in ${options.logFile}:\n${said}`);
}

/** Runs shell lines inside a root, with /proc, /sys, /dev and /tmp there for as long as they run. */
export function runInRoot(root: string, script: string, options: CommandOptions): Promise<void> {
  const mounts = [
    'mount -t proc proc "$1/proc"',
    'mount -t sysfs -o ro sysfs "$1/sys"',
    'mount --rbind /dev "$1/dev"',
    'mount -t tmpfs tmpfs "$1/tmp"',
    'exec chroot "$1" /bin/sh -e -c "$2"',
  ];
  return runIsolated(['/bin/sh', '-e', '-c', mounts.join('\n'), 'sh', root, script], options);
}
