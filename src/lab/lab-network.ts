import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { LabError } from './lab-error.ts';
import { isAbandoned, nextLabName } from './lab-name.ts';
import { runCommand } from './run-command.ts';

export interface LabNetworkOptions {
  /** The bridge's name inside the namespace; that is where the server listens. */
  readonly bridge: string;
  /** Our own addresses on it, with prefix lengths: `192.168.0.5/24`. */
  readonly addresses: readonly string[];
}

/** Waits until our end of its standard input closes, which the kernel does however we die, then removes the namespace. */
const reaperScript = 'cat >/dev/null; for pid in $(ip netns pids "$1"); do kill -KILL "$pid"; done; ip netns del "$1"';

/** A network namespace with one bridge and a tap for each NIC. What is spawned in it dies with this process. */
export class LabNetwork {
  readonly namespace: string;
  readonly bridge: string;
  readonly #reaper: ChildProcess;
  #taps = 0;

  private constructor(namespace: string, bridge: string, reaper: ChildProcess) {
    this.namespace = namespace;
    this.bridge = bridge;
    this.#reaper = reaper;
  }

  /** Throws LabError where this is not root, or where an `ip` command fails. */
  static async create(options: LabNetworkOptions): Promise<LabNetwork> {
    if (process.getuid?.() !== 0)
      throw new LabError('not-root', 'a lab makes network namespaces, which needs root: type sudo and the same line again');
    await sweepAbandoned();
    const namespace = nextLabName();
    await runCommand(['ip', 'netns', 'add', namespace]);
    const reaper = spawn('sh', ['-c', reaperScript, 'virtdom-lab-reaper', namespace], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    reaper.unref();
    const network = new LabNetwork(namespace, options.bridge, reaper);
    try {
      const { bridge } = options;
      await network.ip('link', 'set', 'lo', 'up');
      await network.ip('link', 'add', bridge, 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0');
      for (const address of options.addresses) await network.ip('address', 'add', address, 'dev', bridge);
      await network.ip('link', 'set', bridge, 'up');
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  /** Runs `ip ...` inside the namespace. */
  ip(...args: readonly string[]): Promise<string> {
    return runCommand(['ip', '-n', this.namespace, ...args]);
  }

  /** Makes one more tap on the bridge and returns its name: a tap serves one QEMU. */
  async addTap(): Promise<string> {
    const tap = `tap${++this.#taps}`;
    await this.ip('tuntap', 'add', tap, 'mode', 'tap');
    await this.ip('link', 'set', tap, 'master', this.bridge);
    await this.ip('link', 'set', tap, 'up');
    return tap;
  }

  /** Runs a short command inside the namespace and returns what it printed. */
  exec(argv: readonly string[]): Promise<string> {
    return runCommand(this.#inside(argv));
  }

  /**
   * Starts a program inside the namespace, in a session of its own: a terminal's Ctrl-C reaches only us, and we end it in
   * order. If we die first, the kernel kills it.
   */
  spawn(argv: readonly string[], options: Pick<SpawnOptions, 'stdio' | 'env' | 'cwd'> = {}): ChildProcess {
    const [file = '', ...args] = this.#inside(argv);
    return spawn(file, args, { ...options, detached: true });
  }

  /** Kills what still runs inside and removes the namespace with everything in it. */
  async close(): Promise<void> {
    if (this.#reaper.exitCode !== null) return;
    const gone = once(this.#reaper, 'exit');
    this.#reaper.ref();
    this.#reaper.stdin?.end();
    await gone;
  }

  #inside(argv: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.namespace, 'setpriv', '--pdeathsig', 'KILL', '--', ...argv];
  }
}

/** Removes the namespaces of labs whose process and reaper were both killed. */
async function sweepAbandoned(): Promise<void> {
  for (const name of namespaces().filter((candidate) => isAbandoned(candidate))) {
    const pids = (await runCommand(['ip', 'netns', 'pids', name])).split('\n').filter((line) => line !== '');
    for (const pid of pids) killQuietly(Number(pid));
    await runCommand(['ip', 'netns', 'del', name]).catch((error: unknown) => {
      // Another lab that starts now may have swept it first.
      if (namespaces().includes(name)) throw error;
    });
  }
}

function namespaces(): string[] {
  try {
    return readdirSync('/run/netns');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
