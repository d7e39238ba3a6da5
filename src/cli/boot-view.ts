import type { BootSummary } from '../api/schemas/boot.ts';
import { formatAge, formatTime } from './duration.ts';
import type { View } from './output.ts';
import type { Tone } from './table.ts';

const tones: Readonly<Partial<Record<BootSummary['state'], Tone>>> = { up: 'good', stuck: 'bad', failed: 'bad' };

/** Boots in tables. `nowMs` is what ages are counted from. */
export function bootView(nowMs: number): View<BootSummary> {
  return {
    columns: [
      { head: 'BOOT', cell: ({ id }) => id },
      { head: 'MACHINE', cell: ({ machine }) => machine },
      { head: 'BEGAN', cell: ({ openedAt }) => formatTime(openedAt) },
      { head: 'AGO', cell: ({ openedAt }) => formatAge(openedAt, nowMs), align: 'right' },
      { head: 'STATE', cell: ({ state }) => state, tone: ({ state }) => tones[state] },
      { head: 'TOOK', cell: ({ seconds }) => secondsText(seconds), align: 'right' },
      { head: 'USUAL', cell: ({ usualSeconds }) => secondsText(usualSeconds), align: 'right' },
      { head: 'STAGE', cell: ({ lastStage }) => lastStage },
      { head: 'PROFILE', cell: ({ profile, oneShot }) => (oneShot ? `${profile} (once)` : profile) },
      { head: 'IMAGE', cell: ({ image }) => image, wide: true },
      { head: 'MAC', cell: ({ mac }) => mac, wide: true },
      { head: 'ADDRESS', cell: ({ addresses }) => addresses.join(','), wide: true },
      { head: 'REASON', cell: ({ reason }) => reason },
    ],
    name: ({ id }) => id,
    empty: 'no boot fits: switch a machine on',
  };
}

export function secondsText(seconds: number | undefined): string | undefined {
  return seconds === undefined ? undefined : seconds < 100 ? seconds.toFixed(1) : String(Math.round(seconds));
}
