import type { ManagerResource } from '../api/schemas/manager.ts';
import { formatAge, formatTime } from './duration.ts';
import { formatFields } from './field-lines.ts';
import type { View } from './output.ts';

type Field = readonly [name: string, value: string | undefined];

export function managerView(nowMs: number): View<ManagerResource> {
  return {
    columns: [
      { head: 'NAME', cell: ({ name }) => name },
      { head: 'STATE', cell: ({ state }) => state, tone: ({ state }) => (state === 'leading' ? 'good' : undefined) },
      { head: 'HOLD', cell: ({ hold }) => hold?.by, tone: ({ hold }) => (hold === undefined ? undefined : 'bad') },
      { head: 'BUS', cell: ({ bus }) => bus.state, tone: ({ bus }) => (bus.state === 'connected' ? undefined : 'bad') },
      { head: 'AGENTS', cell: ({ agents }) => agents, align: 'right' },
      { head: 'COMMANDS', cell: ({ openCommands }) => openCommands, align: 'right' },
      { head: 'HOSTS', cell: ({ hosts }) => countsText(hosts) },
      { head: 'VMS', cell: ({ vms }) => countsText(vms) },
      { head: 'REASON', cell: ({ reason }) => reason },
    ],
    name: ({ name }) => name,
    detail: (manager) =>
      formatFields([
        ['name', manager.name],
        ...managerFields(manager, nowMs),
        ['bus', `${manager.bus.kind}, ${manager.bus.state}${manager.bus.reason === '' ? '' : `: ${manager.bus.reason}`}`],
        ['agents', String(manager.agents)],
        ['commands', `${manager.openCommands} open`],
        ['hosts', countsText(manager.hosts)],
        ['vms', countsText(manager.vms)],
        ...manager.others.map(
          ({ name, state, reason, since }) =>
            ['other', `${name} ${state} since ${formatTime(since)} (${formatAge(since, nowMs)}): ${reason}`] as const,
        ),
      ]),
  };
}

/** How the manager is, and what must not be overlooked. */
export function managerFields({ state, since, reason, hold }: ManagerResource, nowMs: number): Field[] {
  return [
    ['manager', `${state} since ${formatTime(since)} (${formatAge(since, nowMs)}): ${reason}`],
    ['HOLD', hold && `nothing is fenced or recovered, by ${hold.by} since ${formatTime(hold.since)}: ${hold.reason}`],
  ];
}

function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ');
}
