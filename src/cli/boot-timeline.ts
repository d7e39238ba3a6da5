import type { BootEvent } from '../boot/boot-event.ts';
import { bootStages, type BootStage } from '../model/boot-profile.ts';

/** One line of the table. */
export interface TimelineRow {
  readonly seconds: number;
  readonly stage: string;
  readonly protocol: string;
  /** The file, the address, or what there is to say. */
  readonly what: string;
  readonly bytes: string;
  /** Beside the main line of the boot. */
  readonly aside: boolean;
}

type Of<Kind extends BootEvent['kind']> = Extract<BootEvent, { kind: Kind }>;

/** Turns the events of one power-on into rows. A file that completes a stage is one row, though it is told by two events. */
export class BootTimeline {
  /** When each stage was reached, in seconds since power-on. */
  readonly reached = new Map<BootStage, number>();
  readonly #poweredOnMs: number;
  #finished: Of<'file'> | undefined;

  constructor(poweredOnMs: number) {
    this.#poweredOnMs = poweredOnMs;
  }

  take(event: BootEvent): TimelineRow[] {
    if (event.kind === 'stage' && event.file !== undefined && event.file === this.#finished?.file) {
      this.#finished = undefined;
      return [this.#stageRow(event)];
    }
    const before = this.flush();
    switch (event.kind) {
      case 'stage':
        return [...before, this.#stageRow(event)];
      case 'file':
        if (event.phase === 'finished') this.#finished = event;
        if (event.phase === 'finished' || event.phase === 'opened') return before;
        return [...before, { ...this.#row(event), protocol: event.protocol, what: describeAside(event), aside: true }];
      case 'ignored':
        return [...before, { ...this.#row(event), protocol: event.protocol, what: `ignored: ${event.reason}`, aside: true }];
      case 'resumed':
        return [...before, { ...this.#row(event), what: `goes on: ${event.reason}` }];
      case 'opened':
      case 'up':
      case 'local':
      case 'handed-over':
      case 'waiting':
      case 'stuck':
      case 'failed':
        return before;
    }
  }

  /** The row that waits for whether its file completes a stage, if there is one. */
  flush(): TimelineRow[] {
    const finished = this.#finished;
    this.#finished = undefined;
    return finished === undefined ? [] : [this.#fileRow(finished)];
  }

  /** How long each stage took, from the one before. */
  durations(): { readonly stage: BootStage; readonly seconds: number; readonly took: number }[] {
    let before = 0;
    return bootStages.flatMap((stage) => {
      const seconds = this.reached.get(stage);
      if (seconds === undefined) return [];
      const took = seconds - before;
      before = seconds;
      return [{ stage, seconds, took }];
    });
  }

  #stageRow(event: Of<'stage'>): TimelineRow {
    const row = this.#row(event);
    this.reached.set(event.stage, row.seconds);
    const bytes = event.bytes === undefined ? '' : grouped(event.bytes);
    return { ...row, stage: event.stage, protocol: event.protocol, what: event.file ?? event.address ?? '', bytes };
  }

  #fileRow(event: Of<'file'>): TimelineRow {
    return { ...this.#row(event), protocol: event.protocol, what: event.file, bytes: grouped(event.bytes) };
  }

  #row(event: { readonly atMs: number }): TimelineRow {
    return { seconds: (event.atMs - this.#poweredOnMs) / 1000, stage: '', protocol: '', what: '', bytes: '', aside: false };
  }
}

/** A file that was not had whole. What GRUB aborts it opens again: it looked at its beginning. */
function describeAside({ file, phase, bytes, reason }: Of<'file'>): string {
  if (phase === 'aborted') return `${file} aborted after ${grouped(bytes)} bytes`;
  return `${file} ${phase}${reason === undefined ? '' : `: ${reason}`}`;
}

export const timelineHead = formatCells('SECONDS', 'STAGE', 'PROTOCOL', 'FILE OR ADDRESS', 'BYTES');

export function formatRow(row: TimelineRow): string {
  return formatCells(row.seconds.toFixed(1), row.stage, row.protocol, row.what, row.bytes);
}

function formatCells(seconds: string, stage: string, protocol: string, what: string, bytes: string): string {
  return `${seconds.padStart(8)}  ${stage.padEnd(12)}  ${protocol.padEnd(8)}  ${what.padEnd(32)}  ${bytes.padStart(11)}`.trimEnd();
}

/** `1,234,567`, whatever the machine's language. */
function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
