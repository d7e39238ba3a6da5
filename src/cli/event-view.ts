import type { EventResource } from '../api/schemas/event.ts';
import { formatTime } from './duration.ts';
import type { View } from './output.ts';
import type { Tone } from './table.ts';

const tones: Readonly<Partial<Record<EventResource['severity'], Tone>>> = { error: 'bad', warning: 'warning', debug: 'quiet' };

export const eventView: View<EventResource> = {
  columns: [
    { head: 'NUMBER', cell: ({ id }) => id, align: 'right', width: 8, wide: true },
    { head: 'TIME (UTC)', cell: ({ at }) => formatTime(at), width: 19 },
    { head: 'KIND', cell: ({ kind }) => kind, width: 18, tone: ({ severity }) => tones[severity] },
    { head: 'MACHINE', cell: ({ machine }) => machine, width: 17 },
    { head: 'BOOT', cell: ({ attempt }) => attempt, width: 14, wide: true },
    { head: 'WHAT', cell: ({ kind, detail }) => describeDetail(kind, detail) },
  ],
  name: ({ id }) => String(id),
  empty: 'no event fits',
};

type Detail = EventResource['detail'];

/** What there is to say of an event beside its kind, in one line. */
export function describeDetail(kind: string, detail: Detail): string {
  const value = (key: string): string | undefined => {
    const each = detail[key];
    return each === undefined || each === null ? undefined : typeof each === 'string' ? each : JSON.stringify(each);
  };
  switch (kind) {
    case 'boot.stage':
      return joined([value('stage'), value('protocol'), value('file') ?? value('address'), bytesText(detail['bytes'])]);
    case 'boot.file':
      return joined([value('protocol'), value('file'), value('phase'), bytesText(detail['bytes']), value('reason')]);
    case 'boot.stuck':
      return `${value('waitedSeconds')} s since ${value('lastStage')}; waits for ${value('expectedPacket')}`;
    case 'boot.failed':
      return `${value('reason')} (reached ${value('lastStage')})`;
    case 'boot.opened':
      return joined([value('profile'), value('image'), value('reason')]);
    case 'boot.ignored':
      return joined([value('protocol'), value('address'), value('reason')]);
    default:
      return value('reason') === undefined ? pairsOf(detail, value) : `${subject(value)}${value('reason')}`;
  }
}

/** Which thing of a machine a reason is about, where it is not the machine itself. */
function subject(value: (key: string) => string | undefined): string {
  const name = value('vm') ?? value('trigger') ?? value('environment');
  return name === undefined ? '' : `${name}: `;
}

function pairsOf(detail: Detail, value: (key: string) => string | undefined): string {
  return Object.keys(detail)
    .map((key) => `${key}=${value(key)}`)
    .join(' ');
}

export function bytesText(bytes: unknown): string | undefined {
  return typeof bytes === 'number' ? `${bytes.toLocaleString('en-US')} B` : undefined;
}

function joined(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(' ');
}
