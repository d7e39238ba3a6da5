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

async function leaderAndStandby() {
  const lab = new Lab();
  const one = await lab.ring('server1');
  const two = await lab.ring('server2');
  one.say('leading', 'nobody else leads');
  two.say('standby', 'server1 leads');
  await lab.rest();
  return { lab, one, two };
}

describe('the group of managers', () => {
  it('is told once by the one that leads: who joined, left, was lost, and why', async () => {
    const { lab, one, two } = await leaderAndStandby();
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
    const { lab, two } = await leaderAndStandby();
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

  it('has no slot taken from it by those that are gone: the one that went first makes room for one that is here', async () => {
    const lab = new Lab();
    const one = await lab.ring('server1');
    one.say('leading', 'nobody else leads');
    const other = lab.broker.connect('other');
    const say = async (name: string, state: string) => {
      await other.publish(topics.manager(name), Buffer.from(presence(name, { state })), { qos: 1, retain: true });
      await lab.rest();
      lab.clock.advance(1000);
    };
    for (let count = 0; count < 64; count++) await say(`old${count}`, count % 2 === 0 ? 'left' : 'lost');
    await say('server2', 'standby');
    await say('server3', 'left');
    expect(one.others.map(({ name }) => name)).toEqual([...Array.from({ length: 63 }, (_, count) => `old${count + 1}`), 'server2']);
    expect(lab.news).toEqual(['manager.joined info server2: ']);
    for (let count = 0; count < 70; count++) await say(`new${count}`, 'standby');
    expect(one.others.filter(({ state }) => state === 'standby')).toHaveLength(64);
    expect(one.others.map(({ name }) => name)).toContain('server2');
  });

  it('tells of one that comes and goes without end 20 times in ten minutes, and later again', async () => {
    const lab = new Lab();
    const one = await lab.ring('server1');
    one.say('leading', 'nobody else leads');
    const other = lab.broker.connect('other');
    const flap = async () => {
      for (const state of ['standby', 'lost']) {
        await other.publish(topics.manager('server2'), Buffer.from(presence('server2', { state })), { qos: 1 });
        await lab.rest();
      }
    };
    for (let count = 0; count < 100; count++) await flap();
    expect(lab.told.map(({ kind }) => kind)).toEqual(
      Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? 'manager.joined' : 'manager.lost')),
    );
    expect(one.others).toMatchObject([{ name: 'server2', state: 'lost' }]);
    lab.clock.advance(600_000);
    await flap();
    expect(lab.told.slice(40).map(({ kind }) => kind)).toEqual(['manager.joined', 'manager.lost']);
  });
});
