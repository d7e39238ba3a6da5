import { describe, expect, it } from 'vitest';
import { MemoryBroker } from '../../../src/bus/memory-broker.ts';
import { HeldClock } from '../../../src/clock.ts';
import type { NewEvent } from '../../../src/events/event-store.ts';
import { CapturedLog } from '../../../src/log.ts';
import { topics } from '../../../src/manager/protocol.ts';
import { ManagerRing } from '../../../src/manager/shell/manager-ring.ts';

function presence(manager: string, change = {}): string {
  return JSON.stringify({ v: 1, kind: 'PRESENCE', manager, state: 'standby', reason: '', ...change });
}

/** Managers on one broker, each with the will that it leaves there. */
class Lab {
  readonly clock = new HeldClock();
  readonly broker = new MemoryBroker({ clock: this.clock });
  readonly log = new CapturedLog();
  readonly told: NewEvent[] = [];

  async ring(name: string): Promise<ManagerRing> {
    const lost = { v: 1, kind: 'PRESENCE', manager: name, state: 'lost', reason: 'cut' };
    const will = { topic: topics.manager(name), payload: Buffer.from(JSON.stringify(lost)), retain: true };
    const ring = new ManagerRing({
      name,
      bus: this.broker.connect(name, { will }),
      clock: this.clock,
      log: this.log,
      tell: (event) => void this.told.push(event),
    });
    await ring.open();
    return ring;
  }

  async rest(): Promise<void> {
    await this.broker.settled();
  }

  get news(): string[] {
    return this.told.map(({ kind, severity, detail }) => `${kind} ${severity} ${String(detail['manager'])}: ${String(detail['reason'])}`);
  }
}

describe('the group of managers', () => {
  it('is told once by the one that leads: who joined, left, was lost, and why', async () => {
    const lab = new Lab();
    const one = await lab.ring('server1');
    const two = await lab.ring('server2');
    one.say('leading', 'nobody else leads');
    two.say('standby', 'server1 leads');
    await lab.rest();
    expect(lab.news).toEqual(['manager.joined info server2: server1 leads']);
    two.say('standby', 'server1 leads');
    await lab.rest();
    lab.broker.cut('server2', { will: true });
    await lab.rest();
    lab.broker.restore('server2');
    two.say('standby', 'server1 leads');
    await lab.rest();
    two.say('left', 'it was closed');
    await lab.rest();
    expect(lab.news.slice(1)).toEqual([
      'manager.lost warning server2: cut',
      'manager.joined info server2: server1 leads',
      'manager.left info server2: it was closed',
    ]);
    expect(one.others).toMatchObject([{ name: 'server2', state: 'left', reason: 'it was closed' }]);
  });

  it('has what happened while nobody led told by the next one that leads', async () => {
    const lab = new Lab();
    const one = await lab.ring('server1');
    const two = await lab.ring('server2');
    one.say('leading', 'nobody else leads');
    two.say('standby', 'server1 leads');
    await lab.rest();
    lab.told.length = 0;
    lab.broker.cut('server1', { will: true });
    await lab.rest();
    expect(lab.news).toEqual([]);
    two.say('leading', 'server1 has not renewed its lead');
    expect(lab.news).toEqual(['manager.lost warning server1: cut']);
  });

  it('does not tell of one that had gone before this manager came', async () => {
    const lab = new Lab();
    const one = await lab.ring('server1');
    one.say('leading', 'nobody else leads');
    await lab.rest();
    lab.broker.cut('server1', { will: true });
    await lab.rest();
    const two = await lab.ring('server2');
    two.say('leading', 'server1 has not renewed its lead');
    await lab.rest();
    expect(lab.news).toEqual([]);
    expect(two.others.map(({ name, state }) => `${name} ${state}`)).toEqual(['server1 lost']);
  });

  it('takes no notice of what is no presence, of one that is said of another, or of more than 64', async () => {
    const lab = new Lab();
    const one = await lab.ring('server1');
    one.say('leading', 'nobody else leads');
    const other = lab.broker.connect('other');
    const say = (topic: string, payload: string) => other.publish(topic, Buffer.from(payload), { qos: 1, retain: true });
    await say(topics.manager('server2'), 'no json');
    await say(topics.manager('server2'), '');
    await say(topics.manager('server2'), presence('server2', { v: 2 }));
    await say(topics.manager('server2'), presence('server2', { state: 'asleep' }));
    await say(topics.manager('server2'), presence('server3'));
    await say(topics.manager('server1'), presence('server1'));
    await lab.rest();
    expect(one.others).toEqual([]);
    expect(lab.log.lines.filter(({ message }) => message === 'what is said of a manager is not understood')).toHaveLength(4);
    for (let count = 0; count < 70; count++) await say(topics.manager(`m${count}`), presence(`m${count}`));
    await lab.rest();
    expect(one.others).toHaveLength(64);
  });
});
