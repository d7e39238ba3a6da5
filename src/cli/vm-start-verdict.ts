import { systemClock, type Clock, type Timer } from '../clock.ts';
import type { ServeLine } from '../lab/serve-process.ts';
import type { TimelineRow } from './boot-timeline.ts';

export type VmStart =
  | { readonly kind: 'ready'; readonly vm: string; readonly host: string; readonly address?: string }
  | { readonly kind: 'late'; readonly headline: string; /** What the manager said last. */ readonly last: readonly string[] };

const lastWords = 8;

/** Follows what the manager says, from a Dom0's hello to the first VM that is ready. */
export class VmStartVerdict {
  readonly #withinSeconds: number;
  readonly #clock: Clock;
  readonly #said: string[] = [];
  readonly #outcome = Promise.withResolvers<VmStart>();
  #poweredOnMs: number | undefined;
  #timer: Timer | undefined;

  constructor(withinSeconds: number, clock: Clock = systemClock) {
    this.#withinSeconds = withinSeconds;
    this.#clock = clock;
  }

  get outcome(): Promise<VmStart> {
    return this.#outcome.promise;
  }

  poweredOn(atMs: number): void {
    this.#poweredOnMs = atMs;
  }

  /** The Dom0 has said hello: from now on its agent and a VM are waited for. */
  begin(): void {
    this.#timer = this.#clock.after(this.#withinSeconds * 1000, () => {
      const headline = `no VM was ready within ${this.#withinSeconds} s of the hello`;
      this.#outcome.resolve({ kind: 'late', headline, last: this.#said.slice(-lastWords) });
    });
  }

  end(): void {
    this.#timer?.cancel();
  }

  /** The row to show, where it is something that the manager says since the machine was switched on. */
  take(line: ServeLine): TimelineRow | undefined {
    if (line['event'] !== 'manager') return undefined;
    const kind = textOf(line['kind']);
    const host = textOf(line['machine']);
    const vm = textOf(line['vm']);
    const address = textOf(line['address']);
    const what = [vm === '' ? host : vm, textOf(line['reason']) || address].filter((part) => part !== '').join(': ');
    this.#said.push(`${kind} ${what}`);
    if (kind === 'vm.ready') {
      this.#timer?.cancel();
      this.#outcome.resolve({ kind: 'ready', vm, host, ...(address !== '' && { address }) });
    }
    if (this.#poweredOnMs === undefined) return undefined;
    const seconds = (this.#clock.now() - this.#poweredOnMs) / 1000;
    return { seconds, stage: kind, protocol: 'bus', what, bytes: '', aside: false };
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
