import type { HostDetail, HostResource } from '../api/schemas/host.ts';
import { formatAge, formatTime } from './duration.ts';
import { formatFields } from './field-lines.ts';
import type { View } from './output.ts';
import type { Tone } from './table.ts';

const tones: Readonly<Partial<Record<HostResource['state'], Tone>>> = {
  online: 'good',
  suspect: 'bad',
  fencing: 'warning',
  fenced: 'quiet',
};

/** Hosts in tables. `nowMs` is what ages are counted from. */
export function hostView(nowMs: number): View<HostResource> {
  return {
    columns: [
      { head: 'NAME', cell: ({ name }) => name },
      { head: 'STATE', cell: stateText, tone: ({ state }) => tones[state] },
      { head: 'SINCE', cell: ({ since }) => formatAge(since, nowMs), align: 'right' },
      { head: 'ROLE', cell: ({ role }) => role },
      { head: 'VMS', cell: ({ vms }) => vms.length, align: 'right' },
      { head: 'FREE', cell: ({ capacity }) => capacity && `${capacity.freeMib} of ${capacity.memoryMib} MiB`, align: 'right' },
      { head: 'CPUS', cell: ({ capacity }) => capacity?.cpus, align: 'right', wide: true },
      { head: 'BOOT', cell: ({ boot }) => boot, align: 'right', wide: true },
      { head: 'BRIDGES', cell: ({ bridges }) => bridges.join(','), wide: true },
      { head: 'HEARD', cell: ({ heardAt }) => agoText(heardAt, nowMs), align: 'right', wide: true },
      { head: 'REASON', cell: ({ reason }) => reason },
    ],
    name: ({ name }) => name,
    empty: 'there is no host. A machine is one when it has booted an image whose agent reports: virtdom boot list, virtdom machine list',
  };
}

/** A duty that is not the usual one is said with the state. */
function stateText({ state, duty }: HostResource): string {
  return duty === 'active' ? state : `${state}, ${duty}`;
}

function agoText(time: string | undefined, nowMs: number): string | undefined {
  return time === undefined ? undefined : `${formatAge(time, nowMs)} ago`;
}

export function hostDetailView(nowMs: number): View<HostDetail> {
  return {
    ...hostView(nowMs),
    detail: (host) => {
      const { name, reason, since, boot, session, booted, role, roleReason, capacity, bridges, images, heardAt, vms } = host;
      const used = vms.reduce((sum, { memoryMib }) => sum + memoryMib, 0);
      return formatFields([
        ['name', name],
        ['state', `${stateText(host)} since ${formatTime(since)} (${formatAge(since, nowMs)}): ${reason}`],
        ['role', `${role ?? 'none'} (${roleReason})`],
        ['boot', bootText(boot, session, booted)],
        ['heard', heardAt && `${formatTime(heardAt)} (${agoText(heardAt, nowMs)})`],
        ['memory', capacity && `${capacity.freeMib} of ${capacity.memoryMib} MiB free, ${used} MiB of its VMs`],
        ['processors', capacity && String(capacity.cpus)],
        ['bridges', bridges.join(', ')],
        ['images', images.join(', ')],
        ...vms.map((vm, index) => [index === 0 ? 'vms' : '', vmText(vm)] as const),
      ]);
    },
  };
}

function vmText({ name, state, environment, memoryMib, stays }: HostResource['vms'][number]): string {
  const text = `${name} ${state} (${environment}, ${memoryMib} MiB)`;
  return stays === undefined ? text : `${text}; ${name} stays, since ${stays}`;
}

function bootText(boot: number | undefined, session: number, booted: HostDetail['booted']): string | undefined {
  if (boot === undefined) return undefined;
  const { at, attempt, address } = booted ?? {};
  const said = at === undefined ? '' : `, said hello at ${formatTime(at)}${address === undefined ? '' : ` from ${address}`} (${attempt})`;
  return `${boot}, session ${session}${said}`;
}
