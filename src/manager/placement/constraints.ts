import { bootBridge } from '../../model/vm-environment.ts';
import type { VmEnvironment } from '../../model/vm-environment.ts';
import { neededMib } from './host-room.ts';
import type { PlacementHost, Refusal } from './placement-request.ts';

/** What of a host rules out all VMs of an environment, whatever else is on it. */
export function standingRefusal(host: PlacementHost, environment: VmEnvironment, memoryMib: number, vcpus: number): Refusal | undefined {
  return (
    lastingRefusal(host, environment) ??
    stateRefusal(host) ??
    bridgeRefusal(host, environment) ??
    (host.capacity === undefined ? refusal('memory unknown', 'its agent has not said yet how much memory it has', false) : undefined) ??
    sizeRefusal(host, memoryMib, vcpus)
  );
}

function lastingRefusal({ role, labels, bridges }: PlacementHost, environment: VmEnvironment): Refusal | undefined {
  if (role === undefined) return refusal('without role', 'it has no role, so it may have no VM', true);
  if (!role.environments.includes(environment.name)) {
    return refusal('of another role', `its role ${role.name} does not have environment ${environment.name}`, true);
  }
  for (const [key, value] of Object.entries(environment.constraints.labels)) {
    const own = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (own === value) continue;
    return refusal('without label', `label ${key}=${value} is wanted, it has ${own === undefined ? 'none' : `${key}=${own}`}`, true);
  }
  for (const { bridge, vlan } of environment.networks) {
    const given = role.networks.find((network) => network.bridge === bridge);
    const isThere = bridge === bootBridge || given !== undefined || bridges.includes(bridge);
    const where = vlan === undefined ? `bridge ${bridge}` : `bridge ${bridge} on VLAN ${vlan}`;
    if (!isThere) return refusal('without network', `it does not reach ${where}: role ${role.name} does not give it`, true);
    if (vlan === undefined || given?.vlan === vlan) continue;
    const found =
      given === undefined
        ? 'does not say where that stands'
        : given.vlan === undefined
          ? 'has it untagged'
          : `has it on VLAN ${given.vlan}`;
    return refusal('without network', `it does not reach ${where}: role ${role.name} ${found}`, true);
  }
  return undefined;
}

function stateRefusal({ state, duty, reason }: PlacementHost): Refusal | undefined {
  if (duty !== 'active')
    return refusal(duty === 'draining' ? 'draining' : 'in maintenance', `it is ${duty === 'draining' ? duty : 'in maintenance'}`, false);
  if (state === 'online') return undefined;
  return refusal(state, `it is ${state}${reason === '' ? '' : `: ${reason}`}`, false);
}

function bridgeRefusal({ bridges }: PlacementHost, { networks }: VmEnvironment): Refusal | undefined {
  const down = networks.find(({ bridge }) => bridge !== bootBridge && !bridges.includes(bridge));
  return down === undefined ? undefined : refusal('with a bridge that is not up', `its bridge ${down.bridge} is not up yet`, false);
}

function sizeRefusal({ role, capacity }: PlacementHost, memoryMib: number, vcpus: number): Refusal | undefined {
  const total = (capacity?.memoryMib ?? 0) - (role?.reserveMib ?? 0);
  const needed = neededMib(memoryMib, vcpus);
  if (needed <= total) return undefined;
  return refusal('too small', `it is too small: ${needText(memoryMib, needed)}, VMs may have ${Math.max(0, total)} MiB of it in all`, true);
}

/** What rules out one VM now, with what is there already; `rivals` are of {@link rivalsOf}. */
export function rivalRefusal(name: string, rival: string): Refusal {
  const text =
    rival === name
      ? `it has one of ${name} already, and there may never be two on one host`
      : `it has VMs of ${rival}, which ${name} may never be with`;
  return refusal('with an excluded environment', text, false);
}

export function memoryRefusal(memoryMib: number, neededMibOfIt: number, freeMib: number): Refusal {
  const text = `${needText(memoryMib, neededMibOfIt)}, ${Math.max(0, freeMib)} MiB are free`;
  return refusal('without enough free memory', text, false);
}

function needText(memoryMib: number, needed: number): string {
  return `it needs ${needed} MiB (${memoryMib} and ${needed - memoryMib} for Xen)`;
}

/** Environments of which no VM may be on the same host: the ones that it names, and those that name it. */
export function rivalsOf(environment: VmEnvironment, all: Iterable<VmEnvironment>): string[] {
  return bothWays('excludes', environment, all);
}

/** Likewise those that it is kept apart from, where there is a choice. */
export function strangersOf(environment: VmEnvironment, all: Iterable<VmEnvironment>): string[] {
  return bothWays('apartFrom', environment, all);
}

function bothWays(key: 'excludes' | 'apartFrom', environment: VmEnvironment, all: Iterable<VmEnvironment>): string[] {
  const names = new Set(environment.constraints[key]);
  for (const other of all) if (other.constraints[key].includes(environment.name)) names.add(other.name);
  return [...names].sort((a, b) => (a < b ? -1 : 1));
}

function refusal(brief: string, text: string, lasting: boolean): Refusal {
  return { brief, text, lasting };
}
