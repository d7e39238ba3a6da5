import type { BootClient } from '../model/boot-decision.ts';
import { type BootProfile, type BootStage, bootStages } from '../model/boot-profile.ts';
import type { Mac } from '../model/mac.ts';
import type { StageRecord, StoredAttempt } from './attempt-store.ts';
import { expandPath, isIpxeBinary } from './loader-choice.ts';
import { menuAt } from './menu-paths.ts';
import { normalTreePath, treePathOfBootFile } from './tree-path.ts';

/** A ROM that gave up and tries anew within this time is still the same power-on. */
const silentMs = 60_000;

/** A large file over a slow TFTP. */
const loadingMs = 600_000;

/** What the rule for new attempts looks at. */
export interface SeenAttempt extends Pick<StoredAttempt, 'mac' | 'stages' | 'lastSeenMs'> {
  readonly tookOtherOffer?: boolean;
}

/** Whether nothing was heard of an attempt for so long that its power-on may be over. */
export function isSilent({ lastSeenMs }: Pick<StoredAttempt, 'lastSeenMs'>, nowMs: number): boolean {
  return nowMs - lastSeenMs > silentMs;
}

/**
 * Whether this DHCP client's packet begins a new power-on. Only firmware begins one, and only where the attempt before is
 * past its loader or silent: ROMs retry. iPXE may be that firmware (a ROM), or the loader of the attempt that goes on.
 */
export function opensAttempt(face: BootClient['face'], mac: Mac, previous: SeenAttempt | undefined, nowMs: number): boolean {
  if (face === 'other') return false;
  if (previous === undefined || isSilent(previous, nowMs) || previous.tookOtherOffer === true) return true;
  const loader = previous.stages.find((record) => record.stage === 'loader')?.file;
  const last = lastStage(previous.stages);
  if (face === 'ipxe' && last === 'loader' && loader !== undefined && isIpxeBinary(loader)) return false;
  return stageIndex(last) >= stageIndex('loader') || previous.mac !== mac;
}

/** The farthest stage reached; `discover` where there is none. */
export function lastStage(stages: readonly Pick<StageRecord, 'stage'>[]): BootStage {
  return bootStages.findLast((stage) => stages.some((record) => record.stage === stage)) ?? 'discover';
}

export function stageIndex(stage: BootStage): number {
  return bootStages.indexOf(stage);
}

/** The stages that a boot by this profile shows us, in order. */
function expectedStages(profile: BootProfile): readonly BootStage[] {
  if (profile.boot === 'local') return ['discover', 'offer', 'lease'];
  return bootStages.filter((stage) => {
    switch (stage) {
      case 'discover':
      case 'offer':
      case 'lease':
        return true;
      case 'loader':
        return Object.keys(profile.loaders).length > 0;
      case 'menu':
        return profile.menus.length > 0;
      case 'kernel':
      case 'kernel-lease':
      case 'mount':
      case 'hello':
        return profile.image !== undefined;
    }
  });
}

/** What should come after the farthest stage; `undefined` at the end. */
export function nextStage(attempt: Pick<StoredAttempt, 'profile' | 'stages'>): BootStage | undefined {
  const reached = stageIndex(lastStage(attempt.stages));
  return expectedStages(attempt.profile).find((stage) => stageIndex(stage) > reached);
}

/** The stages that the whole fetch of one file completes. A script that iPXE boots from is loader and menu in one. */
export function stagesOfFile(
  path: string,
  attempt: Pick<StoredAttempt, 'machine' | 'mac' | 'profile' | 'image' | 'polledAt'>,
): readonly BootStage[] {
  const wanted = normalTreePath(path);
  if (wanted === undefined) return [];
  const names = { name: attempt.machine.name, mac: attempt.mac };
  const loaders = Object.values(attempt.profile.loaders).map((file) => treePathOfBootFile(expandPath(file, names)));
  const stages: BootStage[] = [];
  if (loaders.includes(wanted)) stages.push('loader');
  const isPolled = wanted.toLowerCase() === attempt.polledAt?.toLowerCase();
  if (isPolled || menuAt(wanted, attempt.profile.menus, names) !== undefined) stages.push('menu');
  if (attempt.image !== undefined && wanted === `/images/${attempt.image}/vmlinuz`) stages.push('kernel');
  return stages;
}

/**
 * Whether a boot would break if its address were given to somebody else. GRUB renews no lease: it may wait for hours on one
 * that was meant for minutes, and then load for a while.
 * @param silentForMs since it was last heard of
 */
export function hangsOnAddress(
  { state, stages, polledAt }: Pick<StoredAttempt, 'state' | 'stages'> & { readonly polledAt?: string | undefined },
  silentForMs: number,
): boolean {
  if (state === 'up') return true;
  if (state === 'waiting') return silentForMs <= silentMs;
  if (state !== 'booting' && state !== 'stuck') return false;
  return stageIndex(lastStage(stages)) >= stageIndex('mount') || (polledAt !== undefined && silentForMs <= loadingMs);
}

/** Whether a one-shot boot that reached these stages is used up: the kernel is there, or all that its profile has. */
export function usesOneShot(attempt: Pick<StoredAttempt, 'profile' | 'stages'>): boolean {
  const reached = stageIndex(lastStage(attempt.stages));
  const stages = expectedStages(attempt.profile);
  const needed = stages.includes('kernel') ? 'kernel' : stages.at(-1);
  return attempt.stages.length > 0 && needed !== undefined && reached >= stageIndex(needed);
}
