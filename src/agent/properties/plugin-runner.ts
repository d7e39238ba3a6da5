import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { lstat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { isPluginName } from './commands/exec.ts';
import { CommandError } from './machine-view.ts';
import { withinLimits } from './plugin-limits.ts';
import type { PluginLimits } from './plugin-limits.ts';
import { endLeftovers } from './plugin-user.ts';
import type { PluginUser } from './plugin-user.ts';

export interface PluginSettings {
  /** `/etc/virtdom/plugins` */
  readonly folder: string;
  /** Who owns the folder and its scripts; root but in tests. */
  readonly owner: number;
  /** Who runs them; without one, who runs the agent. */
  readonly user?: PluginUser;
  /** Of those who have a user. */
  readonly limits?: PluginLimits;
  readonly maxOutputBytes: number;
}

const writableByOthers = 0o022;
const executable = 0o111;
const reasonBytes = 512;
const lateOutputMs = 500;

/**
 * Runs scripts of one folder, each as its own process group without anything of the agent's environment. A script may leave its group;
 * what it leaves running there is found by its user, where plugins have one of their own.
 */
export class PluginRunner {
  readonly #settings: PluginSettings;
  readonly #running = new Set<string>();
  /** Their processes, which lead their groups. */
  readonly #leaders = new Set<number>();
  #cleaning: Promise<void> = Promise.resolve();

  constructor(settings: PluginSettings) {
    this.#settings = settings;
  }

  /** What the script writes to its standard output. @throws CommandError */
  async run(file: string, args: readonly string[], signal: AbortSignal): Promise<string> {
    const path = await this.#checked(file);
    if (this.#running.has(file)) throw new CommandError('busy', `${file} is still running from the last time`);
    this.#running.add(file);
    try {
      await this.#cleaned();
      return await this.#spawn(file, path, args, signal);
    } finally {
      await this.clean().finally(() => this.#running.delete(file));
    }
  }

  /** Ends what is part of no running plugin, also what an agent before this one has left. */
  clean(): Promise<void> {
    const { user } = this.#settings;
    if (user === undefined) return Promise.resolve();
    // One after the other, each with those that run by then.
    const cleaning = this.#cleaning.then(() => endLeftovers(user, this.#leaders));
    this.#cleaning = cleaning.catch(() => undefined);
    return cleaning;
  }

  /** What is ended takes no plugin with it that has only just begun. */
  async #cleaned(): Promise<void> {
    for (let cleaning; cleaning !== this.#cleaning;) {
      cleaning = this.#cleaning;
      await cleaning;
    }
  }

  /** Nobody but its owner can have put it there, or changes it now. */
  async #checked(file: string): Promise<string> {
    const { folder, owner } = this.#settings;
    if (!isPluginName(file)) throw new CommandError('refused', `${JSON.stringify(file)} is not the name of a file in ${folder}`);
    const path = join(folder, file);
    const [ofFolder, ofFile] = await Promise.all([statOf(folder), statOf(path)]);
    if (ofFolder === undefined || ofFile === undefined) throw new CommandError('missing', `there is no ${path}`);
    if (!ofFolder.isDirectory()) throw new CommandError('refused', `${folder} is not a folder`);
    if (!ofFile.isFile()) throw new CommandError('refused', `${path} is not a plain file: links are not followed`);
    for (const [name, stats] of [
      [folder, ofFolder],
      [path, ofFile],
    ] as const) {
      if (stats.uid !== owner) throw new CommandError('refused', `${name} belongs to user ${stats.uid}, expected ${owner}: chown it`);
      if ((stats.mode & writableByOthers) !== 0) throw new CommandError('refused', `${name} may be written by others: chmod go-w ${name}`);
    }
    if ((ofFile.mode & executable) === 0) throw new CommandError('refused', `${path} is not executable: chmod +x ${path}`);
    return path;
  }

  async #spawn(file: string, path: string, args: readonly string[], signal: AbortSignal): Promise<string> {
    const { user, limits, maxOutputBytes } = this.#settings;
    if (signal.aborted) throw new CommandError('timeout', `${file} was not begun in time`);
    const [program, words] = user === undefined || limits === undefined ? [path, args] : withinLimits(limits, path, args);
    const child = spawn(program, words, {
      cwd: '/',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', HOME: '/' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      ...(user !== undefined && { uid: user.uid, gid: user.gid }),
    });
    if (child.pid !== undefined) this.#leaders.add(child.pid);
    const output: Buffer[] = [];
    let errors = '';
    let bytes = 0;
    let stopped: CommandError | undefined;
    const stop = (error: CommandError): void => {
      stopped ??= error;
      killGroup(child);
    };
    const onAbort = (): void => stop(new CommandError('timeout', `${file} ran for too long and was stopped`));
    signal.addEventListener('abort', onAbort, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxOutputBytes)
        stop(new CommandError('too-large', `${file} wrote more than ${maxOutputBytes / 1024} KiB and was stopped`));
      else output.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString('utf8')).slice(-reasonBytes);
    });
    try {
      const { code, signal: by } = await ended(child);
      if (stopped !== undefined) throw stopped;
      if (code === 0) return Buffer.concat(output).toString('utf8');
      const said = errors.trim() === '' ? '' : `: ${errors.trim()}`;
      throw new CommandError('failed', `${file} ended with ${code === null ? String(by) : `status ${code}`}${said}`);
    } finally {
      if (child.pid !== undefined) this.#leaders.delete(child.pid);
      signal.removeEventListener('abort', onAbort);
    }
  }
}

/**
 * The script has ended, or could not be started. What it left running in its group is killed then, and what has left the group may
 * hold the pipes for ever: nobody waits for it.
 */
function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve, reject) => {
    let letGo: NodeJS.Timeout | undefined;
    child.once('error', (error) => reject(new CommandError('failed', `it could not be started: ${error.message}`, { cause: error })));
    child.once('exit', () => {
      killGroup(child);
      letGo = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, lateOutputMs);
    });
    child.once('close', (code, signal) => {
      clearTimeout(letGo);
      resolve({ code, signal });
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch {
    return undefined;
  }
}
