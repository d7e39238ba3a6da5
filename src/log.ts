import { pino } from 'pino';
import type { Clock, Timer } from './clock.ts';

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

interface DropWindow {
  readonly startedMs: number;
  lines: number;
  suppressed: number;
  summary?: Timer;
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
  readonly #windows = new Map<string, DropWindow>();
  #closed = false;

  constructor(log: Log, clock: Clock, burst = 10, windowMs = 10_000, level: 'info' | 'warn' | 'error' = 'warn') {
    this.#level = level;
    this.#log = log;
    this.#clock = clock;
    this.#burst = burst;
    this.#windowMs = windowMs;
  }

  /** `reason` must come from a closed set of texts, not from the packet: it is the key that is counted. */
  drop(reason: string, fields: LogFields, message = 'dropped'): void {
    const window = this.#window(reason);
    if (window.lines < this.#burst) {
      window.lines++;
      this.#log[this.#level]({ ...fields, reason }, message);
      return;
    }
    window.suppressed++;
    if (this.#closed) return;
    window.summary ??= this.#clock.after(window.startedMs + this.#windowMs - this.#clock.monotonic(), () => this.#end(reason));
  }

  /** Says what was left out until now, and leaves no timer behind. */
  close(): void {
    this.#closed = true;
    for (const reason of this.#windows.keys()) this.#end(reason);
  }

  #window(reason: string): DropWindow {
    const nowMs = this.#clock.monotonic();
    const running = this.#windows.get(reason);
    if (running !== undefined && nowMs - running.startedMs < this.#windowMs) return running;
    this.#end(reason);
    const window: DropWindow = { startedMs: nowMs, lines: 0, suppressed: 0 };
    this.#windows.set(reason, window);
    return window;
  }

  #end(reason: string): void {
    const window = this.#windows.get(reason);
    this.#windows.delete(reason);
    window?.summary?.cancel();
    if (window !== undefined && window.suppressed > 0)
      this.#log[this.#level]({ reason, count: window.suppressed }, 'dropped more, not shown');
  }
}
