import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A message broker of somebody else's, as a process of a test's own on the loopback. */
export class BrokerProcess {
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #port: number;
  #child: ChildProcess | undefined;

  constructor(program: string, args: readonly string[], port: number) {
    this.#program = program;
    this.#args = args;
    this.#port = port;
  }

  /** Debian keeps servers out of the PATH of most users. */
  static find(name: string): string {
    const found = [`/usr/sbin/${name}`, `/usr/bin/${name}`].find((file) => existsSync(file));
    if (found === undefined) throw new Error(`${name} is not installed: apt-get install ${name}`);
    return found;
  }

  async start(): Promise<void> {
    // As its own process group: Ctrl-C must end the test first, which then ends this.
    const child = spawn(this.#program, this.#args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.#child = child;
    let log = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-10_000)));
    const untilMs = Date.now() + 20_000;
    while (!(await listens(this.#port))) {
      if (child.exitCode !== null || Date.now() > untilMs) throw new Error(`${this.#program} did not start:\n${log}`);
      await sleep(20);
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
