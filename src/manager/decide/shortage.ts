import type { Draft } from '../draft.ts';

/** Says once that an environment has VMs without a place, and why; and again when the reason is another one. */
export function tendShortage(draft: Draft): void {
  const short = new Map<string, string>();
  for (const vm of draft.vms.values()) {
    if (vm.state === 'waiting' && vm.claims.length === 0 && !short.has(vm.environment)) short.set(vm.environment, vm.reason);
  }
  const before = draft.memory.short;
  for (const [environment, reason] of short) {
    if (before.get(environment) !== reason) draft.tell('environment.short', 'warning', { environment, reason });
  }
  const same = short.size === before.size && [...short].every(([name, reason]) => before.get(name) === reason);
  if (!same) draft.remember({ short });
}
