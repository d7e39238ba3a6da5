import { describe, expect, it } from 'vitest';
import type { NewEvent, Severity } from '../../../src/events/event-store.ts';
import { RecentEvents, recentEventLimits } from '../../../src/manager/triggers/recent-events.ts';
import { contextOf } from '../../../src/manager/triggers/trigger-facts.ts';
import { facts } from './facts.ts';

const nowMs = Date.UTC(2026, 0, 1);

function happened(kind: string, severity: Severity = 'info', change: Partial<NewEvent> = {}): NewEvent {
  return { atMs: nowMs, kind, severity, detail: {}, ...change };
}

function recent(...events: readonly NewEvent[]): RecentEvents {
  const kept = new RecentEvents();
  for (const event of events) kept.add(event, nowMs);
  return kept;
}

function times<Item>(count: number, item: (index: number) => Item): Item[] {
  return Array.from({ length: count }, (_, index) => item(index));
}

describe('the events that triggers see', () => {
  it('are the newest 20 of a kind: a burst of one pushes out no other', () => {
    const kept = recent(
      happened('vm.failed', 'warning'),
      ...times(5000, (n) => happened('boot.stage', 'info', { detail: { n } })),
      happened('vm.lost', 'error'),
    );
    expect(kept.all.map(({ kind, detail }) => [kind, detail['n']])).toEqual([
      ['vm.failed', undefined],
      ...times(recentEventLimits.ofKind, (n) => ['boot.stage', 4980 + n]),
      ['vm.lost', undefined],
    ]);
  });

  it('are 200 of all kinds: what is of the lowest severity goes first, the oldest of it', () => {
    const kept = recent(
      happened('vm.failed', 'warning'),
      happened('vm.lost', 'error'),
      ...times(400, (n) => happened(`kind${n % 40}`, 'info', { detail: { n } })),
    );
    expect(kept.all).toHaveLength(recentEventLimits.inAll);
    expect(kept.all.slice(0, 3).map(({ kind, detail }) => [kind, detail['n']])).toEqual([
      ['vm.failed', undefined],
      ['vm.lost', undefined],
      ['kind2', 202],
    ]);
  });

  it('are of 10 minutes, and no single packets and files', () => {
    const kept = recent(happened('boot.file', 'debug'), happened('vm.lost', 'error', { atMs: nowMs - 600_001 }), happened('boot.up'));
    expect(kept.all.map(({ kind }) => kind)).toEqual(['boot.up']);
    const seen = (afterMs: number) => contextOf(facts([], { events: kept.all }), [], nowMs + afterMs)['events'];
    expect([seen(600_000), seen(600_001)]).toEqual([[expect.objectContaining({ kind: 'boot.up', ageSeconds: 600 })], []]);
    kept.add(happened('boot.failed', 'error', { atMs: nowMs + 700_000 }), nowMs + 700_000);
    expect(kept.all.map(({ kind }) => kind)).toEqual(['boot.failed']);
  });

  it('are all seen by an expression', () => {
    const { all } = recent(...times(400, (n) => happened(`kind${n % 40}`)));
    expect(contextOf(facts([], { events: all }), [], nowMs)['events']).toHaveLength(recentEventLimits.inAll);
  });
});
