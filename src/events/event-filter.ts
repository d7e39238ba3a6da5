import type { EventFilter, NewEvent, Severity } from './event-store.ts';

const severities: readonly Severity[] = ['debug', 'info', 'warning', 'error'];

export function severityRank(severity: Severity): number {
  return severities.indexOf(severity);
}

/** A severity and all that are worse. */
export function severitiesFrom(severity: Severity): readonly Severity[] {
  return severities.slice(severityRank(severity));
}

const searched = new WeakMap<NewEvent, SearchedText>();

/** In lower case, as far as ASCII goes. */
interface SearchedText {
  readonly kind: string;
  readonly machine: string;
  /** Its JSON. */
  readonly detail: string;
}

/**
 * Whether a filter lets an event through, as the store's own query would: test/events/filter-cases.ts holds both to one
 * table. An empty list of kinds is no condition, and `*` is all of them; both times belong to what is asked for; `q` is
 * taken literally but for the case of ASCII letters, and the detail is searched as its JSON.
 */
export function matchesFilter(filter: EventFilter, event: NewEvent): boolean {
  const { kinds = [], machine, attempt, severity, q, sinceMs, untilMs } = filter;
  if (kinds.length > 0 && !kinds.some((kind) => matchesKind(kind, event.kind))) return false;
  if (machine !== undefined && machine !== event.machine) return false;
  if (attempt !== undefined && attempt !== event.attempt) return false;
  if (severity !== undefined && severityRank(event.severity) < severityRank(severity)) return false;
  if (sinceMs !== undefined && event.atMs < sinceMs) return false;
  if (untilMs !== undefined && event.atMs > untilMs) return false;
  return q === undefined || q === '' || holdsText(event, q);
}

function matchesKind(wanted: string, kind: string): boolean {
  if (wanted === '*') return true;
  return wanted.endsWith('.*') ? kind.startsWith(wanted.slice(0, -1)) : kind === wanted;
}

function holdsText(event: NewEvent, q: string): boolean {
  // Made once for all who search: a hundred subscribers may look at one event.
  let text = searched.get(event);
  if (text === undefined) {
    const { kind, machine = '', detail } = event;
    text = { kind: asciiLower(kind), machine: asciiLower(machine), detail: asciiLower(JSON.stringify(detail)) };
    searched.set(event, text);
  }
  const wanted = asciiLower(q);
  // Quotes and line ends have a backslash before them there.
  return text.kind.includes(wanted) || text.machine.includes(wanted) || text.detail.includes(asciiLower(JSON.stringify(q).slice(1, -1)));
}

function asciiLower(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
