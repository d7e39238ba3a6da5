import { Worker } from 'node:worker_threads';
import type { BulkCalls, BulkNetworks, BulkSettings, ControlCalls } from './bulk-worker.ts';
import type { Clock, Timer } from './clock.ts';
import type { HelloDesk } from './httpboot/hello-desk.ts';
import type { Log } from './log.ts';
import type { BootObserver } from './model/boot-trace.ts';
import type { Ipv4 } from './model/ipv4.ts';
import type { BootTree } from './tftp/boot-tree.ts';
import { ThreadLink } from './thread.ts';

export interface BulkThreadParts {
  readonly settings: BulkSettings & { readonly addresses: readonly Ipv4[] };
  readonly tree: BootTree;
  readonly desk: HelloDesk;
  readonly observer: BootObserver;
  readonly log: Log;
  readonly clock: Clock;
  /** The thread's code, where a test has one of its own. */
  readonly entry?: URL;
}

interface Running {
  readonly worker: Worker;
  readonly link: ThreadLink<BulkCalls>;
}

const firstRestartMs = 100;
const longestRestartMs = 10_000;
/** A thread that lived this long has earned the short wait again. */
const steadyMs = 60_000;
const closeWithinMs = 5_000;

/** The control side of the thread that carries TFTP and HTTP: starts it, answers it, and starts it again when it crashes. */
export class BulkThread {
  readonly #parts: BulkThreadParts;
  readonly #log: Log;
  #networks: BulkNetworks;
  #running: Running | undefined;
  #restart: Timer | undefined;
  #restartMs = firstRestartMs;
  #startedMs = 0;
  #closed = false;

  constructor(parts: BulkThreadParts) {
    this.#parts = parts;
    this.#log = parts.log.child({ thread: 'bulk' });
    const { addresses, tftp } = parts.settings;
    this.#networks = { addresses, ...(tftp.clients && { clients: tftp.clients }) };
  }

  /** Resolves when every port is bound. Rejects with what a person needs to know of the one that could not be; nothing is left behind. */
  async start(): Promise<void> {
    const running = this.#spawn();
    const networks = this.#networks;
    try {
      await running.link.call('start', networks);
      if (this.#networks !== networks) await running.link.call('setNetworks', this.#networks);
      this.#running = running;
      this.#startedMs = this.#parts.clock.monotonic();
    } catch (error) {
      running.worker.removeAllListeners('exit');
      await running.worker.terminate();
      throw error;
    }
  }

  /** Follows addresses and subnets; transfers of those that stay go on. A thread that is being restarted starts with them. */
  async setNetworks(networks: BulkNetworks): Promise<void> {
    this.#networks = networks;
    await this.#running?.link.call('setNetworks', networks);
  }

  /** Clients in mid-transfer are told; resolves when the thread is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#restart?.cancel();
    const running = this.#running;
    if (running === undefined) return;
    let timeout: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timeout = this.#parts.clock.after(closeWithinMs, resolve);
    });
    const closed = running.link.call('close').catch((error: unknown) => this.#log.warn({ err: error }, 'closing TFTP and HTTP failed'));
    await Promise.race([closed, late]);
    timeout?.cancel();
    await running.worker.terminate();
  }

  #spawn(): Running {
    const { tree, desk, observer, settings, entry } = this.#parts;
    const handlers: ControlCalls = {
      open: (request) => tree.open(request),
      hello: (request) => desk.hello(request),
      observe: (observation) => observer.observe(observation),
      log: (level, fields, message) => this.#log[level](fields, message),
    };
    const worker = new Worker(entry ?? new URL('./bulk-worker.ts', import.meta.url), {
      name: 'bulk',
      workerData: { tftp: settings.tftp, http: settings.http } satisfies BulkSettings,
    });
    const running = { worker, link: new ThreadLink<BulkCalls>(worker, handlers) };
    let cause: unknown;
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', (code) => {
      const gone = new Error(`the thread of TFTP and HTTP ended with code ${code}`, { cause });
      running.link.close(gone);
      if (!this.#closed && this.#running === running) this.#onCrash(gone);
    });
    return running;
  }

  #onCrash(error: Error): void {
    this.#running = undefined;
    if (this.#parts.clock.monotonic() - this.#startedMs > steadyMs) this.#restartMs = firstRestartMs;
    this.#log.error({ err: error, restartMs: this.#restartMs }, 'TFTP and HTTP crashed: starting them again');
    this.#restartLater();
  }

  #restartLater(): void {
    this.#restart = this.#parts.clock.after(this.#restartMs, () => void this.#restartNow());
    this.#restartMs = Math.min(this.#restartMs * 2, longestRestartMs);
  }

  async #restartNow(): Promise<void> {
    try {
      await this.start();
      if (this.#closed) await this.close();
      else this.#log.info({}, 'TFTP and HTTP serve again');
    } catch (error) {
      if (this.#closed) return;
      this.#log.error({ err: error, restartMs: this.#restartMs }, 'TFTP and HTTP did not start: trying again');
      this.#restartLater();
    }
  }
}
