import type { VmEnvironment } from '../../model/vm-environment.ts';
import { placeVms } from '../placement/placement.ts';
import type { Place } from '../placement/placement.ts';
import type { Draft } from '../draft.ts';
import type { KeptCommand, KeptVm } from '../state.ts';
import { giveIn } from './claim-end.ts';
import { issueCommand, reachable } from './commands.ts';
import { cardsFor, takenCards } from './new-vm.ts';
import type { TakenCards } from './new-vm.ts';
import { avoided, isComingUp, placementHosts, someAreFresh, waitingVm } from './placing.ts';
import { holdReason } from './storm.ts';
import { hostsSeenWith } from './strays.ts';
import { isPaused, isPausing } from './wanted.ts';

/** So many are placed in one turn: each of them is compared with every host. */
const mostAtOnce = 200;
/** Where nothing has changed, those that wait are looked at so seldom. */
const againMs = 10_000;

/** Finds a place for each VM that waits, and starts it there: the claim is durable before the command is sent. */
export function tendStarts(draft: Draft): void {
  const waiting = [...draft.vms.values()].filter((vm) => vm.claims.length === 0 && isStartable(draft, vm));
  const refusals = new Map([...draft.memory.refusals].filter(([name]) => (draft.vms.get(name)?.claims.length ?? 1) === 0));
  if (refusals.size !== draft.memory.refusals.size) draft.remember({ refusals });
  if (waiting.length === 0 || !isWorthwhile(draft)) return;
  const taken = takenCards(draft.vms.values());
  let left: readonly KeptVm[] = waiting;
  for (let round = 0; round < 2 && left.length > 0; round++) {
    const asked = placeSome(draft, left, taken);
    left = left.filter(({ name }) => !asked.has(name) && !draft.memory.refusals.has(name));
  }
  const { hosts, vms } = draft;
  const isOver = left.length === 0 && !someAreFresh(draft);
  draft.remember({ placed: { atMs: draft.now.monoMs, of: isOver ? [hosts, vms, draft.world.objects] : [] } });
}

/** @returns the names of those that were asked for */
function placeSome(draft: Draft, waiting: readonly KeptVm[], taken: TakenCards): ReadonlySet<string> {
  const chosen = representatives(draft, waiting);
  const { places } = placeVms({
    hosts: placementHosts(draft),
    environments: draft.world.objects.listed.environments,
    vms: chosen.map(waitingVm),
  });
  for (const place of places) draft.guarded(`VM ${place.vm}`, () => follow(draft, place, taken));
  shareRefusals(draft, waiting, chosen, places);
  return new Set(chosen.map(({ name }) => name));
}

/**
 * Where an environment had no place the last time, one of its VMs asks for all; otherwise those that are needed most, and not all at
 * once.
 */
function representatives(draft: Draft, waiting: readonly KeptVm[]): readonly KeptVm[] {
  const { environments } = draft.world.objects;
  const asked = new Set<string>();
  const chosen = waiting.filter((vm) => {
    if (vm.failures.length > 0 || !draft.memory.refusals.has(vm.name)) return true;
    if (asked.has(vm.environment)) return false;
    asked.add(vm.environment);
    return true;
  });
  if (chosen.length <= mostAtOnce) return chosen;
  const priority = (vm: KeptVm): number => environments.get(vm.environment)?.priority ?? 0;
  return chosen.toSorted((a, b) => priority(b) - priority(a) || a.sinceMs - b.sinceMs).slice(0, mostAtOnce);
}

/** What is refused to one VM is refused to all of its environment; when one is placed, the others ask again. */
function shareRefusals(draft: Draft, waiting: readonly KeptVm[], chosen: readonly KeptVm[], places: readonly Place[]): void {
  const plain = new Map(chosen.filter(({ failures }) => failures.length === 0).map((vm) => [vm.name, vm.environment]));
  const placed = new Set<string>();
  const refused = new Map<string, Place>();
  for (const place of places) {
    const environment = plain.get(place.vm);
    if (environment === undefined) continue;
    if (place.kind === 'host') placed.add(environment);
    else refused.set(environment, place);
  }
  const refusals = new Map(draft.memory.refusals);
  for (const { name, environment, failures } of waiting) {
    if (failures.length > 0) continue;
    const place = refused.get(environment);
    if (place === undefined && placed.has(environment)) refusals.delete(name);
    if (place === undefined) continue;
    refusals.set(name, place.reasons);
    const vm = draft.vms.get(name);
    if (vm?.claims.length === 0) wait(draft, vm, place.reason);
  }
  draft.remember({ refusals });
}

/** The maps are replaced when anything in them changes. */
function isWorthwhile(draft: Draft): boolean {
  const { atMs, of } = draft.memory.placed;
  const [hosts, vms, objects] = of;
  const same = hosts === draft.hosts && vms === draft.vms && objects === draft.world.objects;
  return !same || draft.now.monoMs - atMs >= againMs;
}

function isStartable(draft: Draft, vm: KeptVm): boolean {
  if (vm.state !== 'waiting' && vm.state !== 'recovering') return false;
  const environment = draft.world.objects.environments.get(vm.environment);
  if (environment === undefined || environment.instances !== vm.instances) return false;
  const reason = whyNotYet(draft, vm, environment);
  if (reason === undefined) return true;
  if (vm.reason !== reason) draft.keepVm({ ...vm, reason });
  return false;
}

function whyNotYet(draft: Draft, vm: KeptVm, environment: VmEnvironment): string | undefined {
  if (isPaused(environment, draft.environments.get(environment.name))) return `Environment ${environment.name} is paused`;
  const hold = holdReason(draft);
  const byDeath = vm.ended !== undefined && vm.ended.proof.kind !== 'agent';
  if (hold !== undefined && byDeath) return `it may start again, and waits for the hold to end: ${hold.reason}`;
  if (isPausing(vm, draft.now.wallMs)) return 'it starts again in a moment';
  const stop = openStop(draft, vm.name);
  if (stop !== undefined) return `${stop.host} has not answered ${stop.command} of it yet: that might meet its next domain`;
  if (vm.instances !== 'at-most-one') return undefined;
  const seen = hostsSeenWith(draft, vm.name);
  return seen.length === 0 ? undefined : `a domain of this name is on ${seen.join(', ')}: it has to be gone first`;
}

function openStop(draft: Draft, vm: string): KeptCommand | undefined {
  for (const command of draft.open.values()) if (command.vm === vm && command.command !== 'vm.console') return command;
  return undefined;
}

function follow(draft: Draft, place: Place, taken: TakenCards): void {
  const vm = draft.vms.get(place.vm);
  const environment = vm === undefined ? undefined : draft.world.objects.environments.get(vm.environment);
  if (vm === undefined || environment === undefined) return;
  const about = { vm: vm.name, environment: vm.environment, reason: place.reason, reasons: place.reasons };
  if (place.kind === 'none') {
    draft.steps.push({ action: 'wait', ...about });
    draft.remember({ refusals: new Map(draft.memory.refusals).set(vm.name, place.reasons) });
    if (isHopeless(draft, vm, place)) return giveIn(draft, vm, 'it failed, and nowhere else it can go');
    return wait(draft, vm, place.reason);
  }
  const awaited = hostsToSpreadTo(draft, environment, place.host);
  if (awaited !== undefined) {
    draft.steps.push({ action: 'wait', ...about, reason: awaited });
    return wait(draft, vm, awaited);
  }
  draft.steps.push({ action: 'start', host: place.host, ...about });
  const problem = start(draft, vm, environment, place, taken);
  if (problem !== undefined) wait(draft, vm, problem);
}

/** Why a VM that spreads does not join another one of its environment yet. One that is missed is replaced at once, wherever there is room. */
function hostsToSpreadTo(draft: Draft, { name, constraints }: VmEnvironment, host: string): string | undefined {
  if (!constraints.spread) return undefined;
  const own = [...draft.vms.values()].filter(({ environment }) => environment === name);
  if (own.some(({ state }) => state === 'lost')) return undefined;
  if (!own.some(({ claims }) => claims.some((claim) => claim.host === host))) return undefined;
  const { roles } = draft.world.objects;
  const coming = [...draft.hosts.values()].filter((entry) => {
    const { role } = entry.kept;
    return isComingUp(draft, entry) && (role === undefined || roles.get(role)?.environments.includes(name) === true);
  });
  if (coming.length === 0) return undefined;
  const names = coming.slice(0, 3).map(({ kept }) => kept.name);
  const more = coming.length > names.length ? ` and ${coming.length - names.length} more` : '';
  return `${host} has one of ${name} already, and ${names.join(', ')}${more} will be up soon: it waits for that, at most ${draft.world.settings.comingUpMs / 1000} s`;
}

/** Only the hosts where it failed could take it. */
function isHopeless(draft: Draft, vm: KeptVm, place: Place): boolean {
  const failedOn = avoided(vm).filter(({ host }) => draft.hosts.get(host)?.kept.state === 'online');
  if (failedOn.length === 0 || place.kind !== 'none') return false;
  const { avoid: _, ...free } = waitingVm(vm);
  const again = placeVms({ hosts: placementHosts(draft), environments: draft.world.objects.listed.environments, vms: [free] });
  return again.places[0]?.kind === 'host';
}

function wait(draft: Draft, vm: KeptVm, reason: string): void {
  if (vm.state === 'waiting' && vm.reason === reason) return;
  draft.keepVm({ ...vm, state: 'waiting', reason, sinceMs: vm.state === 'waiting' ? vm.sinceMs : draft.now.wallMs });
}

/** @returns why it cannot start */
function start(
  draft: Draft,
  vm: KeptVm,
  environment: VmEnvironment,
  place: Place & { kind: 'host' },
  taken: TakenCards,
): string | undefined {
  const entry = draft.hosts.get(place.host);
  if (entry?.kept.boot === undefined || !reachable(entry)) return `${place.host} has gone in the meantime`;
  const image = draft.world.resolveImage(environment.image);
  if (image.kind === 'missing') return `there is no image for it: ${image.reason}`;
  const cards = cardsFor(vm, environment.networks, taken);
  if (cards.kind === 'none') return cards.reason;
  const { boot, session, name: host } = entry.kept;
  const seq = vm.seq + 1;
  const { memoryMib, vcpus, readySeconds } = environment;
  const { retryMs: _retry, noMigration: _moved, ...rest } = vm;
  const next: KeptVm = {
    ...rest,
    seq,
    memoryMib,
    vcpus,
    image: image.ref,
    cards: cards.cards,
    state: 'starting',
    sinceMs: draft.now.wallMs,
  };
  const rendered = draft.world.renderDomain(next, environment, host);
  if ('problem' in rendered) {
    draft.tellOnce(`render ${vm.environment}`, 300_000, 'vm.failed', 'error', {
      vm: vm.name,
      environment: vm.environment,
      reason: rendered.problem,
    });
    return `its xl.cfg cannot be made: ${rendered.problem}`;
  }
  for (const { mac, address, bridge, vlan } of cards.cards) {
    taken.macs.add(mac);
    taken.addresses.add(`${bridge}/${vlan ?? ''}/${address}`);
  }
  const reason = `starts on ${host}: ${place.reason}`;
  const command = issueCommand(draft, entry, {
    command: 'vm.create',
    args: { vm: vm.name, uuid: vm.uuid, claim: seq, config: rendered.config, image: image.ref, files: [...image.files], readySeconds },
    vm: vm.name,
    seq,
    reason: place.reason,
    author: 'manager',
  });
  const claim = { host, boot, session, seq, takenMs: draft.now.wallMs, command: command.id };
  draft.keepVm({ ...next, claims: [claim], reason });
  draft.tell('vm.starting', 'info', { vm: vm.name, environment: vm.environment, image: image.ref, claim: seq, reason: place.reason }, host);
  return undefined;
}
