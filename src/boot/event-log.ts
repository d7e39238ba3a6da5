import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { BootEvent, BootListener } from './boot-event.ts';

interface Limit {
  readonly key: string;
  /** Lines in one window. */
  readonly lines: number;
}

interface Window {
  readonly startedMs: number;
  lines: number;
  suppressed: number;
}

const windowMs = 10_000;
/** GRUB fetches a hundred modules in a second or two; nobody's boot is more than this. */
const linesOfMachine = 500;
const linesOfStrangers = 200;
const linesOfIgnored = 20;

export interface EventLogParts {
  readonly log: Log;
  readonly clock: Clock;
  /** Whether this is the name of a machine of ours, and not one made up for an unknown client. */
  readonly isMachine: (name: string) => boolean;
}

/**
 * Writes each boot event as a line, but lets nobody fill the disk: what strangers do, and what a machine repeats without
 * end, is counted after a while. The stages of our machines always show.
 */
export function eventLog({ log, clock, isMachine }: EventLogParts): BootListener {
  const windows = new Map<string, Window>();
  return (event) => {
    const limit = limitOf(event, isMachine);
    if (limit !== undefined && !admits(limit)) return;
    log.info({ event: 'boot', ...event }, `boot ${event.kind}`);
  };

  function admits({ key, lines }: Limit): boolean {
    const nowMs = clock.monotonic();
    let window = windows.get(key);
    if (window === undefined || nowMs - window.startedMs >= windowMs) {
      if (window !== undefined && window.suppressed > 0) log.warn({ of: key, count: window.suppressed }, 'more boot events, not shown');
      window = { startedMs: nowMs, lines: 0, suppressed: 0 };
      windows.set(key, window);
    }
    if (window.lines >= lines) {
      window.suppressed++;
      return false;
    }
    window.lines++;
    return true;
  }
}

/** Keys are of a closed set: our machines, and a handful of texts. */
function limitOf(event: BootEvent, isMachine: (name: string) => boolean): Limit | undefined {
  if (event.kind === 'ignored' && event.machine === undefined)
    return { key: `unknown clients of ${event.protocol}`, lines: linesOfIgnored };
  if (event.machine === undefined || !isMachine(event.machine)) return { key: 'machines that are not ours', lines: linesOfStrangers };
  return event.kind === 'file' || event.kind === 'ignored' ? { key: event.machine, lines: linesOfMachine } : undefined;
}
