import type { Draft } from '../draft.ts';

/** So long it may be because hosts are just coming up. */
const patienceMs = 10_000;
const againMs = 300_000;

/** Says that an environment has VMs without a place, and why; and after a while again, when the reason is another one. */
export function tendShortage(draft: Draft): void {
  const short = new Map<string, string>();
  for (const vm of draft.vms.values()) {
    if (vm.state === 'waiting' && vm.claims.length === 0 && draft.now.wallMs - vm.sinceMs >= patienceMs && !short.has(vm.environment))
      short.set(vm.environment, vm.reason);
  }
  const before = draft.memory.short;
  for (const [environment, reason] of short) {
    if (before.get(environment) === reason) continue;
    const isNew = !before.has(environment);
    if (isNew) draft.tell('environment.short', 'warning', { environment, reason });
    else draft.tellOnce(`short ${environment}`, againMs, 'environment.short', 'warning', { environment, reason });
  }
  const same = short.size === before.size && [...short].every(([name, reason]) => before.get(name) === reason);
  if (!same) draft.remember({ short });
}
