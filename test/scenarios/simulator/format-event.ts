import type { NewEvent } from '../../../src/events/event-store.ts';

const longest = 400;

/** One line of what people are told: kind, machine, then each detail by name; what is worse than information is marked. */
export function formatEvent({ kind, severity, machine, detail }: NewEvent): string {
  const mark = severity === 'error' ? '!! ' : severity === 'warning' ? '! ' : '';
  const words = Object.entries(detail)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? quoted(value) : JSON.stringify(value)}`);
  const text = [`${mark}${kind}`, ...(machine === undefined ? [] : [machine]), ...words].join(' ');
  return text.length > longest ? `${text.slice(0, longest)}...` : text;
}

function quoted(text: string): string {
  return /^[\w.:/@-]+$/.test(text) ? text : JSON.stringify(text);
}
