import { describe, expect, it } from 'vitest';
import type { StoredAttempt } from '../../src/boot/attempt-store.ts';
import { timedStages, usualDurations } from '../../src/boot/usual-durations.ts';
import { type BootStage, bootStages } from '../../src/model/boot-profile.ts';
import { dom0, post01, rom, subnet } from './rig.ts';

/** A boot whose stages take these seconds, one after another. */
function booted(seconds: Partial<Record<BootStage, number>>, state: StoredAttempt['state'] = 'up'): StoredAttempt {
  let atMs = 1_000_000;
  const openedMs = atMs;
  const stages = bootStages.flatMap((stage) => {
    const took = seconds[stage];
    if (took === undefined) return [];
    atMs += took * 1000;
    return [{ stage, atMs, protocol: 'dhcp' as const }];
  });
  return {
    id: 'x',
    machine: post01,
    mac: rom.mac,
    subnet,
    profile: dom0,
    menus: [],
    openedMs,
    lastSeenMs: atMs,
    lastPacket: 'none',
    addresses: [],
    stages,
    state,
    reason: 'so',
  };
}

describe('how long stages usually take', () => {
  it('is the median from the stage before, over the boots that came up', () => {
    const boots = [2, 4, 90].map((hello) => booted({ lease: 1, loader: 3, hello }));
    const usual = usualDurations([...boots, booted({ lease: 50, loader: 70 }, 'failed'), booted({ lease: 60 }, 'stuck')]);
    expect(usual).toEqual({
      boots: 3,
      stages: new Map([
        ['lease', 1000],
        ['loader', 3000],
        ['hello', 4000],
      ]),
      totalMs: 8000,
    });
  });

  it('is the mean of the two in the middle of an even number, and nothing of no boots', () => {
    expect(usualDurations([booted({ lease: 1 }), booted({ lease: 2 })]).stages.get('lease')).toBe(1500);
    expect(usualDurations([booted({ lease: 1 }, 'failed')])).toEqual({ boots: 0, stages: new Map() });
  });

  it('counts nothing that a machine had reached before it was assigned', () => {
    const { openedMs, stages, ...rest } = booted({ discover: 0, offer: 0, lease: 1, loader: 2, menu: 600 });
    const assigned = { ...rest, stages, openedMs: openedMs + 600_000 };
    expect(timedStages(assigned).map(({ stage, durationMs }) => `${stage} ${durationMs}`)).toEqual([
      'discover 0',
      'offer 0',
      'lease 0',
      'loader 0',
      'menu 3000',
    ]);
    expect([...usualDurations([assigned]).stages.keys()]).toEqual(['menu']);
  });
});
