import type { EnvironmentResource } from '../api/schemas/environment.ts';
import { formatTime } from './duration.ts';
import { formatFields } from './field-lines.ts';
import { changedColumns } from './object.ts';
import { yamlText } from './output.ts';
import type { View } from './output.ts';
import type { Tone } from './table.ts';

type Status = NonNullable<EnvironmentResource['status']>;
const tones: Readonly<Partial<Record<Status['state'], Tone>>> = { 'as-wanted': 'good', short: 'warning', error: 'bad', paused: 'quiet' };

export const environmentView: View<EnvironmentResource> = {
  columns: [
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'STATE', cell: ({ status }) => status?.state, tone: ({ status }) => status && tones[status.state] },
    { head: 'WANTED', cell: ({ status }) => status?.wanted, align: 'right' },
    { head: 'RUNNING', cell: ({ status }) => status?.running, align: 'right' },
    { head: 'READY', cell: ({ status }) => status?.ready, align: 'right' },
    { head: 'IMAGE', cell: ({ image }) => image },
    { head: 'INSTANCES', cell: ({ instances }) => instances },
    { head: 'MEMORY', cell: ({ memoryMib }) => `${memoryMib} MiB`, align: 'right', wide: true },
    { head: 'COUNT', cell: ({ count }) => countText(count), align: 'right', wide: true },
    { head: 'PRIORITY', cell: ({ priority }) => priority ?? 0, align: 'right', wide: true },
    ...changedColumns,
    { head: 'REASON', cell: ({ status }) => status?.reason },
  ],
  name: ({ name }) => name,
  empty: 'there is no environment: virtdom environment create -f FILE, or virtdom apply -f FILE',
  detail: ({ status, ...environment }) => `${status === undefined ? '' : statusText(status)}${yamlText(environment)}`,
};

function countText(count: EnvironmentResource['count']): string {
  return typeof count === 'number' ? String(count) : `${count.min}-${count.max}`;
}

function statusText({ state, since, reason, wanted, wantedBy, running, ready, starting, troubled, paused }: Status): string {
  return formatFields([
    ['state', `${state}${since === undefined ? '' : ` since ${formatTime(since)}`}: ${reason}`],
    ['wanted', `${wanted} (${wantedBy})`],
    ['there are', `${running} running, ${ready} ready, ${starting} starting, ${troubled} in trouble`],
    ['paused', paused ? 'yes: nothing is started or stopped' : undefined],
  ]);
}

/** `2 of 5 running, 1 starting: …`, as it is told while one waits. */
export function progressText({ state, reason, wanted, running, starting }: Status): string {
  return `${running} of ${wanted} running, ${starting} starting (${state}: ${reason})`;
}
