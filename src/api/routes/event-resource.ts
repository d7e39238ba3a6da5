import type { EventFilter, LabEvent } from '../../events/event-store.ts';
import type { EventResource } from '../schemas/event.ts';

export function eventResource({ id, atMs, kind, severity, machine, attempt, detail }: LabEvent): EventResource {
  return {
    id,
    at: new Date(atMs).toISOString(),
    kind,
    severity,
    ...(machine !== undefined && { machine }),
    ...(attempt !== undefined && { attempt }),
    detail: { ...detail },
  };
}

/** The part of an event query that is a filter. */
export function eventFilter(query: {
  readonly kind?: string;
  readonly machine?: string;
  readonly attempt?: string;
  readonly severity?: EventFilter['severity'];
  readonly q?: string;
}): EventFilter {
  const { kind, machine, attempt, severity, q } = query;
  const kinds = kind?.split(',').map((each) => each.trim());
  return {
    ...(kinds !== undefined && { kinds }),
    ...(machine !== undefined && { machine }),
    ...(attempt !== undefined && { attempt }),
    ...(severity !== undefined && { severity }),
    ...(q !== undefined && { q }),
  };
}
