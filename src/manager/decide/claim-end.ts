import type { Claim, DeathProof } from '../../model/vm.ts';
import type { Draft } from '../draft.ts';
import type { KeptVm } from '../state.ts';
import { hasArrived } from './arrival.ts';

/** Starts that may fail: the first, one again on the same host, one elsewhere. */
export const mostFailures = 3;
const retryPauseMs = 5000;

export function proofText(proof: DeathProof, host: string): string {
  switch (proof.kind) {
    case 'power':
      return `the power of ${host} was read back as off (${proof.detail})`;
    case 'rebirth':
      return `${host} has booted anew: boot ${proof.boot} said hello with its boot token`;
    case 'agent':
      return `the agent of ${host} says in session ${proof.session} that there is no such domain`;
    case 'operator':
      return `${proof.author} confirmed that ${host} is dead`;
  }
}

/** A claim ends with its proof, and with the last one the VM is free to be started elsewhere, if it is wanted. */
export function endClaim(draft: Draft, vm: KeptVm, claim: Claim, proof: DeathProof, options: { readonly failure?: string } = {}): void {
  const claims = vm.claims.filter((each) => each !== claim);
  const ended = { host: claim.host, proof, atMs: draft.now.wallMs };
  if (claims.length > 0) {
    draft.keepVm({ ...vm, claims, ended });
    if (vm.move?.from === claim.host && proof.kind === 'agent' && hasArrived(draft, vm.name, vm.move)) return;
    draft.tell(
      'vm.recovering',
      'info',
      {
        vm: vm.name,
        environment: vm.environment,
        host: claim.host,
        proof: proofText(proof, claim.host),
        proofKind: proof.kind,
        reason: `its claim on ${claim.host} has ended; that on ${claims.map(({ host }) => host).join(', ')} stands`,
      },
      claim.host,
    );
    return;
  }
  const free = freed({ ...vm, claims, ended });
  const words = proofText(proof, claim.host);
  if (vm.stop !== undefined && vm.stop.failure !== true) return stopped(draft, free, vm.stop.reason, words, claim.host, proof);
  if (vm.givenUp === true) return stopped(draft, free, 'another VM is in its place', words, claim.host, proof);
  if (options.failure !== undefined) return failed(draft, free, claim.host, options.failure, words);
  if (vm.stop?.failure === true) return failed(draft, free, claim.host, vm.stop.reason, words);
  if (proof.kind === 'agent' && vm.state === 'running') {
    return failed(draft, free, claim.host, 'its domain has ended by itself, or crashed', words);
  }
  recovering(draft, free, claim.host, proof, words);
}

function freed(vm: KeptVm): KeptVm {
  const { stop: _stop, move: _move, ready: _ready, runningMs: _running, paused: _paused, givenUp: _givenUp, retryMs: _retry, ...rest } = vm;
  return rest;
}

function stopped(draft: Draft, vm: KeptVm, why: string, words: string, host: string, proof: DeathProof): void {
  draft.keepVm({ ...vm, state: 'stopped', reason: `${why}; ${words}`, sinceMs: draft.now.wallMs });
  draft.tell(
    'vm.stopped',
    'info',
    { vm: vm.name, environment: vm.environment, host, reason: why, proof: words, proofKind: proof.kind },
    host,
  );
}

function failed(draft: Draft, vm: KeptVm, host: string, reason: string, words: string): void {
  const atMs = draft.now.wallMs;
  const failures = [...vm.failures, { host, atMs, reason }];
  draft.tell(
    'vm.failed',
    'warning',
    { vm: vm.name, environment: vm.environment, host, reason, proof: words, failures: failures.length },
    host,
  );
  if (failures.length < mostFailures) {
    const next = failures.length === 1 ? 'it is started once more' : 'it is started elsewhere';
    draft.keepVm({ ...vm, failures, state: 'recovering', reason: `failed on ${host}: ${reason}; ${next}`, sinceMs: atMs });
    return;
  }
  giveIn(draft, { ...vm, failures }, `it failed ${failures.length} times`);
}

/** Nothing more is tried until a person clears it. */
export function giveIn(draft: Draft, vm: KeptVm, why: string): void {
  const list = vm.failures.map(({ host, reason }) => `on ${host}: ${reason}`).join('; ');
  const reason = `${why} (${list}); see to the cause, then clear it`;
  draft.keepVm({ ...vm, state: 'error', reason, sinceMs: draft.now.wallMs });
  draft.tell('vm.error', 'error', { vm: vm.name, environment: vm.environment, reason });
}

function recovering(draft: Draft, vm: KeptVm, host: string, proof: DeathProof, words: string): void {
  const atMs = draft.now.wallMs;
  const pause = proof.kind === 'agent' && vm.state === 'starting' ? { retryMs: atMs + retryPauseMs } : {};
  draft.keepVm({ ...vm, ...pause, state: 'recovering', reason: `${words}: it may start again`, sinceMs: atMs });
  draft.tell(
    'vm.recovering',
    'warning',
    {
      vm: vm.name,
      environment: vm.environment,
      host,
      proof: words,
      proofKind: proof.kind,
      reason: 'it may start again',
    },
    host,
  );
}
