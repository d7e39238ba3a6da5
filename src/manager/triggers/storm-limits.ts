import type { TriggerCommand } from '../../model/vm-environment.ts';

/** Commands of one trigger within a minute, by what they can break. */
export const perMinute: Readonly<Record<TriggerCommand['command'], number>> = {
  notify: 20,
  query: 20,
  scale: 6,
  'assign-role': 6,
  drain: 1,
  power: 1,
};
/** Of all triggers together. */
export const perMinuteInAll = 60;
const minuteMs = 60_000;

/** How often triggers have fired within the last minute. */
export class StormLimits {
  #fired: { readonly trigger: string; readonly monoMs: number }[] = [];

  /** Why a command may not be done now; nothing when it may. */
  refusal(trigger: string, command: TriggerCommand['command'], monoMs: number): string | undefined {
    this.#fired = this.#fired.filter((each) => monoMs - each.monoMs < minuteMs);
    const most = perMinute[command];
    if (this.#fired.filter((each) => each.trigger === trigger).length >= most)
      return `held back: a trigger does ${command} at most ${most === 1 ? 'once' : `${most} times`} a minute`;
    if (this.#fired.length >= perMinuteInAll) return `held back: all triggers together do at most ${perMinuteInAll} commands a minute`;
    return undefined;
  }

  add(trigger: string, monoMs: number): void {
    this.#fired.push({ trigger, monoMs });
  }
}
