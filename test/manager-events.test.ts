import { describe, expect, it, vi } from 'vitest';
import type { NewEvent } from '../src/events/event-store.ts';
import { CapturedLog } from '../src/log.ts';
import { followEvents } from '../src/manager-service.ts';
import { Rig, severe } from './events/rig.ts';

describe('the events that the service hands to the manager', () => {
  it('are those that are told from now on, once each, without single packets and files, until it is ended', async () => {
    const rig = await new Rig().start();
    const log = new CapturedLog();
    const heard: NewEvent[] = [];
    rig.append(1);
    await rig.events.idle();
    const end = followEvents(rig.events, log, (event) => void heard.push(event));
    rig.append(2, 4);
    rig.events.append(severe('debug', 5));
    rig.events.append(severe('warning', 6));
    await vi.waitUntil(() => heard.length >= 4);
    expect(heard.map(({ detail }) => detail['n'])).toEqual([2, 3, 4, 6]);
    end();
    rig.append(7);
    await rig.events.close();
    expect(heard).toHaveLength(4);
    expect(log.lines).toEqual([]);
  });
});
