import type { Claim, DeathProof } from '../../model/vm.ts';
import type { Draft } from '../draft.ts';
import type { DomainReport } from '../protocol.ts';
import type { DomainsSeen, HostEntry, KeptVm } from '../state.ts';
import { endClaim } from './claim-end.ts';
import { askAnew, neverBegan } from './commands.ts';
import { settleMove } from './migration.ts';

/** Ends each claim that is proved to be over, and takes over what agents say of the others. */
export function tendClaims(draft: Draft): void {
  for (const [name, vm] of draft.vms) if (vm.claims.length > 0) draft.guarded(`VM ${name}`, () => tendVm(draft, vm));
}

function tendVm(draft: Draft, vm: KeptVm): void {
  for (const claim of vm.claims) {
    const proof = deathProof(draft, vm, claim);
    const current = draft.vms.get(vm.name);
    if (proof !== undefined && current !== undefined) {
      const failure = neverThere(draft, vm, claim, proof);
      endClaim(draft, current, claim, proof, failure === undefined ? {} : { failure });
    } else if (contradictsItself(draft, vm, claim)) askAnew(draft, claim.host);
  }
  const left = draft.vms.get(vm.name);
  if (left === undefined || left.claims.length === 0) return;
  if (left.move !== undefined) settleMove(draft, left);
  else observe(draft, left);
}

/** The evidence that a claim is over. Silence is none. */
export function deathProof(draft: Draft, vm: KeptVm, claim: Claim): DeathProof | undefined {
  const newest = draft.world.newestBoot(claim.host);
  const entry = draft.hosts.get(claim.host);
  if (newest !== undefined && newest.boot > claim.boot) {
    const contested = contestOf(vm, claim, entry);
    if (contested === undefined) return { kind: 'rebirth', boot: newest.boot };
    if (contested.settledBy !== undefined) return { kind: 'operator', author: contested.settledBy };
  }
  if (entry === undefined) return undefined;
  const { dead } = entry.kept;
  if (dead !== undefined && dead.boot >= claim.boot && dead.session >= claim.session) return dead.proof;
  return absentByAgent(draft, vm, claim, entry);
}

/** Why the newer boots of its host prove nothing about this claim. */
function contestOf(vm: KeptVm, claim: Claim, entry: HostEntry | undefined): HostEntry['kept']['contested'] {
  const contested = entry?.kept.contested;
  return vm.instances === 'at-most-one' && contested !== undefined && claim.boot < contested.boot ? contested : undefined;
}

function absentByAgent(draft: Draft, vm: KeptVm, claim: Claim, entry: HostEntry): DeathProof | undefined {
  const seen = reportWithout(draft, vm, claim, entry);
  if (seen === undefined) return undefined;
  const proof: DeathProof = { kind: 'agent', session: seen.session };
  const isMoved = vm.movedSeq === claim.seq;
  // Nothing of an earlier session begins here any more; what another host sends here is of that host's sessions.
  if (seen.session > claim.session && !isMoved) return proof;
  return isAfterAnswers(seen, entry, isMoved) && (isMoved || startIsAnswered(draft, vm, claim)) ? proof : undefined;
}

function reportWithout(draft: Draft, vm: KeptVm, claim: Claim, { kept, link }: HostEntry): DomainsSeen | undefined {
  const { seen } = link;
  if (seen === undefined || !link.agreed || !seen.settled || seen.session !== kept.session || seen.boot !== claim.boot) return undefined;
  if (seen.domains.has(vm.name) || seen.domains.has(`${vm.name}--incoming`)) return undefined;
  if (vm.move !== undefined && mayStillMove(draft, vm.move, vm, seen)) return undefined;
  return seen;
}

function isAfterAnswers(seen: DomainsSeen, { link }: HostEntry, isMoved: boolean): boolean {
  const doubtMs = link.doubtMs ?? (isMoved ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY);
  return seen.beatMs !== undefined && seen.beatMs > doubtMs;
}

/** Its start met a domain of its name, and no report has one: only a session that begins anew says which is true. */
function contradictsItself(draft: Draft, vm: KeptVm, claim: Claim): boolean {
  const entry = draft.hosts.get(claim.host);
  if (entry === undefined || !metAnother(draft, vm, claim)) return false;
  const seen = reportWithout(draft, vm, claim, entry);
  return seen !== undefined && seen.session === claim.session && isAfterAnswers(seen, entry, false);
}

/** The source's agent is at it, or nobody knows: then what the target does not have yet it may have soon. */
function mayStillMove(draft: Draft, move: NonNullable<KeptVm['move']>, vm: KeptVm, of: DomainsSeen): boolean {
  if (draft.open.has(move.command)) return true;
  const ended = draft.ended.get(move.command);
  if (ended?.state !== 'expired' || !vm.claims.some(({ host }) => host === move.from)) return false;
  const source = draft.hosts.get(move.from)?.link.seen;
  if (source === undefined || !source.settled || source.session <= ended.session) return true;
  return (of.beatMs ?? Number.NEGATIVE_INFINITY) < (source.beatMs ?? Number.POSITIVE_INFINITY);
}

function startIsAnswered(draft: Draft, vm: KeptVm, claim: Claim): boolean {
  for (const open of draft.open.values()) if (open.vm === vm.name && open.starts === true) return false;
  if (vm.answeredSeq === claim.seq) return true;
  const start = claim.command === undefined ? undefined : draft.ended.get(claim.command);
  return start?.state === 'done' || (start?.state === 'failed' && !metAnother(draft, vm, claim));
}

/** Something of its name was in the way of its start, and was in no report since. */
function metAnother(draft: Draft, vm: KeptVm, claim: Claim): boolean {
  const start = claim.command === undefined ? undefined : draft.ended.get(claim.command);
  return vm.answeredSeq !== claim.seq && start?.state === 'failed' && start.code === 'exists';
}

/** A start that its agent knows nothing of, or that left nothing behind, has failed. */
function neverThere(draft: Draft, vm: KeptVm, claim: Claim, proof: DeathProof): string | undefined {
  if (proof.kind !== 'agent' || vm.state !== 'starting' || vm.runningMs !== undefined) return undefined;
  const start = claim.command === undefined ? undefined : (draft.ended.get(claim.command) ?? draft.open.get(claim.command));
  if (start?.state === 'done') return 'its domain was gone right after its start';
  const isFailure = start?.state === 'failed' && (start.code === undefined || !neverBegan(start.code));
  return isFailure ? start.reason : undefined;
}

function observe(draft: Draft, vm: KeptVm): void {
  const [claim] = vm.claims;
  const entry = claim === undefined ? undefined : draft.hosts.get(claim.host);
  if (claim === undefined || entry === undefined) return;
  const { state } = entry.kept;
  if (state === 'suspect' || state === 'fencing' || state === 'fenced')
    return loseSight(draft, vm, claim, entry, `${claim.host} is ${state}: ${entry.kept.reason}`);
  const contested = contestOf(vm, claim, entry);
  if (contested !== undefined) return loseSight(draft, vm, claim, entry, contested.reason);
  const { seen } = entry.link;
  if (seen === undefined || !entry.link.agreed || seen.session < claim.session) return;
  const domain = seen.domains.get(vm.name);
  if (domain !== undefined) seeDomain(draft, vm, claim, domain);
}

function loseSight(draft: Draft, vm: KeptVm, claim: Claim, { kept }: HostEntry, reason: string): void {
  if (vm.state === 'lost') {
    if (vm.reason !== reason && vm.givenUp !== true) draft.keepVm({ ...vm, reason });
    return;
  }
  draft.keepVm({ ...vm, state: 'lost', reason, sinceMs: draft.now.wallMs });
  const careful = vm.instances === 'at-most-one' && !draft.world.hasPower(claim.host);
  const proofs =
    kept.contested === undefined ? 'answers, boots anew, or a person confirms that it is dead' : 'is confirmed dead by a person';
  const next = careful ? `it stays lost until ${claim.host} ${proofs}` : undefined;
  draft.tell(
    'vm.lost',
    careful ? 'error' : 'warning',
    {
      vm: vm.name,
      environment: vm.environment,
      host: claim.host,
      reason,
      ...(next === undefined ? {} : { next }),
    },
    claim.host,
  );
}

function seeDomain(draft: Draft, vm: KeptVm, claim: Claim, domain: DomainReport): void {
  if (domain.state === 'missing' || domain.state === 'dying') return;
  const ended = domain.state === 'crashed' || domain.state === 'shutdown';
  if (vm.stop !== undefined) {
    if (vm.state !== 'stopping') draft.keepVm({ ...vm, state: 'stopping', reason: vm.stop.reason, sinceMs: draft.now.wallMs });
    return;
  }
  if (ended) {
    const reason = domain.state === 'crashed' ? 'its domain crashed' : 'its domain has shut down by itself';
    draft.keepVm({ ...vm, stop: { how: 'destroy', reason, author: 'manager', sinceMs: draft.now.wallMs, failure: true, tries: 0 } });
    return;
  }
  if (domain.state === 'starting') return;
  seeRunning(draft, vm, claim, domain);
}

function seeRunning(draft: Draft, vm: KeptVm, claim: Claim, domain: DomainReport): void {
  const { wallMs } = draft.now;
  const { name, environment } = vm;
  let next = vm;
  if (vm.state !== 'running') {
    const { givenUp, ...rest } = vm;
    const back = vm.state === 'lost' ? ` again: ${claim.host} is back` : '';
    next = { ...rest, state: 'running', reason: `runs on ${claim.host}${back}`, sinceMs: wallMs, runningMs: vm.runningMs ?? wallMs };
    draft.tell(
      'vm.running',
      'info',
      { vm: name, environment, reason: next.reason, ...(givenUp === true ? { wasGivenUp: true } : {}) },
      claim.host,
    );
  }
  if (domain.ready !== undefined && next.ready === undefined) {
    const { address } = domain.ready;
    next = { ...next, ready: { atMs: wallMs, ...(address === undefined ? {} : { address }) } };
    draft.tell('vm.ready', 'info', { vm: name, environment, ...(address === undefined ? {} : { address }) }, claim.host);
  }
  if (next.movedSeq === claim.seq) {
    const { movedSeq: _, ...arrived } = next;
    next = { ...arrived, answeredSeq: claim.seq };
  } else if (metAnother(draft, next, claim)) next = { ...next, answeredSeq: claim.seq };
  const paused = domain.state === 'paused';
  if ((next.paused === true) !== paused) next = { ...next, paused };
  next = judgeRunning(draft, next);
  if (next !== vm) draft.keepVm(next);
}

/** It may be late in saying that it is ready; running quietly for long, its failures are forgotten. */
function judgeRunning(draft: Draft, vm: KeptVm): KeptVm {
  const { wallMs } = draft.now;
  const readySeconds = draft.world.objects.environments.get(vm.environment)?.readySeconds ?? 0;
  const runs = wallMs - (vm.runningMs ?? wallMs);
  if (readySeconds > 0 && vm.ready === undefined && vm.paused !== true && runs > readySeconds * 1000) {
    const reason = `it did not say that it is ready within ${readySeconds} s of its start`;
    return { ...vm, stop: { how: 'destroy', reason, author: 'manager', sinceMs: wallMs, failure: true, tries: 0 } };
  }
  const quiet = vm.failures.length > 0 && runs > draft.world.settings.failureQuietMs;
  return quiet ? { ...vm, failures: [] } : vm;
}
