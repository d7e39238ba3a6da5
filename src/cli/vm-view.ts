import type { VmExplanation, VmResource } from '../api/schemas/vm.ts';
import { formatAge, formatTime } from './duration.ts';
import { formatFields } from './field-lines.ts';
import { reasonLine } from './plan-view.ts';
import type { View } from './output.ts';
import type { Tone } from './table.ts';

const tones: Readonly<Partial<Record<VmResource['state'], Tone>>> = {
  running: 'good',
  lost: 'bad',
  error: 'bad',
  waiting: 'warning',
  recovering: 'warning',
  stopped: 'quiet',
};

/** VMs in tables. `nowMs` is what ages are counted from. */
export function vmView(nowMs: number): View<VmResource> {
  return {
    columns: [
      { head: 'NAME', cell: ({ name }) => name },
      { head: 'ENVIRONMENT', cell: ({ environment }) => environment },
      { head: 'STATE', cell: ({ state }) => state, tone: ({ state }) => tones[state] },
      { head: 'SINCE', cell: ({ since }) => formatAge(since, nowMs), align: 'right' },
      { head: 'HOST', cell: ({ claims }) => [...new Set(claims.map(({ host }) => host))].join(',') },
      { head: 'ADDRESS', cell: addressText },
      { head: 'READY', cell: ({ ready }) => (ready === undefined ? undefined : 'yes') },
      { head: 'IMAGE', cell: ({ image }) => image, wide: true },
      { head: 'MEMORY', cell: ({ memoryMib }) => `${memoryMib} MiB`, align: 'right', wide: true },
      { head: 'VCPUS', cell: ({ vcpus }) => vcpus, align: 'right', wide: true },
      { head: 'INSTANCES', cell: ({ instances }) => instances, wide: true },
      { head: 'MAC', cell: ({ cards }) => cards.map(({ mac }) => mac).join(','), wide: true },
      { head: 'REASON', cell: ({ reason }) => reason },
    ],
    name: ({ name }) => name,
    empty: 'no VM fits. virtdom environment list says how many are wanted, virtdom environment plan NAME what is in the way',
    detail: (vm) => describeVm(vm, nowMs),
  };
}

/** What it said itself, else what it was given. */
function addressText({ ready, cards }: VmResource): string | undefined {
  return ready?.address ?? cards.find(({ address }) => address !== 'dhcp' && address !== 'none')?.address;
}

function describeVm(vm: VmResource, nowMs: number): string {
  const { name, environment, instances, uuid, state, reason, since, claims, image, memoryMib, vcpus, cards, failures, ready } = vm;
  return formatFields([
    ['name', name],
    ['environment', `${environment} (${instances})`],
    ['state', `${state} since ${formatTime(since)} (${formatAge(since, nowMs)}): ${reason}`],
    ...claims.map(
      ({ host, boot, seq, takenAt, command }, index) =>
        [
          index === 0 ? 'claim' : '',
          `${host}, its boot ${boot}, number ${seq}, since ${formatTime(takenAt)}${command === undefined ? '' : ` by ${command}`}`,
        ] as const,
    ),
    ['image', image],
    ['memory', `${memoryMib} MiB, ${vcpus} ${vcpus === 1 ? 'processor' : 'processors'}`],
    ...cards.map(({ mac, bridge, vlan, address }, index) => {
      const where = `${bridge}${vlan === undefined ? '' : ` (VLAN ${vlan})`}`;
      return [index === 0 ? 'cards' : '', `${mac} on ${where}, ${address}`] as const;
    }),
    ['ready', ready && `${formatTime(ready.at)}${ready.address === undefined ? '' : `, at ${ready.address}`}`],
    ['running', formatTime(vm.runningAt)],
    ...failures.map(({ host, at, reason: why }, index) => [index === 0 ? 'failures' : '', `${formatTime(at)} on ${host}: ${why}`] as const),
    ['uuid', uuid],
  ]);
}

export const vmExplanationView: View<VmExplanation> = {
  columns: [
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'STATE', cell: ({ state }) => state },
    { head: 'HOST', cell: ({ host }) => host },
    { head: 'REASON', cell: ({ reason }) => reason },
  ],
  name: ({ name }) => name,
  detail: ({ name, state, since, host, reason, reasons }) => {
    const where = host === undefined ? '' : ` on ${host}`;
    const head = formatFields([[name, `${state}${where} since ${formatTime(since)}: ${reason}`]]);
    return head + reasons.map((each) => `  ${reasonLine(each)}\n`).join('');
  },
};
