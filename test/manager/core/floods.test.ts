import { describe, expect, it } from 'vitest';
import { MemoryBroker } from '../../../src/bus/memory-broker.ts';
import { HeldClock } from '../../../src/clock.ts';
import { CapturedLog } from '../../../src/log.ts';
import type { Input } from '../../../src/manager/hear/input.ts';
import { topics } from '../../../src/manager/protocol.ts';
import type { AgentMessage, Presence } from '../../../src/manager/protocol.ts';
import { AgentLink } from '../../../src/manager/shell/agent-link.ts';
import { DropCount } from '../../../src/manager/shell/drop-count.ts';
import { Inbox, inboxLimits } from '../../../src/manager/shell/inbox.ts';
import { Lab } from './manager-lab.ts';

function presence(host: string, state: Presence['state'], connection: string): Input {
  return { kind: 'presence', host, presence: { v: 1, kind: 'PRESENCE', state, reason: '', boot: 1, connection, agent: '1' } };
}

function message(host: string, id: string, bytes = 0): Input {
  const said: AgentMessage = { v: 1, kind: 'EXECVAL', id, reply: 'r', session: 1, repeated: false, result: {} };
  return { kind: 'message', host, message: said, atMs: 0, wallMs: 0, bytes };
}

/** `post01 m3`, `post01 here c2`, or the kind. */
function shown(input: Input): string {
  if (input.kind === 'message') return `${input.host} ${input.message.id}`;
  if (input.kind === 'presence') return `${input.host} ${input.presence.state} ${input.presence.connection}`;
  return input.kind;
}

class Box {
  readonly clock = new HeldClock();
  readonly log = new CapturedLog();
  readonly drops = new DropCount(this);
  readonly inbox = new Inbox(this.drops);

  put(...inputs: readonly Input[]): void {
    for (const input of inputs) this.inbox.put(input);
  }

  get all(): string[] {
    return this.inbox.takeAll().map(shown);
  }
}

describe('what waits for a turn', () => {
  it('comes in the order of its arrival, and once', () => {
    const box = new Box();
    box.put(
      presence('post01', 'here', 'c1'),
      message('post01', 'm1'),
      { kind: 'bus', connected: true, reason: '' },
      message('post02', 'm2'),
    );
    expect(box.all).toEqual(['post01 here c1', 'post01 m1', 'bus', 'post02 m2']);
    expect([box.inbox.isEmpty, box.all]).toEqual([true, []]);
  });

  it('loses the oldest messages of who says much, and nothing of anybody else', () => {
    const box = new Box();
    box.put(message('post02', 'm1'), presence('post02', 'lost', 'c1'), { kind: 'bus', connected: true, reason: '' });
    box.put({ kind: 'power', ask: { host: 'post03', boot: 1, session: 1, action: 'fence' }, reading: { kind: 'off' } });
    box.put({ kind: 'stalled', forMs: 1 });
    for (let count = 0; count < 30_000; count++) box.put(message('post01', `m${count}`));
    const { all } = box;
    expect(all.filter((each) => !each.startsWith('post01'))).toEqual(['post02 m1', 'post02 lost c1', 'bus', 'power', 'stalled']);
    expect(all).toHaveLength(5 + inboxLimits.hostBytes / 1024);
    expect(all.at(-1)).toBe('post01 m29999');
  });

  it('has room for so many bytes of all hosts together: the one with the most loses first', () => {
    const box = new Box();
    const large = inboxLimits.hostBytes / 4;
    box.put(message('small', 'm1', 10));
    for (let host = 0; host < 100; host++) for (let count = 0; count < 4; count++) box.put(message(`post${host}`, `m${count}`, large));
    const { all } = box;
    expect(all).toContain('small m1');
    expect(all.length).toBeLessThanOrEqual(inboxLimits.bytes / large);
    expect(all).toContain('post99 m3');
    expect(all).toContain('post0 m3');
  });

  it('has the newest comings and goings of each host, and the `here` that the newest loss is of', () => {
    const box = new Box();
    for (let count = 0; count < 50; count++) box.put(presence('post01', 'here', `c${count}`), presence('post01', 'lost', `c${count}`));
    box.put(presence('post02', 'here', 'c1'));
    expect(box.all).toEqual([
      'post01 here c46',
      'post01 lost c46',
      'post01 here c47',
      'post01 lost c47',
      'post01 here c48',
      'post01 lost c48',
      'post01 here c49',
      'post01 lost c49',
      'post02 here c1',
    ]);
    box.put(presence('post01', 'here', 'c1'));
    for (let count = 0; count < 50; count++) box.put(presence('post01', count % 2 === 0 ? 'lost' : 'left', 'c1'));
    expect(box.all.slice(0, 2)).toEqual(['post01 here c1', 'post01 left c1']);
  });

  it('has one look, and of what a host does against the rules each thing once', () => {
    const box = new Box();
    const refused = { kind: 'refused', host: 'post01', reason: 'x', flood: false } as const;
    for (let count = 0; count < 10; count++)
      box.put({ kind: 'look' }, refused, { ...refused, flood: true }, { ...refused, host: 'post02' });
    expect(box.all).toEqual(['look', 'refused', 'refused', 'refused']);
    box.put({ kind: 'look' }, refused);
    expect(box.all).toEqual(['look', 'refused']);
  });

  it('says what it lost once a minute, with how much of whom', async () => {
    const box = new Box();
    for (let count = 0; count < 3000; count++) box.put(message('post01', `m${count}`));
    box.drops.say();
    for (let count = 0; count < 10; count++) box.put(message('post01', `m${count}`), message('post02', `m${count}`));
    box.drops.say();
    expect(box.log.lines.map(({ fields }) => fields)).toEqual([{ count: 952, hosts: { post01: 952 } }]);
    box.clock.advance(60_000);
    box.drops.say();
    expect(box.log.lines.map(({ fields }) => fields).slice(1)).toEqual([{ count: 10, hosts: { post01: 10 } }]);
  });
});

describe('the way from the agents', () => {
  it('has room for those that are here, however many names of others are retained on the bus', async () => {
    const clock = new HeldClock();
    const log = new CapturedLog();
    const broker = new MemoryBroker({ clock });
    const heard: string[] = [];
    const drops = new DropCount({ clock, log });
    const link = new AgentLink({ bus: broker.connect('manager'), clock, log, drops }, (input) => void heard.push(shown(input)), noFailure);
    await link.open();
    const agents = broker.connect('agents');
    const say = async (host: string, state: string): Promise<void> => {
      const said = { v: 1, kind: 'PRESENCE', state, reason: '', boot: 1, connection: 'c1', agent: '1' };
      await agents.publish(topics.presence(host), Buffer.from(JSON.stringify(said)), { qos: 1 });
    };
    await say('post01', 'here');
    for (let count = 0; count < 4095; count++) await say(`old${count}`, 'left');
    for (const host of ['old4095', 'post02', 'post03']) await say(host, host.startsWith('old') ? 'left' : 'here');
    await broker.settled();
    expect(heard.slice(4096)).toEqual(['post02 here c1', 'post03 here c1']);
    expect(link.presences.size).toBe(4096);
    expect(['post01', 'post02', 'post03', 'old0', 'old1', 'old2'].filter((host) => link.presences.has(host))).toEqual([
      'post01',
      'post02',
      'post03',
      'old2',
    ]);
    await link.close();
  });
});

function noFailure(): void {}

describe('an agent that floods', () => {
  it('costs the others nothing of what is heard of them while a commit is slow', async () => {
    const lab = new Lab();
    const manager = await lab.manager('server1', { machines: ['post01', 'post02'] });
    await lab.join();
    lab.records.hold();
    await lab.wait(6000);
    for (let batch = 0; batch < 5; batch++) {
      await Promise.all(Array.from({ length: 5000 }, () => lab.say({})));
      await lab.rest();
    }
    await lab.present('post02');
    lab.broker.cut('server1', { will: false });
    await lab.rest();
    lab.broker.restore('server1');
    await lab.rest();
    lab.records.release();
    await lab.wait(8000);
    expect(lab.told('host.joined').map(({ machine }) => machine)).toContain('post02');
    expect([lab.told('manager.hold').length, lab.told('manager.released').length]).toEqual([1, 1]);
    expect(manager.hosts().map(({ name, state }) => `${name} ${state}`)).toContain('post01 online');
  });

  it('is said once a minute, and so is what is no message', async () => {
    const lab = new Lab();
    await lab.manager();
    await lab.join();
    for (let second = 0; second < 150; second++) {
      for (let count = 0; count < 300; count++) void lab.agent.publish(topics.fromAgent('post01'), Buffer.from('{}'), { qos: 0 });
      await lab.wait(1000);
    }
    expect(lab.told('agent.flood')).toHaveLength(3);
    expect(lab.told('agent.refused')).toHaveLength(3);
    expect(lab.log.lines.filter(({ message: line }) => line.includes('were dropped')).length).toBeLessThanOrEqual(3);
  });

  it('asks an agent that lists its properties all the time for them once a second', async () => {
    const lab = new Lab();
    await lab.manager();
    await lab.join();
    const properties = [{ name: 'load', type: 'float', ticks: 60, command: 'load', origin: '' }];
    const asked = () => lab.heard.filter((each) => each.kind === 'GETPROP' && each.names.includes('load')).length;
    for (let count = 0; count < 300; count++) await lab.say({ kind: 'PROPLIST', properties });
    await lab.rest();
    expect(asked()).toBe(1);
    await lab.wait(1000);
    await lab.say({ kind: 'PROPLIST', properties });
    await lab.rest();
    expect(asked()).toBe(2);
  });
});
