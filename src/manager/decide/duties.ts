import type { Draft } from '../draft.ts';

/** A host that is being emptied is in maintenance when no claim is left on it. */
export function tendDuties(draft: Draft): void {
  const draining = [...draft.hosts.values()].filter(({ kept }) => kept.duty !== 'active');
  if (draining.length === 0) return;
  const claimed = new Set<string>();
  for (const { claims } of draft.vms.values()) for (const { host } of claims) claimed.add(host);
  for (const { kept } of draining) {
    if (kept.duty === 'draining' && !claimed.has(kept.name)) {
      draft.changeHost(kept.name, { duty: 'maintenance' });
      draft.tell('host.drained', 'info', { reason: 'no VM is left on it, and none is given to it' }, kept.name);
    }
    if (kept.duty === 'maintenance' && claimed.has(kept.name)) draft.changeHost(kept.name, { duty: 'draining' });
  }
}
