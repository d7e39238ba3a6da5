import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, globSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A PostgreSQL of a test's own: in a folder that goes away with it, on a unix socket there and on no port. Each database is
 * empty; make one for each test, it is much quicker than a server.
 */
export class PostgresServer {
  /** Of the first database. */
  readonly url: string;
  readonly #folder: string;
  readonly #bin: string;
  #process: ChildProcess | undefined;
  #databases = 0;

  static async start(): Promise<PostgresServer> {
    const bin = binaries();
    const folder = mkdtempSync(join(tmpdir(), 'virtdom-pg-'));
    const server = new PostgresServer(folder, bin);
    try {
      const { uid, gid } = owner();
      if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
      // A service that has dropped its privileges reaches the socket all the same.
      chmodSync(folder, 0o711);
      server.#run('initdb', [
        '-D',
        join(folder, 'data'),
        '-U',
        'virtdom',
        '-A',
        'trust',
        '-E',
        'UTF8',
        '--locale=C',
        '--no-instructions',
        '--no-sync',
      ]);
      await server.resume();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  private constructor(folder: string, bin: string) {
    this.#folder = folder;
    this.#bin = bin;
    this.url = this.#urlOf('postgres');
  }

  /** A new, empty database; returns its URL. */
  createDatabase(): string {
    const name = `test${this.#databases++}`;
    this.sql(`create database ${name}`);
    return this.#urlOf(name);
  }

  /** Runs one command as the superuser, in the first database or the one of `url`. */
  sql(command: string, url = this.url): string {
    return this.#run('psql', ['-X', '-q', '-t', '-A', '-v', 'ON_ERROR_STOP=1', '-d', url, '-c', command]).trim();
  }

  /** Starts it again after `stop`. */
  async resume(): Promise<void> {
    const settings = { listen_addresses: '', unix_socket_directories: this.#folder, max_connections: '100', shared_buffers: '16MB' };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    // As its own process group: Ctrl-C must end the test first, which then ends this.
    const child = spawn(join(this.#bin, 'postgres'), ['-D', join(this.#folder, 'data'), ...args], {
      ...owner(),
      cwd: this.#folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    this.#process = child;
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-10_000)));
    const untilMs = Date.now() + 30_000;
    while (!this.#ready()) {
      if (child.exitCode !== null || Date.now() > untilMs) throw new Error(`PostgreSQL did not start:\n${log}`);
      await sleep(50);
    }
  }

  /** `crash`: SIGQUIT, as if the machine had gone. Its clients lose their connections either way. */
  async stop(how: 'fast' | 'crash' = 'fast'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await exited;
  }

  async close(): Promise<void> {
    await this.stop('crash');
    // Hundreds of files a database: on a busy disk this takes longer than a test may.
    spawn('rm', ['-rf', this.#folder], { detached: true, stdio: 'ignore' }).unref();
  }

  #urlOf(database: string): string {
    return `postgres:///${database}?host=${encodeURIComponent(this.#folder)}&user=virtdom`;
  }

  #ready(): boolean {
    try {
      this.#run('pg_isready', ['-q', '-h', this.#folder]);
      return true;
    } catch {
      return false;
    }
  }

  #run(program: string, args: readonly string[]): string {
    return execFileSync(join(this.#bin, program), args, {
      ...owner(),
      cwd: this.#folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
}

/** The newest ones; Debian keeps them out of PATH. */
function binaries(): string {
  const found = globSync('/usr/lib/postgresql/*/bin/initdb').sort((one, other) => majorOf(other) - majorOf(one));
  const [newest] = found;
  if (newest === undefined) throw new Error('PostgreSQL is not installed: apt-get install postgresql');
  return join(newest, '..');
}

function majorOf(file: string): number {
  return Number(/postgresql\/(\d+)/.exec(file)?.[1]);
}

/** PostgreSQL refuses to run as root: there it runs as the user that Debian makes for it. */
function owner(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const user = existsSync('/var/lib/postgresql') ? 'postgres' : 'nobody';
  const [uid = 0, gid = 0] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' })));
  return { uid, gid };
}
