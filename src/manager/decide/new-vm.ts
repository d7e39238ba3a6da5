import { createHash } from 'node:crypto';
import { formatIpv4, parseIpv4 } from '../../model/ipv4.ts';
import type { VmNetwork, VmEnvironment } from '../../model/vm-environment.ts';
import type { VmCard } from '../../model/vm.ts';
import type { Draft } from '../draft.ts';
import type { KeptVm } from '../state.ts';

/** A VM that waits for its first start. Its name, its uuid and its cards are its own from now on. */
export function newVm(draft: Draft, environment: VmEnvironment, name: string, reason: string): KeptVm {
  return {
    name,
    environment: environment.name,
    instances: environment.instances,
    uuid: uuidOf(name),
    state: 'waiting',
    reason,
    sinceMs: draft.now.wallMs,
    claims: [],
    seq: 0,
    memoryMib: environment.memoryMib,
    vcpus: environment.vcpus,
    cards: [],
    failures: [],
  };
}

function uuidOf(name: string): string {
  const hex = createHash('sha256').update(`virtdom vm\0${name}`).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `${variant}${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}

export type Cards = { readonly kind: 'given'; readonly cards: readonly VmCard[] } | { readonly kind: 'none'; readonly reason: string };

/** What is taken already, by any VM there is. */
export interface TakenCards {
  readonly macs: Set<string>;
  readonly addresses: Set<string>;
  /** Of each range, below what there is no address free. */
  readonly from: Map<string, number>;
}

export function takenCards(vms: Iterable<KeptVm>): TakenCards {
  const macs = new Set<string>();
  const addresses = new Set<string>();
  for (const { cards } of vms) {
    for (const { mac, address, bridge, vlan } of cards) {
      macs.add(mac);
      addresses.add(`${bridge}/${vlan ?? ''}/${address}`);
    }
  }
  return { macs, addresses, from: new Map() };
}

/** The cards of a VM for its next start: what it had and may keep, and of a range one address that nobody has. */
export function cardsFor(vm: KeptVm, networks: readonly VmNetwork[], taken: TakenCards): Cards {
  const own = takenCards([vm]);
  const cards: VmCard[] = [];
  for (const [index, network] of networks.entries()) {
    const { bridge, vlan, gateway } = network;
    const address = addressFor(network, vm.cards[index]?.address, taken.from, (each) => {
      const key = `${bridge}/${vlan ?? ''}/${each}`;
      return taken.addresses.has(key) && !own.addresses.has(key);
    });
    if (address === undefined) return { kind: 'none', reason: `every address of ${network.address} on ${bridge} is given to a VM already` };
    const mac = network.mac === 'derived' ? macFor(vm, index, taken.macs, own.macs) : network.mac;
    cards.push({ mac, bridge, address, ...(vlan === undefined ? {} : { vlan }), ...(gateway === undefined ? {} : { gateway }) });
  }
  return { kind: 'given', cards };
}

function macFor(vm: KeptVm, index: number, taken: ReadonlySet<string>, own: ReadonlySet<string>): string {
  const kept = vm.cards[index]?.mac;
  for (let salt = 0; ; salt++) {
    const hash = createHash('sha256')
      .update(`virtdom mac\0${vm.name}\0${index}${salt === 0 ? '' : `\0${salt}`}`)
      .digest('hex');
    const mac = `00:16:3e:${hash.slice(0, 2)}:${hash.slice(2, 4)}:${hash.slice(4, 6)}`;
    if (mac === kept || !taken.has(mac) || own.has(mac)) return mac;
  }
}

function addressFor(
  network: VmNetwork,
  kept: string | undefined,
  beginnings: Map<string, number>,
  isTaken: (address: string) => boolean,
): string | undefined {
  const range = /^([\d.]+)-([\d.]+)\/(\d+)$/.exec(network.address);
  if (range === null) return network.address;
  const [, first = '', last = '', prefix = ''] = range;
  const from = parseIpv4(first);
  const to = parseIpv4(last);
  if (from === undefined || to === undefined) return undefined;
  const before = kept?.endsWith(`/${prefix}`) === true ? parseIpv4(kept.slice(0, -prefix.length - 1)) : undefined;
  if (kept !== undefined && before !== undefined && before >= from && before <= to && !isTaken(kept)) return kept;
  const key = `${network.bridge}/${network.vlan ?? ''}/${network.address}`;
  for (let number = beginnings.get(key) ?? from; number <= to; number++) {
    const address = `${formatIpv4(number)}/${prefix}`;
    beginnings.set(key, number);
    if (!isTaken(address)) return address;
  }
  return undefined;
}
