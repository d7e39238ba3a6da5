import { execFile } from 'node:child_process';
import { open, readdir, readlink, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Clock } from '../../clock.ts';
import { CommandError } from './machine-view.ts';
import type { MachineView } from './machine-view.ts';
import type { PluginRunner } from './plugin-runner.ts';

const maxFileBytes = 1024 * 1024;
const maxXlBytes = 8 * 1024 * 1024;
/** Properties that are asked together run `xl` once. */
const xlFreshMs = 1000;
const questions = { info: ['info'], list: ['list', '-l'], table: ['list'] } as const;

const run = promisify(execFile);

/** This very machine. */
export function localMachineView(parts: { readonly clock: Clock; readonly plugins: PluginRunner; readonly xl?: string }): MachineView {
  const { clock, plugins, xl = '/usr/sbin/xl' } = parts;
  const answers = new Map<string, { readonly atMs: number; readonly text: Promise<string> }>();
  return {
    read,
    list: (folder) => orNothing(readdir(folder)),
    link: (path) => orNothing(readlink(path)),
    async space(path) {
      const found = await orNothing(statfs(path));
      return found === undefined ? undefined : { totalBytes: found.blocks * found.bsize, freeBytes: found.bavail * found.bsize };
    },
    xl(question, signal) {
      const known = answers.get(question);
      if (known !== undefined && clock.monotonic() - known.atMs < xlFreshMs) return known.text;
      const text = runXl(xl, questions[question], signal);
      answers.set(question, { atMs: clock.monotonic(), text });
      text.catch(() => answers.delete(question));
      return text;
    },
    plugin: (file, args, signal) => plugins.run(file, args, signal),
  };
}

/** Files of /proc and /sys have no size that could be asked for. */
async function read(path: string): Promise<string | undefined> {
  const file = await orNothing(open(path, 'r'));
  if (file === undefined) return undefined;
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    while (bytes < maxFileBytes) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(64 * 1024));
      if (bytesRead === 0) break;
      chunks.push(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
    }
    return Buffer.concat(chunks).toString('utf8');
  } catch {
    return undefined; // an interface that is down has no speed: reading it is an error
  } finally {
    await file.close();
  }
}

async function orNothing<Value>(promise: Promise<Value>): Promise<Value | undefined> {
  try {
    return await promise;
  } catch {
    return undefined;
  }
}

async function runXl(xl: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await run(xl, [...args], {
      signal,
      maxBuffer: maxXlBytes,
      killSignal: 'SIGKILL',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C' },
    });
    return stdout;
  } catch (error) {
    const { name, code, stderr = '', message } = error as Error & { code?: string; stderr?: string };
    if (name === 'AbortError') throw new CommandError('timeout', `xl ${args.join(' ')} took too long`, { cause: error });
    if (code === 'ENOENT') throw new CommandError('missing', `there is no ${xl}: this machine runs no Xen tools`, { cause: error });
    throw new CommandError('failed', `xl ${args.join(' ')} failed: ${stderr.trim().slice(-512) || message}`, { cause: error });
  }
}
