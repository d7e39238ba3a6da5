import type { BootEvent } from '../boot/boot-event.ts';
import { systemClock, type Clock, type Timer } from '../clock.ts';
import { bootStages, type BootStage } from '../model/boot-profile.ts';

/** What a person is told when a boot does not go on. */
export interface BootFailure {
  readonly kind: 'stuck' | 'broken';
  readonly headline: string;
  readonly lastStage: string;
  readonly lastPacket: string;
  readonly expected: string;
  readonly causes: readonly string[];
}

export type Verdict = BootFailure | { readonly kind: 'up' } | { readonly kind: 'interrupted' };

/** The server says when a boot is stuck; this much later we say it ourselves, for a machine that it never heard of. */
const graceSeconds = 15;

/** What comes next after each stage, for when the server did not live to say it. */
const expectedPackets: Readonly<Record<BootStage, string>> = {
  discover: 'a DHCP DISCOVER from the machine',
  offer: 'our DHCP OFFER',
  lease: 'a DHCP REQUEST, and our ACK',
  loader: 'the whole boot loader by TFTP or HTTP',
  menu: 'the whole menu by TFTP or HTTP',
  kernel: 'the whole kernel by TFTP or HTTP',
  'kernel-lease': "the kernel's own DHCP REQUEST, and our ACK",
  mount: 'an NFS MOUNT of the image',
  hello: 'POST /boot/v1/hello with the boot token',
};

/** Follows the events of one machine's boot and says how it went. */
export class BootVerdict {
  readonly #machine: string;
  readonly #stageSeconds: Readonly<Record<BootStage, number>>;
  readonly #clock: Clock;
  #last: BootStage | undefined;
  #lastPacket = 'none';
  #waiting: ((verdict: Verdict) => void) | undefined;
  readonly #verdicts: Verdict[] = [];
  #timer: Timer | undefined;

  constructor(machine: string, stageSeconds: Readonly<Record<BootStage, number>>, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#machine = machine;
    this.#stageSeconds = stageSeconds;
  }

  /** The machine was switched on: its first stage is waited for from now on. */
  begin(): void {
    this.#watch('discover');
  }

  take(event: BootEvent): void {
    switch (event.kind) {
      case 'stage':
        this.#last = event.stage;
        this.#lastPacket = `${event.protocol.toUpperCase()} ${event.file ?? event.address ?? event.stage}`;
        this.#watch(bootStages[bootStages.indexOf(event.stage) + 1]);
        return;
      case 'file':
        this.#lastPacket = `${event.protocol.toUpperCase()} ${event.file} ${event.phase} (${event.bytes} bytes)`;
        return;
      case 'up':
        this.#watch(undefined);
        this.#say({ kind: 'up' });
        return;
      case 'stuck': {
        this.#watch(undefined);
        const { lastStage, lastPacket, expectedPacket, waitedSeconds, causes } = event;
        const headline = `${this.#machine} is stuck: ${waitedSeconds} s since ${lastStage}`;
        this.#say({ kind: 'stuck', headline, lastStage, lastPacket, expected: expectedPacket, causes });
        return;
      }
      case 'failed':
        this.#watch(undefined);
        this.#say({ ...this.broken(`${this.#machine} failed: ${event.reason}`), lastStage: event.lastStage, lastPacket: event.lastPacket });
        return;
      case 'opened':
      case 'local':
      case 'handed-over':
      case 'waiting':
      case 'resumed':
      case 'ignored':
        return;
    }
  }

  /** The next verdict that was not yet handed out. */
  next(): Promise<Verdict> {
    const ready = this.#verdicts.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    return new Promise((resolve) => (this.#waiting = resolve));
  }

  /** Something that the boot needs is gone. */
  broken(headline: string): BootFailure {
    this.#watch(undefined);
    return { kind: 'broken', headline, ...this.#position(), causes: [] };
  }

  #watch(expected: BootStage | undefined): void {
    this.#timer?.cancel();
    if (expected === undefined) return;
    const seconds = this.#stageSeconds[expected] + graceSeconds;
    this.#timer = this.#clock.after(seconds * 1000, () => {
      const headline = `${this.#machine} is stuck: ${seconds} s since ${this.#last ?? 'it was switched on'}`;
      this.#say({ kind: 'stuck', headline, ...this.#position(), causes: ['the server said nothing of this boot: see its log'] });
    });
  }

  #position(): Pick<BootFailure, 'lastStage' | 'lastPacket' | 'expected'> {
    const next = bootStages[this.#last === undefined ? 0 : bootStages.indexOf(this.#last) + 1];
    return {
      lastStage: this.#last ?? 'none',
      lastPacket: this.#lastPacket,
      expected: next === undefined ? 'nothing more' : expectedPackets[next],
    };
  }

  #say(verdict: Verdict): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#verdicts.push(verdict);
    else waiting(verdict);
  }
}

/** The failure in words, for a person or a log. */
export function describeFailure({ headline, lastStage, lastPacket, expected, causes }: BootFailure): string {
  return [
    headline,
    `  last stage reached: ${lastStage}`,
    `  last packet seen:   ${lastPacket}`,
    `  next one expected:  ${expected}`,
    ...causes.map((cause, index) => `${index === 0 ? '  likely causes:    ' : '                    '}- ${cause}`),
  ].join('\n');
}
