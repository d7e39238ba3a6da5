import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { BootEvent, BootListener } from './boot-event.ts';
import { type EventLimit, EventWindows } from './event-windows.ts';

export interface EventLogParts {
  readonly log: Log;
  readonly clock: Clock;
  /** Whether this is the name of a machine of ours, and not one made up for an unknown client. */
  readonly isMachine: (name: string) => boolean;
}

/** GRUB fetches a hundred modules in a second or two; nobody's boot is more than this. */
const logLimits = { windowMs: 10_000, ofMachine: 500, ofStrangers: 200, ignored: 20 };
/** A line in a database costs more than one in a log, and is kept longer. */
const storeLimits = { windowMs: 60_000, ofMachine: 300, ofStrangers: 300, ignored: 60 };

type Limits = typeof logLimits;

/**
 * Writes each boot event as a line, but lets nobody fill the disk: what strangers do, and what a machine repeats without
 * end, is counted after a while. The stages of our machines always show.
 */
export function eventLog({ log, clock, isMachine }: EventLogParts): BootListener {
  const windows = new EventWindows(clock, logLimits.windowMs, (of, count) => log.warn({ of, count }, 'more boot events, not shown'));
  return (event) => {
    const limit = limitOf(event, isMachine, logLimits);
    if (limit === undefined || windows.admits(limit)) log.info({ event: 'boot', ...event }, `boot ${event.kind}`);
  };
}

/**
 * Passes on what is worth a row in a database: the stages of our machines always; files, ignored packets and what strangers
 * do within bounds. That a file was asked for is not kept, only what came of it.
 */
export function keptEvents({ log, clock, isMachine }: EventLogParts, next: BootListener): BootListener {
  const windows = new EventWindows(clock, storeLimits.windowMs, (of, count) => log.warn({ of, count }, 'more boot events, not kept'));
  return (event) => {
    if (event.kind === 'file' && event.phase === 'opened') return;
    const limit = limitOf(event, isMachine, storeLimits);
    if (limit === undefined || windows.admits(limit)) next(event);
  };
}

/** Keys are of a closed set: our machines, and a handful of texts. */
function limitOf(event: BootEvent, isMachine: (name: string) => boolean, limits: Limits): EventLimit | undefined {
  if (event.kind === 'ignored' && event.machine === undefined)
    return { key: `unknown clients of ${event.protocol}`, events: limits.ignored };
  if (event.machine === undefined || !isMachine(event.machine)) return { key: 'machines that are not ours', events: limits.ofStrangers };
  return event.kind === 'file' || event.kind === 'ignored' ? { key: event.machine, events: limits.ofMachine } : undefined;
}
