import type { BootEvent } from '../boot/boot-event.ts';
import type { NewEvent, Severity } from './event-store.ts';

/** What needs somebody to look stands out; single packets and files are for who looks closely. */
const severityOf: Readonly<Record<BootEvent['kind'], Severity>> = {
  opened: 'info',
  stage: 'info',
  file: 'debug',
  waiting: 'info',
  up: 'info',
  local: 'info',
  'handed-over': 'info',
  stuck: 'warning',
  resumed: 'info',
  failed: 'error',
  ignored: 'debug',
};

/** A boot's event as it is kept: `boot.stuck`, with all that is not said by other fields as its detail. */
export function bootEventOf(event: BootEvent): NewEvent {
  const { kind, atMs, machine, attempt, ...detail } = event;
  return {
    atMs,
    kind: `boot.${kind}`,
    severity: severityOf[kind],
    ...(machine !== undefined && { machine }),
    ...(attempt !== undefined && { attempt }),
    detail,
  };
}
