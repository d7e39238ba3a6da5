import type { BootDecision } from '../model/boot-decision.ts';
import { grubLegacyMenuOf } from './waiting.ts';

/** What becomes of a machine that waits, at its next poll. */
export type AfterWaiting =
  | { readonly kind: 'wait'; readonly reason: string }
  /** It boots what it is assigned without beginning anew. */
  | { readonly kind: 'go'; readonly decision: Extract<BootDecision, { kind: 'boot' | 'local' }> }
  /** Its loader cannot go on to it: the firmware has to begin anew. */
  | { readonly kind: 'reboot'; readonly reason: string }
  /** It gets no more answers. */
  | { readonly kind: 'leave'; readonly reason: string };

/**
 * @param fresh what would be decided if it were switched on now
 * @param isAssigned whether somebody said what it boots: where that is not to be had just now, it goes on waiting
 * @param pinned what it waits by, where it polls for a file; absent where it polls by DHCP and takes any answer
 */
export function afterWaiting(fresh: BootDecision, isAssigned: boolean, pinned?: BootDecision): AfterWaiting {
  switch (fresh.kind) {
    case 'ignore':
    case 'lease':
      return { kind: isAssigned ? 'wait' : 'leave', reason: fresh.reason };
    case 'local':
      if (pinned === undefined) return { kind: 'go', decision: fresh };
      return { kind: 'reboot', reason: `it is told to reboot: profile ${fresh.profile.name} boots from its own disk` };
    case 'boot': {
      if (fresh.waiting === true) return { kind: 'wait', reason: fresh.reason };
      if (pinned === undefined) return { kind: 'go', decision: fresh };
      const isSameLoader = pinned.kind === 'boot' && pinned.bootFile !== undefined && pinned.bootFile === fresh.bootFile;
      if (isSameLoader && grubLegacyMenuOf(fresh.profile) !== undefined) return { kind: 'go', decision: fresh };
      const why = isSameLoader ? 'has no menu that the loader reads' : `has another loader, ${fresh.bootFile ?? 'none'}`;
      return { kind: 'reboot', reason: `it is told to reboot: profile ${fresh.profile.name} ${why}` };
    }
  }
}
