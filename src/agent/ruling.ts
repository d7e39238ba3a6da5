import type { Clock } from '../clock.ts';

/** A start that carries a beat which is older was under way for too long to be believed. */
const freshMs = 10_000;
const maxNonces = 64;

/** Who rules this agent: the session that counts, and the beats that were heard in their order. */
export class Ruling {
  readonly boot: number;
  readonly #clock: Clock;
  readonly #heardMs = new Map<string, number>();
  #session: number;

  constructor(boot: number, session: number, clock: Clock) {
    this.boot = boot;
    this.#session = session;
    this.#clock = clock;
  }

  /** 0 before the first. */
  get session(): number {
    return this.#session;
  }

  /** Sessions only go up. */
  raise(session: number): void {
    this.#session = Math.max(this.#session, session);
  }

  hear(nonce: string): void {
    if (this.#heardMs.has(nonce)) return;
    this.#heardMs.set(nonce, this.#clock.monotonic());
    if (this.#heardMs.size > maxNonces) this.#heardMs.delete(this.#heardMs.keys().next().value ?? '');
  }

  /** Why a start with this nonce is not begun, or undefined. */
  staleness(nonce: string | undefined): string | undefined {
    if (nonce === undefined) return 'a command that starts a domain carries the newest beat; this one carries none';
    const heardMs = this.#heardMs.get(nonce);
    if (heardMs === undefined) return 'the beat that it carries was never heard here';
    const ageMs = this.#clock.monotonic() - heardMs;
    return ageMs > freshMs
      ? `the beat that it carries was heard ${Math.round(ageMs / 1000)} s ago, and ${freshMs / 1000} s are allowed`
      : undefined;
  }
}
