import { bootBridge } from '../../model/vm-environment.ts';
import type { Role, RoleNetwork } from '../../model/vm-environment.ts';
import type { Draft } from '../draft.ts';
import type { HostEntry, KeptCommand, KeptVm } from '../state.ts';
import { issueCommand, reachable } from './commands.ts';
import { become } from './hosts.ts';

const pauseMs = 10_000;
const pauseMostMs = 300_000;

/** Gives each host its role, and brings it to it: then it is online. */
export function tendBringUp(draft: Draft): void {
  for (const [name, entry] of draft.hosts) {
    if (reachable(entry)) draft.guarded(`host ${name}`, () => bringUp(draft, entry));
  }
}

function bringUp(draft: Draft, entry: HostEntry): void {
  const role = giveRole(draft, entry);
  const current = draft.hosts.get(entry.kept.name);
  if (current === undefined) return;
  // What stood before goes first: a bridge that has the VLAN of two roles would join them.
  const stale = staleBridges(current, role);
  for (const bridge of stale) takeNetworkDown(draft, current, bridge);
  const awaited = awaitedNetworks(current, role);
  const next = awaited.find(({ bridge }) => !stale.has(bridge));
  if (next !== undefined) bringNetworkUp(draft, current, next);
  // A bridge that a guest holds may be held for long: all else goes on meanwhile.
  const held = awaited.filter(({ bridge }) => stale.has(bridge)).flatMap(({ bridge }) => guestsOn(draft, current.kept.name, bridge));
  if (awaited.length === 0 || (next === undefined && held.length > 0)) online(draft, current, held);
}

function giveRole(draft: Draft, { kept }: HostEntry): Role | undefined {
  const machine = draft.world.objects.machines.get(kept.name);
  const choice =
    machine === undefined
      ? { reason: `there is no Machine ${kept.name} any more: it gets no role` }
      : draft.world.roleOf(machine, kept.assigned, kept.role);
  const role = 'role' in choice ? choice.role : undefined;
  if (role !== kept.role || choice.reason !== kept.roleReason) {
    const { role: before, ...rest } = kept;
    draft.keepHost({ ...rest, ...(role === undefined ? {} : { role }), roleReason: choice.reason });
    if (role !== before) draft.tell('host.role', 'info', { role: role ?? null, before: before ?? null, reason: choice.reason }, kept.name);
  }
  return role === undefined ? undefined : draft.world.objects.roles.get(role);
}

function networkKey({ bridge, vlan, nic }: RoleNetwork): string {
  return [bridge, vlan ?? '', nic ?? ''].join('/');
}

function bridgeOf(key: string): string {
  return key.split('/')[0] ?? '';
}

/** One after the other, so that the first that fails is the one that is said. */
function bringNetworkUp(draft: Draft, entry: HostEntry, network: RoleNetwork): void {
  const { bridge, vlan, nic } = network;
  if (isOpen(draft, entry, bridge) || isPausing(draft, entry)) return;
  const { name, doubts = [] } = entry.kept;
  draft.changeHost(name, { doubts: [...new Set([...doubts, networkKey(network)])] });
  issueCommand(draft, entry, {
    command: 'network.up',
    args: { bridge, ...(vlan === undefined ? {} : { vlan }), ...(nic === undefined ? {} : { nic }) },
    reason: `role ${entry.kept.role ?? ''} has it`,
    author: 'manager',
  });
}

/** Its last guest leaves it first. */
function takeNetworkDown(draft: Draft, entry: HostEntry, bridge: string): void {
  const { name, networks, doubts = [] } = entry.kept;
  const [here, others] = [networks.filter((key) => bridgeOf(key) === bridge), networks.filter((key) => bridgeOf(key) !== bridge)];
  if (bridge === bootBridge) return draft.changeHost(name, { networks: others, doubts: doubts.filter((key) => bridgeOf(key) !== bridge) });
  if (isOpen(draft, entry, bridge) || isPausing(draft, entry) || guestsOn(draft, name, bridge).length > 0) return;
  draft.changeHost(name, { networks: others, doubts: [...new Set([...doubts, ...here])] });
  issueCommand(draft, entry, { command: 'network.down', args: { bridge }, reason: 'its role has it no more', author: 'manager' });
}

function guestsOn(draft: Draft, host: string, bridge: string): readonly KeptVm[] {
  return [...draft.vms.values()].filter(
    ({ claims, cards }) => claims.some((claim) => claim.host === host) && cards.some((card) => card.bridge === bridge),
  );
}

function isOpen(draft: Draft, { kept }: HostEntry, bridge: string): boolean {
  for (const { host, command, args } of draft.open.values())
    if (host === kept.name && (command === 'network.up' || command === 'network.down') && args['bridge'] === bridge) return true;
  return false;
}

function isPausing(draft: Draft, { link }: HostEntry): boolean {
  return link.networkPause !== undefined && draft.now.monoMs < link.networkPause.nextMs;
}

/** Its agent has answered `network.up` or `network.down`. */
export function hearNetwork(draft: Draft, command: KeptCommand, problem: string | undefined): void {
  const entry = draft.hosts.get(command.host);
  if (entry === undefined || entry.kept.boot !== command.boot) return;
  const { kept, link } = entry;
  const network = command.args as unknown as RoleNetwork;
  const goesUp = command.command === 'network.up';
  if (problem === undefined) {
    const { networkPause: _, ...rest } = link;
    draft.setLink(kept.name, rest);
    const ofOthers = (key: string): boolean => bridgeOf(key) !== network.bridge;
    const networks = kept.networks.filter(ofOthers);
    draft.changeHost(kept.name, {
      networks: goesUp ? [...networks, networkKey(network)] : networks,
      doubts: (kept.doubts ?? []).filter(ofOthers),
    });
    return;
  }
  const attempts = (link.networkPause?.attempts ?? 0) + 1;
  const waitMs = Math.min(pauseMostMs, pauseMs * 2 ** Math.min(attempts - 1, 10));
  draft.changeLink(kept.name, { networkPause: { attempts, nextMs: draft.now.monoMs + waitMs } });
  const what = `bridge ${network.bridge} could not be ${goesUp ? 'brought up' : 'taken down'}: ${problem}`;
  if (kept.state === 'joining') draft.changeHost(kept.name, { reason: what });
}

function online(draft: Draft, { kept }: HostEntry, held: readonly KeptVm[]): void {
  const role = kept.role === undefined ? `it answers, and has no role: ${kept.roleReason}` : `it answers, and has role ${kept.role}`;
  const names = [...new Set(held.map(({ name }) => name))];
  const reason = names.length === 0 ? role : `${role}, but for networks that wait until ${names.join(', ')} has left them`;
  if (kept.state === 'online' && kept.reason !== reason) draft.changeHost(kept.name, { reason });
  if (kept.state !== 'joining') return;
  become(draft, kept, 'online', reason);
  draft.tell('host.online', 'info', { reason, role: kept.role ?? null, boot: kept.boot }, kept.name);
}

/** Bridges that it has, or may have, as a role had them which it has no more. */
export function staleBridges({ kept }: HostEntry, role: Role | undefined): ReadonlySet<string> {
  const wanted = new Set(role?.networks.map(networkKey));
  return new Set([...kept.networks, ...(kept.doubts ?? [])].filter((key) => !wanted.has(key)).map(bridgeOf));
}

/** Bridges that VMs may join now: those that are there, and stay as they are. */
export function usableBridges(entry: HostEntry, role: Role | undefined): readonly string[] {
  const stale = staleBridges(entry, role);
  const awaited = new Set(awaitedNetworks(entry, role).map(({ bridge }) => bridge));
  return bridgesOf(entry).filter((bridge) => !stale.has(bridge) && !awaited.has(bridge));
}

/** Networks of its role that are not up yet. A bridge of that name may be there, with another VLAN. */
function awaitedNetworks({ kept }: HostEntry, role: Role | undefined): readonly RoleNetwork[] {
  return (role?.networks ?? []).filter((network) => !kept.networks.includes(networkKey(network)));
}

/** Bridges that are there: those that the agent has reported, and those that it was told to bring up. */
export function bridgesOf({ kept, link }: HostEntry): readonly string[] {
  return [...new Set([...(link.facts?.bridges ?? []), ...kept.networks.map(bridgeOf)])];
}
