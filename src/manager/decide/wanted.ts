import type { VmEnvironment } from '../../model/vm-environment.ts';
import type { KeptEnvironment, KeptVm } from '../state.ts';

/** How many there should be, and who says so. */
export function wantedCount(
  environment: VmEnvironment,
  kept: KeptEnvironment | undefined,
): { readonly count: number; readonly by: string } {
  const { min, max } = environment.count;
  const scale = kept?.scale;
  if (scale === undefined || min === max)
    return { count: min, by: min === max ? 'its document: a fixed count' : 'its document: the least' };
  const count = Math.min(max, Math.max(min, scale.count));
  const bounded = count === scale.count ? '' : `, bounded by ${min} to ${max}`;
  return { count, by: `scaled to ${scale.count} by ${scale.by}${bounded}` };
}

export function isPaused(environment: VmEnvironment, kept: KeptEnvironment | undefined): boolean {
  return environment.paused || kept?.paused !== undefined;
}

/** Up, and where it says when it is ready, ready. */
export function isHealthy(vm: KeptVm, environment: VmEnvironment): boolean {
  return vm.state === 'running' && vm.stop === undefined && (environment.readySeconds === 0 || vm.ready !== undefined);
}

/** A pause is short: one that ends far away is of a clock that has been set back. */
export function isPausing({ retryMs }: KeptVm, wallMs: number): boolean {
  return retryMs !== undefined && wallMs < retryMs && retryMs - wallMs <= 60_000;
}

/** `gateway-2` is slot 2 of environment gateway. */
export function slotOf(vm: KeptVm): number {
  return Number(/-(\d+)$/.exec(vm.name)?.[1] ?? 0);
}
