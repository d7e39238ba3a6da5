import type { Draft } from '../draft.ts';
import { silence } from './hosts.ts';

/** Hosts that fell silent longer ago were not of this storm. */
const togetherMs = 120_000;

/** Why nothing may be fenced, given up or recovered now; `undefined` where it may. */
export function holdReason(
  draft: Draft,
): { readonly reason: string; readonly sinceMs: number; readonly by: 'storm-guard' | 'operator' } | undefined {
  const { operator, storm } = draft.guard;
  if (operator !== undefined) return { reason: `${operator.reason} (${operator.author})`, sinceMs: operator.sinceMs, by: 'operator' };
  if (storm !== undefined) return { reason: storm.reason, sinceMs: storm.sinceMs, by: 'storm-guard' };
  const { bus, cut, stalledUntilMs } = draft.memory;
  if (cut !== undefined) return { ...cut, by: 'storm-guard' };
  if (!bus.connected) return { reason: `this manager is not on the bus: ${bus.reason}`, sinceMs: bus.sinceMs, by: 'storm-guard' };
  if (draft.now.monoMs < stalledUntilMs) {
    return { reason: 'this manager stood still for a while: who is silent is not known yet', sinceMs: draft.now.wallMs, by: 'storm-guard' };
  }
  return undefined;
}

/** Many hosts that fall silent together say more of the network, or of the manager, than of themselves. */
export function tendStorm(draft: Draft): void {
  tendOwnNetwork(draft);
  const { stormShare } = draft.world.settings;
  const suspects: string[] = [];
  const silent: string[] = [];
  let base = 0;
  for (const [name, entry] of draft.hosts) {
    const { state, sinceMs } = entry.kept;
    const isSuspect = state === 'suspect' || state === 'fencing';
    if (isSuspect) suspects.push(name);
    const isAccepted = draft.guard.accepted?.includes(name) === true;
    const recent = isSuspect && !isAccepted && draft.now.wallMs - sinceMs <= togetherMs;
    const counted = state === 'online' || state === 'joining';
    if (recent || (counted && nearlySilent(draft, name))) silent.push(name);
    if (recent || counted) base += 1;
  }
  const { storm, accepted, ...guard } = draft.guard;
  const still = accepted?.filter((name) => suspects.includes(name));
  if (accepted !== undefined && still?.length !== accepted.length) {
    draft.keepGuard({ ...guard, ...(storm === undefined ? {} : { storm }), ...(still?.length === 0 ? {} : { accepted: still ?? [] }) });
  }
  if (storm === undefined) {
    if (suspects.length > 0 && silent.length > allowed(stormShare, base)) begin(draft, silent, base);
    return;
  }
  const hosts = [...new Set([...storm.hosts, ...silent])].filter((name) => suspects.includes(name) || silent.includes(name));
  if (hosts.length <= allowed(stormShare, storm.base)) return end(draft, hosts);
  if (hosts.join(' ') !== storm.hosts.join(' ')) draft.keepGuard({ ...draft.guard, storm: { ...storm, hosts } });
}

/** Hosts that this server is cut off from are silent for it alone. */
function tendOwnNetwork(draft: Draft): void {
  const { cut } = draft.memory;
  const reason = ownFault(draft);
  if (reason === cut?.reason) return;
  if (reason === undefined) {
    draft.remember({ cut: undefined });
    return draft.tell('manager.released', 'info', { reason: 'this server reaches its hosts again', by: 'storm-guard' });
  }
  draft.remember({ cut: { reason, sinceMs: cut?.sinceMs ?? draft.now.wallMs } });
  if (cut === undefined)
    draft.tell('manager.hold', 'error', { reason: `${reason}: nothing is fenced, given up or recovered`, by: 'storm-guard' });
}

function ownFault(draft: Draft): string | undefined {
  for (const [name, { kept }] of draft.hosts) {
    const isSilent = kept.state === 'suspect' || kept.state === 'fencing';
    const counted = kept.state === 'online' || kept.state === 'joining';
    const problem = isSilent || (counted && nearlySilent(draft, name)) ? draft.world.pathProblem(name) : undefined;
    if (problem !== undefined) return problem;
  }
  return undefined;
}

const allowed = (share: number, base: number): number => Math.max(1, share * base);

/** It has missed beats, though not enough of them to be suspect: it may be the next. */
function nearlySilent(draft: Draft, name: string): boolean {
  const entry = draft.hosts.get(name);
  const { silentMs, beatMs } = draft.world.settings;
  return entry !== undefined && silence(draft, entry) >= silentMs - beatMs;
}

function begin(draft: Draft, hosts: readonly string[], base: number): void {
  const reason = `${hosts.length} of ${base} hosts fell silent together (${hosts.slice(0, 10).join(', ')}${hosts.length > 10 ? ', ...' : ''})`;
  draft.keepGuard({ ...draft.guard, storm: { hosts, base, reason, sinceMs: draft.now.wallMs } });
  draft.tell('manager.hold', 'error', {
    reason: `${reason}: nothing is fenced, given up or recovered until most of them answer`,
    by: 'storm-guard',
  });
}

function end(draft: Draft, hosts: readonly string[]): void {
  const { storm: _, ...guard } = draft.guard;
  draft.keepGuard(guard);
  const left = hosts.length === 0 ? 'all of them answer, or are known to be dead' : `still silent: ${hosts.join(', ')}`;
  draft.tell('manager.released', 'info', { reason: left, by: 'storm-guard' });
}
