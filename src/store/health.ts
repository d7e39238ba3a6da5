import type { Clock, Timer } from '../clock.ts';

type Part = 'write' | 'listen';

export interface HealthParts {
  readonly clock: Clock;
  /** With what went wrong first, and undefined when all is well again: in turns. */
  readonly tell: (reason: string | undefined) => void;
  /** A write that changes nothing. */
  readonly probe: () => Promise<void>;
}

const probeMs = 1000;

/** Whether the database takes what it is given: one report when that changes, however many writes fail. */
export class Health {
  readonly #parts: HealthParts;
  readonly #reasons = new Map<Part, string>();
  #failing = false;
  #probing: Timer | undefined;
  #closed = false;

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  failed(part: Part, reason: string): void {
    if (!this.#reasons.has(part)) this.#reasons.set(part, reason);
    // Only a probe says that writes are well again: one that came through among many that fail would fill the log.
    if (part === 'write' && !this.#closed) this.#probing ??= this.#parts.clock.after(probeMs, () => void this.#probe());
    this.#tell();
  }

  succeeded(part: Part): void {
    this.#reasons.delete(part);
    this.#tell();
  }

  close(): void {
    this.#closed = true;
    this.#probing?.cancel();
  }

  async #probe(): Promise<void> {
    this.#probing = undefined;
    try {
      await this.#parts.probe();
      this.succeeded('write');
    } catch (error) {
      this.failed('write', (error as Error).message);
    }
  }

  #tell(): void {
    const [reason] = this.#reasons.values();
    const failing = reason !== undefined;
    if (failing === this.#failing || this.#closed) return;
    this.#failing = failing;
    this.#parts.tell(reason);
  }
}
