import type { MachineResource } from '../api/schemas/machine.ts';
import { formatAge, formatTime } from './duration.ts';
import type { Column, View } from './output.ts';
import { formatFields } from './field-lines.ts';
import type { Tone } from './table.ts';

const tones: Readonly<Partial<Record<MachineResource['state'], Tone>>> = {
  up: 'good',
  stuck: 'bad',
  failed: 'bad',
  pending: 'warning',
  unassigned: 'warning',
  ignored: 'quiet',
};

/** Machines in tables. `nowMs` is what ages are counted from. */
export function machineView(nowMs: number): View<MachineResource> {
  const columns: Column<MachineResource>[] = [
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'MAC', cell: ({ nics }) => nics.map(({ mac }) => mac).join(',') },
    { head: 'STATE', cell: ({ state }) => state, tone: ({ state }) => tones[state] },
    { head: 'SINCE', cell: ({ since }) => formatAge(since, nowMs), align: 'right' },
    { head: 'PROFILE', cell: profileText },
    { head: 'ROLE', cell: ({ role }) => role },
    { head: 'ADDRESS', cell: addressText },
    { head: 'SUBNET', cell: ({ subnet }) => subnet, wide: true },
    { head: 'FIRMWARE', cell: ({ arch }) => arch, wide: true },
    { head: 'IMAGE', cell: ({ image }) => image, wide: true },
    { head: 'LAST BOOT', cell: ({ lastBootAt }) => formatTime(lastBootAt), wide: true },
    { head: 'LABELS', cell: ({ labels = {} }) => labelText(labels), wide: true },
    { head: 'REASON', cell: ({ reason }) => reason },
  ];
  return {
    columns,
    name: ({ name }) => name,
    empty: 'no machine fits. Machines appear when they are switched on in a subnet with unknown: pending; virtdom machine create adds one',
    detail: (machine) => describeMachine(machine, nowMs),
  };
}

function profileText({ profile, oneShot }: MachineResource): string {
  return oneShot === undefined ? (profile ?? '') : `${profile ?? ''} (once ${oneShot.profile})`;
}

function addressText({ address, nics }: MachineResource): string {
  return address ?? nics.find((nic) => nic.address !== undefined)?.address ?? '';
}

export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

function describeMachine(machine: MachineResource, nowMs: number): string {
  const { name, nics, uuid, labels = {}, parameters = {}, state, reason, since, oneShot, known, updatedAt, updatedBy } = machine;
  return formatFields([
    ['name', known ? name : `${name} (not enrolled: virtdom machine assign ${name} --name NAME --profile PROFILE)`],
    ['state', `${state} since ${formatTime(since)} (${formatAge(since, nowMs)}): ${reason}`],
    ['profile', machine.profile],
    ['next boot', oneShot && `${oneShot.profile}, once; asked for by ${oneShot.requestedBy} at ${formatTime(oneShot.requestedAt)}`],
    ['role', machine.role],
    ...nics.map(({ mac, address }) => ['nic', address === undefined ? mac : `${mac}, reserved ${address}`] as const),
    ['address', machine.address],
    ['subnet', machine.subnet],
    ['firmware', machine.arch],
    ['uuid', uuid],
    ['labels', labelText(labels)],
    ...Object.entries(parameters).map(([key, value]) => [`parameters.${key}`, JSON.stringify(value)] as const),
    ['last boot', machine.lastBoot && `${machine.lastBoot} at ${formatTime(machine.lastBootAt)}${bootOf(machine)}`],
    ['last seen', formatTime(machine.lastSeenAt)],
    ['seen', machine.timesSeen === undefined ? undefined : `${machine.timesSeen} times since ${formatTime(machine.firstSeenAt)}`],
    [
      'revision',
      known ? `${machine.revision}${updatedBy === undefined ? '' : `, by ${updatedBy} at ${formatTime(updatedAt)}`}` : undefined,
    ],
  ]);
}

function bootOf({ bootedProfile, image, lastStage }: MachineResource): string {
  const parts = [
    ...(bootedProfile === undefined ? [] : [`profile ${bootedProfile}`]),
    ...(image === undefined ? [] : [`image ${image}`]),
    ...(lastStage === undefined ? [] : [`reached ${lastStage}`]),
  ];
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}
