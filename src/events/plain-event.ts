import type { NewEvent } from './event-store.ts';

const maxDetailCharacters = 16_384;
const maxNameCharacters = 512;

/**
 * An event that any database takes, and that nobody changes afterwards: plain JSON of bounded size, without NUL (PostgreSQL
 * refuses it) or half a surrogate pair. One that the store refuses for ever would hold up all that come after it.
 * @throws TypeError where the detail is no JSON: a circle, a bigint
 */
export function plainEvent(event: NewEvent): NewEvent {
  const { atMs, kind, severity, machine, attempt, detail } = event;
  const text = JSON.stringify(detail, (_, value: unknown) => (typeof value === 'string' ? clean(value) : value));
  const plain =
    text.length > maxDetailCharacters
      ? { truncated: clean(text.slice(0, 1_000)), characters: text.length }
      : (JSON.parse(text) as NewEvent['detail']);
  return {
    atMs: Math.round(atMs),
    kind: name(kind),
    severity,
    ...(machine !== undefined && { machine: name(machine) }),
    ...(attempt !== undefined && { attempt: name(attempt) }),
    detail: plain,
  };
}

function name(text: string): string {
  return clean(text).slice(0, maxNameCharacters).toWellFormed();
}

function clean(text: string): string {
  return text.replaceAll('\0', '\u{FFFD}').toWellFormed();
}
