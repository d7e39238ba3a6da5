import type { EventFilter, LabEvent, NewEvent, Severity } from './event-store.ts';

const severities: readonly Severity[] = ['debug', 'info', 'warning', 'error'];

export function severityRank(severity: Severity): number {
  return severities.indexOf(severity);
}

/** A severity and all that are worse. */
export function severitiesFrom(severity: Severity): readonly Severity[] {
  return severities.slice(severityRank(severity));
}

const searched = new WeakMap<NewEvent, string>();

/**
 * Whether a filter lets an event through, as the store's own query would: test/events/filter-cases.ts holds both to one
 * table. An empty list of kinds is no condition; `sinceMs` belongs to the time asked for, `untilMs` does not; `q` is taken
 * literally, the case of ASCII letters does not count, and of the detail its JSON text is searched.
 */
export function matchesFilter(filter: EventFilter, event: LabEvent | NewEvent): boolean {
  const { kinds = [], machine, attempt, severity, q, sinceMs, untilMs } = filter;
  if (kinds.length > 0 && !kinds.some((kind) => matchesKind(kind, event.kind))) return false;
  if (machine !== undefined && machine !== event.machine) return false;
  if (attempt !== undefined && attempt !== event.attempt) return false;
  if (severity !== undefined && severityRank(event.severity) < severityRank(severity)) return false;
  if (sinceMs !== undefined && event.atMs < sinceMs) return false;
  if (untilMs !== undefined && event.atMs >= untilMs) return false;
  return q === undefined || q === '' || textOf(event).includes(asciiLower(q));
}

function matchesKind(wanted: string, kind: string): boolean {
  return wanted.endsWith('.*') ? kind.startsWith(wanted.slice(0, -1)) : kind === wanted;
}

/** Made once for all who search: a hundred subscribers may look at one event. A line break keeps the parts apart. */
function textOf(event: NewEvent): string {
  let text = searched.get(event);
  if (text === undefined) {
    text = asciiLower(`${event.kind}\n${event.machine ?? ''}\n${JSON.stringify(event.detail)}`);
    searched.set(event, text);
  }
  return text;
}

function asciiLower(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
