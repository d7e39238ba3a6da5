import { InvalidArgumentError } from 'commander';

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90`, `90s`, `10m`, `1h30m`, `2d` in seconds; for commander, which tells what is wrong. */
export function parseSeconds(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const parts = [...text.matchAll(/(\d{1,9})([smhd])/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text)
    throw new InvalidArgumentError('Expected a time such as 90s, 10m, 1h30m or 2d.');
  return parts.reduce((sum, [, count, unit = 's']) => sum + Number(count) * (secondsOf[unit] ?? 1), 0);
}

/** A count for commander. */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a number from 1.');
}

/** A time for a query: RFC 3339, or how long ago: `2h`. */
export function parseMoment(text: string): string {
  if (/^[\dsmhd]+$/.test(text)) return new Date(Date.now() - parseSeconds(text) * 1000).toISOString();
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('Expected a time such as 2026-03-01T09:30:00Z, or how long ago, such as 2h.');
  return new Date(ms).toISOString();
}

/** How long ago, in the largest unit that says enough: `48s`, `12m`, `5h`, `3d`. */
export function formatAge(time: string | undefined, nowMs: number): string | undefined {
  if (time === undefined) return undefined;
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? undefined : formatSeconds(Math.max(0, (nowMs - ms) / 1000));
}

export function formatSeconds(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** A time as tables show it, in UTC to the second. */
export function formatTime(time: string | undefined): string | undefined {
  return time?.replace('T', ' ').replace(/\.\d+Z$|Z$/, '');
}
