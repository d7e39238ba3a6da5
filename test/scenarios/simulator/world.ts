import type { Clock } from '../../../src/clock.ts';
import type { SimDomain, SimHost } from './sim-host.ts';

export interface Breach {
  readonly rule: string;
  readonly detail: string;
}

/** What really is, whatever managers and agents believe, and the log of it. */
export class World {
  readonly clock: Clock;
  readonly hosts = new Map<string, SimHost>();
  readonly lines: string[] = [];
  readonly #startMs: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#startMs = clock.monotonic();
  }

  get elapsedMs(): number {
    return this.clock.monotonic() - this.#startMs;
  }

  say(who: string, what: string): void {
    this.lines.push(`+${(this.elapsedMs / 1000).toFixed(1)}s ${who}: ${what}`);
  }

  host(name: string): SimHost {
    const host = this.hosts.get(name);
    if (host === undefined) throw new Error(`the cluster has no machine ${name}`);
    return host;
  }

  async wait(seconds: number): Promise<void> {
    await new Promise<void>((resolve) => this.clock.after(seconds * 1000, resolve));
  }

  /** Each domain that may do something at this moment: a paused one may be let go on, a built one may be begun. */
  live(): readonly { readonly host: SimHost; readonly domain: SimDomain }[] {
    return [...this.hosts.values()].flatMap((host) => host.live().map((domain) => ({ host, domain })));
  }

  /** Where a domain of this name lives. */
  whereLives(name: string): SimHost {
    const found = this.live().find(({ domain }) => domain.name === name);
    if (found === undefined) throw new Error(`no domain ${name} lives anywhere`);
    return found.host;
  }
}
