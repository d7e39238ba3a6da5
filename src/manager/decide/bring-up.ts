import type { Role, RoleNetwork } from '../../model/vm-environment.ts';
import type { Draft } from '../draft.ts';
import type { HostEntry, KeptCommand } from '../state.ts';
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
  const first = role?.networks.find((network) => !current.kept.networks.includes(networkKey(network)));
  if (first === undefined) return online(draft, current);
  bringNetworkUp(draft, current, first);
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

export function networkKey({ bridge, vlan, nic }: RoleNetwork): string {
  return [bridge, vlan ?? '', nic ?? ''].join('/');
}

/** One after the other, so that the first that fails is the one that is said. */
function bringNetworkUp(draft: Draft, entry: HostEntry, network: RoleNetwork): void {
  const { kept, link } = entry;
  const { monoMs } = draft.now;
  const key = networkKey(network);
  const open = networkCommand(draft, kept.name, key);
  if (open !== undefined) return;
  if (link.networkPause !== undefined && monoMs < link.networkPause.nextMs) return;
  const { bridge, vlan, nic } = network;
  issueCommand(draft, entry, {
    command: 'network.up',
    args: { bridge, ...(vlan === undefined ? {} : { vlan }), ...(nic === undefined ? {} : { nic }) },
    reason: `role ${kept.role ?? ''} has it`,
    author: 'manager',
  });
}

function networkCommand(draft: Draft, host: string, key: string): KeptCommand | undefined {
  for (const command of draft.open.values()) {
    if (command.host === host && command.command === 'network.up' && networkKey(command.args as unknown as RoleNetwork) === key)
      return command;
  }
  return undefined;
}

/** Its agent has answered `network.up`. */
export function hearNetwork(draft: Draft, command: KeptCommand, problem: string | undefined): void {
  const entry = draft.hosts.get(command.host);
  if (entry === undefined || entry.kept.boot !== command.boot) return;
  const { kept, link } = entry;
  const network = command.args as unknown as RoleNetwork;
  const key = networkKey(network);
  if (problem === undefined) {
    const { networkPause: _, ...rest } = link;
    draft.setLink(kept.name, rest);
    if (!kept.networks.includes(key)) draft.changeHost(kept.name, { networks: [...kept.networks, key] });
    return;
  }
  const attempts = (link.networkPause?.attempts ?? 0) + 1;
  const waitMs = Math.min(pauseMostMs, pauseMs * 2 ** Math.min(attempts - 1, 10));
  draft.changeLink(kept.name, { networkPause: { attempts, nextMs: draft.now.monoMs + waitMs } });
  if (kept.state === 'joining') draft.changeHost(kept.name, { reason: `bridge ${network.bridge} could not be brought up: ${problem}` });
}

function online(draft: Draft, { kept }: HostEntry): void {
  if (kept.state !== 'joining') return;
  const reason = kept.role === undefined ? `it answers, and has no role: ${kept.roleReason}` : `it answers, and has role ${kept.role}`;
  become(draft, kept, 'online', reason);
  draft.tell('host.online', 'info', { reason, role: kept.role ?? null, boot: kept.boot }, kept.name);
}

/** Bridges that VMs may join: those that the agent has reported, and those of its role that are up. */
export function bridgesOf({ kept, link }: HostEntry): readonly string[] {
  const ofRole = kept.networks.map((key) => key.split('/')[0] ?? '');
  return [...new Set([...(link.facts?.bridges ?? []), ...ofRole])];
}
