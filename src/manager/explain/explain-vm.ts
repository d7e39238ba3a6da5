import { deathProof } from '../decide/claims.ts';
import { stayText, staysByHost } from '../decide/duties.ts';
import { holdReason } from '../decide/storm.ts';
import { isPaused } from '../decide/wanted.ts';
import type { Draft } from '../draft.ts';
import type { Reason } from '../manager-control.ts';
import type { Claim } from '../../model/vm.ts';
import type { KeptVm } from '../state.ts';

const note = (about: string, reason: string): Reason => ({ about, verdict: 'note', reason });

/** Why a VM is where it is, or nowhere; what it waits for; which proofs would let it move. */
export function explainVm(draft: Draft, name: string): readonly Reason[] | undefined {
  const vm = draft.vms.get(name);
  if (vm === undefined) return undefined;
  const refusals = draft.memory.refusals.get(name) ?? [];
  return [
    note(name, `${vm.state} since ${new Date(vm.sinceMs).toISOString()}: ${vm.reason}`),
    ...vm.claims.flatMap((claim) => explainClaim(draft, vm, claim)),
    ...explainWishes(draft, vm),
    ...explainStay(draft, vm),
    ...explainDocument(draft, vm),
    ...explainPast(vm),
    ...(vm.claims.length === 0 ? refusals : []),
  ];
}

function explainClaim(draft: Draft, vm: KeptVm, claim: Claim): Reason[] {
  const entry = draft.hosts.get(claim.host);
  const taken = `claim ${claim.seq} on ${claim.host} (boot ${claim.boot}, session ${claim.session}) since ${new Date(claim.takenMs).toISOString()}`;
  const reasons = [note(claim.host, taken)];
  if (entry === undefined)
    return [...reasons, note(claim.host, 'there is no such host on record: only a boot of it, or a person, can end the claim')];
  const { kept, link } = entry;
  const domain = link.seen?.domains.get(vm.name);
  const seen = domain === undefined ? 'its agent reports no such domain' : `its agent reports the domain as ${domain.state}`;
  reasons.push(note(claim.host, `${kept.state}: ${kept.reason}${link.seen === undefined ? '' : `; ${seen}`}`));
  if (vm.state === 'lost') reasons.push(...proofsFor(draft, vm, claim));
  return reasons;
}

/** What would let a lost VM move. */
function proofsFor(draft: Draft, vm: KeptVm, claim: Claim): Reason[] {
  const { host } = claim;
  if (deathProof(draft, vm, claim) !== undefined) return [];
  if (vm.givenUp === true) {
    return [note(host, 'another VM is in its place, since there may be several of it; when its host is back, one too many is stopped')];
  }
  const power = draft.world.hasPower(host)
    ? `${host} has a power control: it is switched off, and its power read back as off is a proof`
    : `${host} has no power control that could prove it off`;
  const hold = holdReason(draft);
  return [
    ...(hold === undefined ? [] : [note('manager', `held: ${hold.reason}`)]),
    note(host, 'it may still run there, so it is started nowhere else without a proof that it is dead. Any one of these is a proof:'),
    note(host, power),
    note(host, `a newer boot of ${host} that says hello: switch it off and on again`),
    note(host, `the agent of ${host} answers again and says that there is no such domain`),
    note(host, `a person who sees that ${host} is off, and says so: virtdom host confirm-dead ${host}`),
  ];
}

function explainWishes(draft: Draft, vm: KeptVm): Reason[] {
  const reasons: Reason[] = [];
  if (vm.stop !== undefined)
    reasons.push(note(vm.name, `it is being stopped (${vm.stop.how}) since ${vm.stop.author} wants it: ${vm.stop.reason}`));
  if (vm.move !== undefined)
    reasons.push(
      note(vm.name, `it moves from ${vm.move.from} to ${vm.move.to}; both keep a claim until one of them surely has it no more`),
    );
  if (vm.noMigration === true)
    reasons.push(note(vm.name, 'a migration of it has failed: it is stopped and started elsewhere instead, until it is cleared'));
  if (vm.paused === true) reasons.push(note(vm.name, 'it is paused on its host'));
  const environment = draft.world.objects.environments.get(vm.environment);
  if (environment !== undefined && isPaused(environment, draft.environments.get(vm.environment))) {
    reasons.push(note(vm.environment, 'its environment is paused: nothing is started or stopped'));
  }
  for (const command of draft.open.values()) {
    if (command.vm !== vm.name) continue;
    const where =
      command.state === 'queued' ? `waits for ${command.host}` : `was sent to ${command.host} ${command.times} times, unanswered yet`;
    reasons.push(note(command.host, `${command.command} ${where} (command ${command.id})`));
  }
  return reasons;
}

/** Its host is to be without it, and waits for what a person does. */
function explainStay(draft: Draft, vm: KeptVm): Reason[] {
  return [...staysByHost(draft)].flatMap(([host, vms]) =>
    vms.flatMap((each) => (each.vm === vm.name ? [note(host, `${host} is being emptied, but ${stayText(each)}`)] : [])),
  );
}

/** What it was started with, and what its environment says now: changes hold from the next start on. */
function explainDocument(draft: Draft, vm: KeptVm): Reason[] {
  const environment = draft.world.objects.environments.get(vm.environment);
  if (environment === undefined) return [note(vm.environment, `there is no Environment ${vm.environment} any more: it goes`)];
  if (vm.image === undefined || vm.claims.length === 0) return [];
  const image = draft.world.resolveImage(environment.image);
  const outdated = [
    ...(image.kind === 'found' && image.ref !== vm.image ? [`image ${vm.image}, now ${image.ref}`] : []),
    ...(environment.memoryMib === vm.memoryMib ? [] : [`memory ${vm.memoryMib} MiB, now ${environment.memoryMib} MiB`]),
    ...(environment.vcpus === vm.vcpus ? [] : [`${vm.vcpus} vcpus, now ${environment.vcpus}`]),
    ...(environment.networks.length === vm.cards.length ? [] : [`${vm.cards.length} cards, now ${environment.networks.length}`]),
  ];
  return outdated.length === 0
    ? []
    : [note(vm.name, `outdated: it was started with ${outdated.join('; ')}. It gets what is new at its next start`)];
}

function explainPast(vm: KeptVm): Reason[] {
  return vm.failures.map(({ host, atMs, reason }) => note(host, `failed there at ${new Date(atMs).toISOString()}: ${reason}`));
}
