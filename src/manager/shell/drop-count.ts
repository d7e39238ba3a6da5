import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';

const everyMs = 60_000;
const mostNamed = 256;

/** What was heard of agents and thrown away: a line of the log once a minute, with how much of whom. */
export class DropCount {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #hosts = new Map<string, number>();
  #count = 0;
  #saidMs = Number.NEGATIVE_INFINITY;

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = clock;
    this.#log = log;
  }

  add(host: string): void {
    this.#count++;
    if (this.#hosts.size < mostNamed || this.#hosts.has(host)) this.#hosts.set(host, (this.#hosts.get(host) ?? 0) + 1);
  }

  /** To be called from time to time. */
  say(): void {
    const nowMs = this.#clock.monotonic();
    if (this.#count === 0 || nowMs - this.#saidMs < everyMs) return;
    this.#saidMs = nowMs;
    const hosts = Object.fromEntries([...this.#hosts].sort((a, b) => b[1] - a[1]).slice(0, 10));
    this.#log.warn({ count: this.#count, hosts }, 'agents said more than is heard: messages were dropped');
    this.#count = 0;
    this.#hosts.clear();
  }
}
