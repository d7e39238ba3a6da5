import { describe, expect, it } from 'vitest';
import { CapturedLog } from '../../src/log.ts';
import { Followers } from '../../src/store/followers.ts';

function following() {
  const log = new CapturedLog();
  const followers = new Followers(log);
  const told: unknown[] = [];
  const follower = (area: string) => ({
    heard: (payloads: readonly unknown[]) => void told.push([area, ...payloads]),
    missed: () => void told.push([area, 'missed']),
  });
  return { log, followers, told, follower };
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('who follows other servers', () => {
  it('is told of its area, in order', async () => {
    const { followers, told, follower } = following();
    followers.set('leases', follower('leases'));
    followers.set('objects', follower('objects'));
    followers.heard('leases', [1, 2]);
    followers.heard('objects', [null]);
    followers.heard('leases', undefined);
    followers.heard('leases', [3]);
    await turn();
    expect(told).toEqual([
      ['leases', 1, 2],
      ['objects', null],
      ['leases', 'missed'],
      ['leases', 3],
    ]);
  });

  it('loads again where something changed before it followed: it may have loaded before that', async () => {
    const { followers, told, follower } = following();
    followers.heard('leases', [1]);
    followers.heard('no such area', [1]);
    followers.set('leases', follower('leases'));
    followers.set('objects', follower('objects'));
    await turn();
    expect(told).toEqual([['leases', 'missed']]);
    followers.missed();
    await turn();
    expect(told.slice(1)).toEqual([
      ['leases', 'missed'],
      ['objects', 'missed'],
    ]);
  });

  it('that cannot take a change ends nothing, and it is said', async () => {
    const { followers, log } = following();
    followers.set('events', {
      heard: () => {
        throw new Error('no number');
      },
      missed: () => Promise.reject(new Error('no database')),
    });
    followers.heard('events', ['x']);
    followers.missed();
    await turn();
    expect(log.lines.map(({ level, fields }) => [level, fields])).toEqual([
      ['error', { area: 'events', reason: 'no number' }],
      ['error', { area: 'events', reason: 'no database' }],
    ]);
  });
});
