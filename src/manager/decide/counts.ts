import type { Role, VmEnvironment } from '../../model/vm-environment.ts';
import type { Draft } from '../draft.ts';
import type { HostEntry, KeptVm } from '../state.ts';
import { staleBridges } from './bring-up.ts';
import { holdReason } from './storm.ts';
import { newVm } from './new-vm.ts';
import { isHealthy, isPaused, slotOf, wantedCount } from './wanted.ts';
import { askToStop } from './stops.ts';

/** Brings each environment to its wanted count: names VMs that are missing, and stops those that are too many. */
export function tendCounts(draft: Draft, count?: { readonly environment: string; readonly count: number }): void {
  const byEnvironment = Map.groupBy(draft.vms.values(), ({ environment }) => environment);
  const held = holdReason(draft) !== undefined;
  for (const environment of draft.world.objects.environments.values()) {
    const vms = byEnvironment.get(environment.name) ?? [];
    byEnvironment.delete(environment.name);
    const kept = draft.environments.get(environment.name);
    if (isPaused(environment, kept)) continue;
    const wanted = count?.environment === environment.name ? count.count : wantedCount(environment, kept).count;
    draft.guarded(`environment ${environment.name}`, () => {
      const own = otherKind(draft, environment, vms);
      if (environment.instances === 'at-most-one') fillSlots(draft, environment, own, wanted);
      else fillNumber(draft, environment, own, wanted, held);
    });
  }
  for (const [name, vms] of byEnvironment) {
    draft.guarded(`environment ${name}`, () => {
      for (const vm of vms) leave(draft, vm, `there is no Environment ${name} any more`);
    });
  }
  dropEnvironments(draft);
}

/** VMs from the time when the environment was of the other kind: they go, and their names are free when they are surely gone. */
function otherKind(draft: Draft, environment: VmEnvironment, vms: readonly KeptVm[]): KeptVm[] {
  const own = vms.filter(({ instances }) => instances === environment.instances);
  for (const vm of vms) if (!own.includes(vm)) leave(draft, vm, `Environment ${environment.name} is ${environment.instances} now`);
  return own;
}

/** Not wanted: deleted where no claim stands, else stopped where it can be. */
function leave(draft: Draft, vm: KeptVm, reason: string): void {
  if (vm.claims.length === 0) {
    draft.dropVm(vm.name);
    return;
  }
  askToStop(draft, vm, { how: 'shutdown', reason, author: 'manager' });
}

function fillSlots(draft: Draft, environment: VmEnvironment, vms: readonly KeptVm[], wanted: number): void {
  const bySlot = new Map(vms.map((vm) => [slotOf(vm), vm]));
  for (let slot = 1; slot <= wanted; slot++) {
    const vm = bySlot.get(slot);
    const name = `${environment.name}-${slot}`;
    const isTaken = draft.vms.has(name) || draft.memory.unreadable.has(`vm/${name}`);
    if (vm === undefined && !isTaken) draft.keepVm(newVm(draft, environment, name, 'it is wanted, and has no place yet'));
    if (vm?.state === 'stopped' && vm.claims.length === 0) wake(draft, vm);
  }
  for (const [slot, vm] of bySlot) if (slot > wanted) leave(draft, vm, `${wanted} of ${environment.name} are wanted`);
}

function wake(draft: Draft, vm: KeptVm): void {
  draft.keepVm({ ...vm, state: 'waiting', reason: 'it is wanted, and has no place yet', sinceMs: draft.now.wallMs });
}

/** At-least-one: whoever is there counts, not who it is. */
function fillNumber(draft: Draft, environment: VmEnvironment, vms: readonly KeptVm[], wanted: number, held: boolean): void {
  for (const vm of vms) if (!held) giveUp(draft, vm);
  const now = vms.flatMap(({ name }) => draft.vms.get(name) ?? []);
  const gone = now.filter((vm) => vm.claims.length === 0 && vm.state === 'stopped');
  for (const { name } of gone) draft.dropVm(name);
  const there = now.filter((vm) => !gone.includes(vm) && vm.givenUp !== true && vm.stop === undefined);
  const leaving = there.filter((vm) => isLeaving(draft, vm));
  const staying = there.filter((vm) => !leaving.includes(vm));
  for (let missing = wanted - staying.length; missing > 0; missing--) addVm(draft, environment);
  const surplus = staying.toSorted(inOrderOfLeaving).slice(0, Math.max(0, staying.length - wanted));
  for (const vm of surplus) leave(draft, vm, `${wanted} of ${environment.name} are wanted, and there are ${staying.length}`);
  letGo(
    draft,
    environment,
    staying.filter((vm) => !surplus.includes(vm)),
    leaving,
    wanted,
  );
}

function addVm(draft: Draft, environment: VmEnvironment): void {
  const kept = draft.environments.get(environment.name) ?? { name: environment.name, counter: 0 };
  let counter = kept.counter + 1;
  while (draft.vms.has(`${environment.name}-${counter}`) || draft.memory.unreadable.has(`vm/${environment.name}-${counter}`)) counter += 1;
  draft.keepEnvironment({ ...kept, counter });
  draft.keepVm(newVm(draft, environment, `${environment.name}-${counter}`, 'it is wanted, and has no place yet'));
}

/** Its host is silent, and nobody needs to know whether it runs: another one takes its place. */
function giveUp(draft: Draft, vm: KeptVm): void {
  if (vm.givenUp === true || vm.claims.length === 0) return;
  const silent = vm.claims.map(({ host }) => draft.hosts.get(host)).find((entry) => isSilent(entry?.kept.state));
  if (silent === undefined || draft.now.wallMs - silent.kept.sinceMs < draft.world.settings.giveUpGraceMs) return;
  const { name } = silent.kept;
  draft.keepVm({
    ...vm,
    givenUp: true,
    state: 'lost',
    reason: `${name} is ${silent.kept.state}: another VM takes its place`,
    sinceMs: draft.now.wallMs,
  });
}

function isSilent(state: string | undefined): boolean {
  return state === 'suspect' || state === 'fencing';
}

/** Where it is it may not stay: the host is being emptied, or its role does not have the environment or its networks any more. */
export function isLeaving(draft: Draft, vm: KeptVm): boolean {
  const [claim] = vm.claims;
  const entry = claim === undefined ? undefined : draft.hosts.get(claim.host);
  if (entry === undefined || vm.move !== undefined || isSilent(entry.kept.state)) return false;
  const { kept } = entry;
  if (kept.duty !== 'active') return true;
  if (kept.state !== 'online') return false;
  const role = kept.role === undefined ? undefined : draft.world.objects.roles.get(kept.role);
  return role?.environments.includes(vm.environment) !== true || holdsStaleBridge(vm, entry, role);
}

/** It is on a network that the role has no more, or has elsewhere. */
function holdsStaleBridge(vm: KeptVm, entry: HostEntry, role: Role | undefined): boolean {
  const stale = staleBridges(entry, role);
  return vm.cards.some(({ bridge }) => stale.has(bridge));
}

/** Those that leave go when as many others are up: the replacement first, then the stop. */
function letGo(draft: Draft, environment: VmEnvironment, staying: readonly KeptVm[], leaving: readonly KeptVm[], wanted: number): void {
  const healthy = staying.filter((vm) => isHealthy(vm, environment)).length;
  const needed = Math.max(0, wanted - healthy);
  const most = leaving.toSorted(inOrderOfLeaving);
  for (const vm of most.slice(0, Math.max(0, most.length - needed))) {
    leave(draft, vm, `it leaves ${vm.claims[0]?.host ?? 'its host'}, and others are up in its place`);
  }
  if (needed >= most.length) makeWay(draft, most, staying);
}

/** A network is taken down and brought up in less. */
const makeWayMs = 60_000;

/** Where the replacement waits for the very network that one of those holds, that one goes first; one at a time. */
function makeWay(draft: Draft, leaving: readonly KeptVm[], staying: readonly KeptVm[]): void {
  const { monoMs, wallMs } = draft.now;
  if (monoMs < (draft.memory.madeWayMs ?? Number.NEGATIVE_INFINITY) + makeWayMs) return;
  const hasWaited = ({ name, claims, sinceMs }: KeptVm): boolean =>
    claims.length === 0 && draft.memory.refusals.has(name) && wallMs - sinceMs >= makeWayMs;
  if (!staying.some(hasWaited)) return;
  const holder = leaving.find((vm) => {
    const entry = draft.hosts.get(vm.claims[0]?.host ?? '');
    const role = entry?.kept.role === undefined ? undefined : draft.world.objects.roles.get(entry.kept.role);
    return entry !== undefined && holdsStaleBridge(vm, entry, role);
  });
  if (holder === undefined) return;
  leave(draft, holder, 'it holds a network of its host that is to change, and others wait for that');
  draft.remember({ madeWayMs: monoMs });
}

const keepOrder = ['waiting', 'error', 'stopped', 'recovering', 'starting', 'lost', 'stopping', 'migrating', 'running'];

/** Who is missed least first: what does not run, then the youngest. */
function inOrderOfLeaving(a: KeptVm, b: KeptVm): number {
  const byState = keepOrder.indexOf(a.state) - keepOrder.indexOf(b.state);
  if (byState !== 0) return byState;
  return (b.runningMs ?? b.sinceMs) - (a.runningMs ?? a.sinceMs) || slotOf(b) - slotOf(a);
}

/** Nothing is left of an environment that has neither a document nor VMs. Its counter stays: no name is given twice. */
function dropEnvironments(draft: Draft): void {
  for (const [name, kept] of draft.environments) {
    if (draft.world.objects.environments.has(name) || (kept.scale === undefined && kept.paused === undefined)) continue;
    draft.keepEnvironment({ name, counter: kept.counter });
  }
}
