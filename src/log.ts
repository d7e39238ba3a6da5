import { pino } from 'pino';
import type { Clock } from './clock.ts';

export type LogFields = Readonly<Record<string, unknown>>;

/** Structured logging: fields first, then one sentence. No field may hold a secret (tokens, passwords, keys). */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A log whose every line also carries `fields`. */
  child(fields: LogFields): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** One JSON object a line on standard output, written synchronously, so that the last line before a crash is there. */
export function jsonLog(level: LogLevel): Log {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    pino.destination({ fd: 1, sync: true }),
  );
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };

/** A log that tests read back. */
export class CapturedLog implements Log {
  readonly lines: { readonly level: LogLevel; readonly fields: LogFields; readonly message: string }[];
  readonly #fields: LogFields;

  constructor(lines: CapturedLog['lines'] = [], fields: LogFields = {}) {
    this.lines = lines;
    this.#fields = fields;
  }

  debug(fields: LogFields, message: string): void {
    this.#add('debug', fields, message);
  }
  info(fields: LogFields, message: string): void {
    this.#add('info', fields, message);
  }
  warn(fields: LogFields, message: string): void {
    this.#add('warn', fields, message);
  }
  error(fields: LogFields, message: string): void {
    this.#add('error', fields, message);
  }
  child(fields: LogFields): Log {
    return new CapturedLog(this.lines, { ...this.#fields, ...fields });
  }
  #add(level: LogLevel, fields: LogFields, message: string): void {
    this.lines.push({ level, fields: { ...this.#fields, ...fields }, message });
  }
}

/**
 * Says why packets are dropped without letting a flood fill the disk: at most `burst` lines per reason in `windowMs`,
 * then one line that counts what was left out when the window ends.
 */
export class DropLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #level: 'info' | 'warn' | 'error';
  readonly #windowMs: number;
  readonly #windows = new Map<string, { startedMs: number; lines: number; suppressed: number }>();

  constructor(log: Log, clock: Clock, burst = 10, windowMs = 10_000, level: 'info' | 'warn' | 'error' = 'warn') {
    this.#level = level;
    this.#log = log;
    this.#clock = clock;
    this.#burst = burst;
    this.#windowMs = windowMs;
  }

  /** `reason` must come from a closed set of texts, not from the packet: it is the key that is counted. */
  drop(reason: string, fields: LogFields, message = 'dropped'): void {
    const nowMs = this.#clock.monotonic();
    const window = this.#windows.get(reason);
    if (window !== undefined && nowMs - window.startedMs < this.#windowMs) {
      if (window.lines < this.#burst) {
        window.lines++;
        this.#log[this.#level]({ ...fields, reason }, message);
      } else window.suppressed++;
      return;
    }
    if (window !== undefined && window.suppressed > 0)
      this.#log[this.#level]({ reason, count: window.suppressed }, 'dropped more, not shown');
    this.#windows.set(reason, { startedMs: nowMs, lines: 1, suppressed: 0 });
    this.#log[this.#level]({ ...fields, reason }, message);
  }
}
