import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import type { AgentMessageOf } from '../manager/protocol.ts';
import type { HostNetworks, Hypervisor } from './parts.ts';

export type Facts = NonNullable<AgentMessageOf<'CONTROLVAL'>['facts']>;

interface FactsParts {
  readonly hypervisor: Pick<Hypervisor, 'info'>;
  readonly networks: Pick<HostNetworks, 'list'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
}

const refreshMs = 30_000;

/** What the host has, looked at now and then and whenever something was changed. */
export class HostFacts {
  readonly #parts: FactsParts;
  #facts: Facts | undefined;
  #said: string | undefined;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(parts: FactsParts) {
    this.#parts = parts;
  }

  get bridges(): readonly string[] {
    return this.#facts?.bridges ?? [];
  }

  /** All of them, for a new session. */
  all(): Facts | undefined {
    this.#said = JSON.stringify(this.#facts);
    return this.#facts;
  }

  /** Where they have changed since they were said last. */
  news(): Facts | undefined {
    return JSON.stringify(this.#facts) === this.#said ? undefined : this.all();
  }

  /** Looks anew; a look that is being made is followed by another. */
  refresh(): Promise<void> {
    if (this.#running !== undefined) {
      this.#again = true;
      return this.#running;
    }
    this.#timer?.cancel();
    this.#running = this.#look().finally(() => {
      this.#running = undefined;
      if (this.#closed) return;
      if (this.#again) {
        this.#again = false;
        void this.refresh();
      } else this.#timer = this.#parts.clock.after(refreshMs, () => void this.refresh());
    });
    return this.#running;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { hypervisor, networks, log, version } = this.#parts;
    try {
      const [info, { bridges, nics, address }] = await Promise.all([hypervisor.info(), networks.list()]);
      this.#facts = {
        agent: version.slice(0, 32),
        hypervisor: info.version.slice(0, 64),
        memoryMib: info.memoryMib,
        freeMib: info.freeMib,
        cpus: info.cpus,
        bridges: bridges.slice(0, 256),
        nics: nics.slice(0, 64),
        ...(address !== undefined && { address }),
      };
    } catch (error) {
      log.warn({ err: error }, 'what this host has cannot be found out');
    }
  }
}
