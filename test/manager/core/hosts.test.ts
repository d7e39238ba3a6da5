import { describe, expect, it } from 'vitest';
import { hold } from '../../../src/manager/ask/about-manager.ts';
import { rebootHost, setDuty } from '../../../src/manager/ask/about-hosts.ts';
import type { Role } from '../../../src/model/vm-environment.ts';
import { Farm, environmentOf, fixed, roleOf } from './farm.ts';

const gateway = environmentOf({ name: 'gateway' });
const worker = environmentOf({ name: 'worker', instances: 'at-least-one', count: fixed(2) });

function roleWith(vlan: number): Role {
  return roleOf({ name: 'farm', environments: ['worker'], networks: [{ bridge: 'guests', vlan }] });
}

function guest(vlan: number) {
  return environmentOf({
    name: 'worker',
    instances: 'at-least-one',
    networks: [{ bridge: 'guests', vlan, address: 'dhcp', mac: 'derived' }],
  });
}

const spread = { labels: {}, spread: true, apartFrom: [], excludes: [] };

function silent(count: number, of: number, power: readonly string[] = []): Farm {
  const farm = new Farm({ environments: [gateway, worker], power });
  const names = Array.from({ length: of }, (_, index) => `post0${index + 1}`);
  farm.start(...names);
  farm.settle();
  for (const name of names.slice(0, count)) farm.silence(name);
  farm.beat(4);
  return farm;
}

function fencing(environments = [gateway]): Farm {
  const farm = new Farm({ environments, power: ['post01', 'post02'] });
  farm.start('post01', 'post02');
  farm.settle();
  farm.silence('post01');
  farm.beat(3);
  return farm;
}

describe('the session of an agent', () => {
  it('is a new durable number with each of its connections', () => {
    const farm = new Farm();
    farm.start('post01');
    farm.join('post01');
    expect(farm.session('post01')).toBe(2);
    expect(farm.stateOf('post01')).toBe('online');
  });

  it('is asked for again until it is agreed, by the same number', () => {
    const farm = new Farm();
    farm.machines = [{ name: 'post01', nics: [], labels: {}, parameters: {} }];
    farm.changed();
    farm.boot('post01');
    farm.presence('post01', 'here', 'c1');
    farm.wait(25_000);
    const asked = farm.sendings.flatMap((each) => (each.kind === 'message' && each.message.kind === 'CONTROL' ? [each.message] : []));
    expect(asked.map(({ action, session }) => [action, session])).toEqual([
      ['session', 1],
      ['session', 1],
      ['session', 1],
    ]);
  });

  it('goes above the number of another manager that rules the agent', () => {
    const farm = new Farm();
    farm.start('post01');
    farm.say('post01', { session: 41 });
    expect(farm.session('post01')).toBe(42);
  });

  it('is not led up by a number that is far above any that was given', () => {
    const farm = new Farm();
    farm.start('post01');
    farm.say('post01', { session: Number.MAX_SAFE_INTEGER });
    expect(farm.session('post01')).toBe(1);
    expect(farm.told('agent.refused')).toHaveLength(1);
  });

  it('does not end by the will of an older boot or of another connection', () => {
    const farm = new Farm();
    farm.start('post01');
    farm.join('post01', 'new');
    farm.presence('post01', 'lost', 'old');
    farm.presence('post01', 'lost', 'new', 0);
    expect(farm.told('host.lost')).toEqual([]);
    farm.presence('post01', 'lost', 'new');
    expect(farm.told('host.lost')).toHaveLength(1);
    farm.boot('post01');
    farm.presence('post01', 'here', 'late', 1);
    expect(farm.state.hosts.get('post01')?.link.presence).toBeUndefined();
  });
});

describe('a host', () => {
  it('is new, joins when its agent answers a beat, and is online when the networks of its role are up', () => {
    const networks = [{ bridge: 'vlan7', vlan: 7 }];
    const farm = new Farm({ environments: [gateway], roles: [roleOf({ name: 'farm', environments: ['gateway'], networks })] });
    farm.machines = [{ name: 'post01', nics: [], labels: {}, parameters: {} }];
    farm.changed();
    farm.boot('post01');
    expect(farm.stateOf('post01')).toBe('new');
    farm.join('post01');
    farm.beat();
    expect(farm.stateOf('post01')).toBe('joining');
    expect(farm.commands()).toEqual(['network.up post01']);
    farm.obey();
    expect(farm.stateOf('post01')).toBe('online');
    farm.wait(1000);
    expect(farm.vms()).toEqual(['gateway-1 starting post01']);
  });

  it('asks for a network that failed again, with growing pauses, and gets no VMs until it is up', () => {
    const networks = [{ bridge: 'vlan7', vlan: 7 }];
    const farm = new Farm({ environments: [gateway], roles: [roleOf({ name: 'farm', environments: ['gateway'], networks })] });
    farm.start('post01');
    const times: number[] = [];
    for (let count = 0; count < 3; count++) {
      farm.refuse(farm.open('network.up'), { reason: 'no such NIC', domain: 'unknown' });
      times.push(farm.monoMs);
      for (let beats = 0; beats < 20 && farm.commands().length === 0; beats++) farm.beat();
    }
    times.push(farm.monoMs);
    expect(times.slice(1).map((time, index) => time - (times[index] ?? 0))).toEqual([10_000, 20_000, 40_000]);
    expect(farm.vms()).toEqual(['gateway-1 waiting']);
    expect(farm.state.hosts.get('post01')?.kept.reason).toContain('no such NIC');
  });

  it('is freed of the networks that its role has no more, and the new VLAN of a bridge comes only after that', () => {
    const farm = new Farm({ environments: [guest(7)], roles: [roleWith(7)] });
    farm.start('post01');
    farm.obey();
    farm.settle();
    expect(farm.vms()).toEqual(['worker-1 running post01']);
    farm.environments = [{ ...guest(8), count: fixed(2) }];
    farm.roles = [roleWith(8)];
    farm.changed();
    farm.beat();
    expect(farm.vms()).toEqual(['worker-1 running post01', 'worker-2 waiting', 'worker-3 waiting']);
    expect(farm.state.hosts.get('post01')?.kept.reason).toContain('but for networks that wait until worker-1 has left them');
    farm.beat(10);
    expect(farm.commands()).toEqual([]);
    farm.beat(4);
    expect(farm.commands()).toEqual(['vm.shutdown worker-1 post01']);
    farm.obey();
    farm.beat(3);
    expect(farm.vms()).toEqual(['worker-2 waiting', 'worker-3 waiting']);
    expect(farm.commands()).toEqual(['network.down post01']);
    farm.obey();
    expect(farm.open('network.up').args).toEqual({ bridge: 'guests', vlan: 8 });
    farm.obey();
    expect(farm.state.hosts.get('post01')?.kept.networks).toEqual(['guests/8/']);
    farm.settle();
    expect(farm.vms()).toEqual(['worker-2 running post01', 'worker-3 running post01']);
  });

  it('of several is given the new VLAN one after the other, and no VM is stopped before another is up', () => {
    const farm = new Farm({ environments: [{ ...guest(7), count: fixed(2), constraints: spread }], roles: [roleWith(7)] });
    farm.start('post01', 'post02', 'post03');
    farm.obey();
    farm.settle();
    farm.beat(4);
    farm.environments = [{ ...guest(8), count: fixed(2), constraints: spread }];
    farm.roles = [roleWith(8)];
    farm.changed();
    let fewest = 2;
    for (let beats = 0; beats < 60; beats++) {
      farm.obey();
      farm.beat();
      fewest = Math.min(fewest, farm.vms().filter((vm) => vm.includes(' running ')).length);
    }
    expect(fewest).toBe(2);
    expect([...farm.state.hosts.values()].map(({ kept }) => kept.networks)).toEqual([['guests/8/'], ['guests/8/'], ['guests/8/']]);
    expect(farm.vms()).toHaveLength(2);
  });

  it('gets the networks that no guest holds back, and is online after a silence although one is held', () => {
    const held = environmentOf({ name: 'gateway', networks: [{ bridge: 'guests', vlan: 7, address: 'dhcp', mac: 'derived' }] });
    const role = { ...roleWith(7), environments: ['gateway'] };
    const farm = new Farm({ environments: [held], roles: [role] });
    farm.start('post01');
    farm.obey();
    farm.settle();
    farm.environments = [{ ...held, networks: [{ bridge: 'guests', vlan: 8, address: 'dhcp', mac: 'derived' }] }];
    farm.roles = [
      {
        ...role,
        networks: [
          { bridge: 'guests', vlan: 8 },
          { bridge: 'other', vlan: 9 },
        ],
      },
    ];
    farm.changed();
    expect(farm.commands()).toEqual(['network.up post01']);
    farm.obey();
    expect(farm.state.hosts.get('post01')?.kept.networks).toEqual(['guests/7/', 'other/9/']);
    farm.silence('post01');
    farm.beat(5);
    expect(farm.stateOf('post01')).toBe('suspect');
    farm.answersAgain('post01');
    farm.beat(2);
    expect(farm.stateOf('post01')).toBe('online');
    expect(farm.vms()).toEqual(['gateway-1 running post01']);
    expect(farm.vm('gateway-1').reason).toContain('has no other place');
  });

  it('is freed first of a bridge of which nobody knows whether its agent made it', () => {
    const farm = new Farm({ environments: [guest(7)], roles: [roleWith(7)] });
    farm.start('post01');
    farm.roles = [roleWith(8)];
    farm.changed();
    farm.refuse(farm.open('network.up'), { code: 'timeout', reason: 'ip did not end', domain: 'unknown' });
    farm.beat(3);
    expect(farm.commands()).toEqual(['network.down post01']);
    farm.obey();
    expect(farm.open('network.up').args).toEqual({ bridge: 'guests', vlan: 8 });
    farm.obey();
    expect(farm.state.hosts.get('post01')?.kept).toMatchObject({ networks: ['guests/8/'], doubts: [] });
  });

  it('starts no VM on a bridge that is being taken down', () => {
    const farm = new Farm({ environments: [{ ...guest(7), count: fixed(0) }], roles: [roleWith(7)] });
    farm.start('post01');
    farm.obey();
    farm.roles = [{ ...roleWith(7), networks: [] }];
    farm.changed();
    expect(farm.commands()).toEqual(['network.down post01']);
    farm.roles = [roleWith(7)];
    farm.environments = [guest(7)];
    farm.changed();
    farm.beat(2);
    expect(farm.vms()).toEqual(['worker-1 waiting']);
    farm.obey();
    expect(farm.commands()).toEqual(['network.up post01']);
    farm.obey();
    farm.settle();
    expect(farm.vms()).toEqual(['worker-1 running post01']);
  });

  it('is suspect after 15 s without an answer to a beat, and online when it answers again', () => {
    const farm = new Farm();
    farm.start('post01');
    farm.silence('post01');
    farm.beat(2);
    expect(farm.stateOf('post01')).toBe('online');
    farm.beat();
    expect(farm.stateOf('post01')).toBe('suspect');
    farm.say('post01');
    expect(farm.stateOf('post01')).toBe('online');
  });

  it('is not suspect for the time in which the manager itself was off the bus, or stood still', () => {
    const farm = new Farm();
    farm.start('post01');
    farm.silence('post01');
    farm.turn({ kind: 'bus', connected: false, reason: 'cut' });
    farm.wait(60_000);
    expect(farm.stateOf('post01')).toBe('online');
    farm.turn({ kind: 'bus', connected: true, reason: '' });
    farm.wait(44_000);
    expect(farm.stateOf('post01')).toBe('online');
    farm.turn({ kind: 'stalled', forMs: 9000 });
    farm.wait(14_000);
    expect(farm.stateOf('post01')).toBe('online');
    farm.wait(2000);
    expect(farm.stateOf('post01')).toBe('suspect');
  });

  it('stays draining over a boot, and is in maintenance when no claim is left on it', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.settle();
    farm.ask((draft) => setDuty('post01', 'draining')(draft, { author: 'anna' }));
    expect(farm.state.hosts.get('post01')?.kept.duty).toBe('draining');
    farm.silence('post01');
    farm.wait(8000);
    farm.boot('post01');
    expect(farm.state.hosts.get('post01')?.kept.duty).toBe('maintenance');
    expect(farm.told('host.drained')).toHaveLength(1);
    expect(farm.vms()).toEqual(['gateway-1 waiting']);
  });

  it('gets no role from a Machine that is gone', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.machines = [];
    farm.changed();
    expect(farm.state.hosts.get('post01')?.kept.roleReason).toBe('there is no Machine post01 any more: it gets no role');
  });
});

describe('the storm guard', () => {
  it('holds when more than 30 % fall silent together: nobody is fenced or given up', () => {
    const farm = silent(2, 4, ['post01', 'post02']);
    expect(farm.told('manager.hold')).toHaveLength(1);
    expect(farm.powerAsks).toEqual([]);
    expect([...farm.state.vms.values()].filter(({ givenUp }) => givenUp === true)).toEqual([]);
  });

  it('does not hold for one host, however few there are', () => {
    const farm = silent(1, 2, ['post01']);
    expect(farm.told('manager.hold')).toEqual([]);
    expect(farm.powerAsks).toMatchObject([{ host: 'post01', action: 'fence' }]);
  });

  it('stays while time passes, and is released when enough of them answer', () => {
    const farm = silent(3, 4);
    farm.beat(100);
    expect(farm.state.guard.storm).toBeDefined();
    farm.answersAgain('post01');
    farm.beat();
    expect(farm.state.guard.storm).toBeDefined();
    farm.answersAgain('post02');
    farm.beat();
    expect(farm.state.guard.storm).toBeUndefined();
    expect(farm.told('manager.released')).toHaveLength(1);
  });

  it('counts hosts that have missed beats, though they are not suspect yet', () => {
    const farm = new Farm({ environments: [worker], settings: { beatMs: 1000 } });
    farm.start('post01', 'post02', 'post03');
    farm.settle();
    farm.silence('post01');
    farm.beat(1);
    farm.silence('post02');
    farm.beat(14);
    expect([farm.stateOf('post01'), farm.stateOf('post02')]).toEqual(['suspect', 'online']);
    expect(farm.state.guard.storm?.hosts).toEqual(['post01', 'post02']);
  });

  it('is taken back by a person, and does not begin again for the same silence', () => {
    const farm = silent(2, 4);
    farm.ask((draft) => hold(undefined, () => 'released')(draft, { author: 'anna' }));
    farm.beat(3);
    expect(farm.state.guard.storm).toBeUndefined();
    expect(farm.told('manager.hold')).toHaveLength(1);
    expect([...farm.state.vms.values()].some(({ givenUp }) => givenUp === true)).toBe(true);
  });

  it('lets VMs of a reborn host wait until the hold ends', () => {
    const farm = silent(3, 4);
    farm.boot('post01');
    const freed = [...farm.state.vms.values()].filter(({ state }) => state === 'recovering');
    expect(freed.map(({ reason }) => reason)).toEqual(freed.map(() => expect.stringContaining('waits for the hold to end') as string));
    expect(freed.length).toBeGreaterThan(0);
  });

  it('holds for as long as a person says so', () => {
    const farm = new Farm({ environments: [gateway], power: ['post01'] });
    farm.start('post01', 'post02');
    farm.settle();
    farm.ask((draft) => hold('switches are replaced', () => 'held')(draft, { author: 'anna' }));
    farm.silence('post01');
    farm.beat(20);
    expect(farm.powerAsks).toEqual([]);
    farm.ask((draft) => hold(undefined, () => 'released')(draft, { author: 'anna' }));
    expect(farm.powerAsks).toHaveLength(1);
  });
});

describe('fencing', () => {
  it('is for hosts with VMs that may be there once only', () => {
    const farm = fencing([worker]);
    expect(farm.stateOf('post01')).toBe('suspect');
    expect(farm.powerAsks).toEqual([]);
  });

  it('moves the VM when the power is read back as off', () => {
    const farm = fencing();
    const [ask] = farm.powerAsks;
    expect(farm.stateOf('post01')).toBe('fencing');
    farm.turn({ kind: 'power', ask: ask ?? missing(), reading: { kind: 'off' } });
    expect(farm.stateOf('post01')).toBe('fenced');
    expect(farm.vms()).toEqual(['gateway-1 starting post02']);
  });

  it('takes neither `unknown` nor `on` for a proof, and tries again with growing pauses', () => {
    const farm = fencing();
    const times = [farm.monoMs];
    for (const reading of [{ kind: 'unknown', reason: 'it times out' }, { kind: 'on' }] as const) {
      farm.turn({ kind: 'power', ask: farm.powerAsks.at(-1) ?? missing(), reading });
      const count = farm.powerAsks.length;
      for (let seconds = 0; seconds < 60 && farm.powerAsks.length === count; seconds++) {
        farm.say('post02');
        farm.wait(1000);
      }
      times.push(farm.monoMs);
    }
    expect(times.slice(1).map((time, index) => time - (times[index] ?? 0))).toEqual([10_000, 20_000]);
    expect(farm.vms()).toEqual(['gateway-1 lost post01']);
    expect(farm.told('host.fencing').map(({ severity }) => severity)).toEqual(['warning', 'error', 'error']);
  });

  it('believes no reading of a boot that is not the newest any more', () => {
    const farm = fencing();
    const [ask] = farm.powerAsks;
    farm.boot('post01');
    farm.turn({ kind: 'power', ask: ask ?? missing(), reading: { kind: 'off' } });
    expect(farm.stateOf('post01')).toBe('new');
  });

  it('takes no `cycle` for a proof, whatever is read back', () => {
    const farm = fencing();
    farm.turn({ kind: 'power', ask: { host: 'post01', boot: 1, session: 1, action: 'cycle' }, reading: { kind: 'off' } });
    expect(farm.vms()).toEqual(['gateway-1 lost post01']);
  });
});

function missing(): never {
  throw new Error('nothing was asked');
}

describe('an agent that comes and goes', () => {
  it('is told of with its boot and the reason, and its goodbye proves nothing about its VMs', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01', 'post02');
    farm.settle();
    farm.presence('post01', 'here', 'second');
    farm.presence('post01', 'left', 'second');
    farm.silence('post01');
    farm.beat(4);
    const about = { boot: 1, reason: expect.any(String) };
    expect(farm.told('host.joined').filter(({ machine }) => machine === 'post01')).toMatchObject([{ detail: about }, { detail: about }]);
    expect(farm.told('host.left')).toMatchObject([{ machine: 'post01', detail: { ...about, reason: 'its agent said goodbye' } }]);
    expect(farm.told('host.suspect')).toMatchObject([{ detail: { reason: expect.stringContaining('left') } }]);
    expect(farm.vms()).toEqual(['gateway-1 lost post01']);
  });
});

describe('a hold', () => {
  it('that begins while a host is being switched off says so', () => {
    const farm = fencing();
    const ask = () => farm.ask((draft) => hold('moving racks', () => undefined)(draft, { author: 'anna' }));
    expect(ask()).toMatchObject({ notes: ['power is being switched already, and that goes on: post01'] });
  });

  it('begins where this server itself is cut off from a silent host, and ends when it reaches it again', () => {
    const farm = new Farm({ environments: [gateway, worker], power: ['post01'] });
    farm.start('post01', 'post02');
    farm.settle();
    const before = farm.vms();
    farm.silence('post01');
    farm.pathProblem = 'eth1 is down';
    farm.beat(20);
    expect(farm.vms().filter((vm) => !before.includes(vm))).toEqual(['gateway-1 lost post01', 'worker-2 lost post01']);
    expect(farm.powerAsks).toEqual([]);
    expect(farm.told('manager.hold').map(({ detail }) => detail['reason'])).toEqual([
      'eth1 is down: nothing is fenced, given up or recovered',
    ]);
    farm.pathProblem = undefined;
    farm.beat(3);
    expect(farm.told('manager.released')).toHaveLength(1);
    expect(farm.powerAsks).toMatchObject([{ host: 'post01', action: 'fence' }]);
  });

  it('recovers nothing either that had no place when it began', () => {
    const farm = fencing();
    farm.ask((draft) => setDuty('post02', 'draining')(draft, { author: 'anna' }));
    farm.boot('post01');
    farm.beat(2);
    expect(farm.vm('gateway-1')).toMatchObject({ state: 'waiting', ended: { proof: { kind: 'rebirth' } } });
    farm.ask((draft) => hold('moving racks', () => undefined)(draft, { author: 'anna' }));
    farm.ask((draft) => setDuty('post02', 'active')(draft, { author: 'anna' }));
    farm.beat(4);
    expect(farm.vm('gateway-1')).toMatchObject({ state: 'waiting', reason: expect.stringContaining('waits for the hold to end') });
    expect(farm.commands()).toEqual([]);
  });
});

describe('a host that is rebooted', () => {
  const by = { author: 'anna' };

  it('is given no VM until it has booted anew, and its own have not failed', () => {
    const farm = new Farm({ environments: [worker] });
    farm.start('post01');
    farm.settle();
    farm.ask((draft) => rebootHost('post01')(draft, by));
    farm.hosts.get('post01')?.domains.splice(0);
    farm.beat(3);
    farm.answer(farm.open('host.reboot'), { rebooting: true });
    farm.beat(3);
    expect(farm.commands()).toEqual([]);
    expect(farm.vms()).toEqual(['worker-3 waiting', 'worker-4 waiting']);
    expect([...farm.told('vm.failed'), ...farm.told('command.failed')]).toEqual([]);
    farm.boot('post01');
    farm.join('post01');
    farm.beat();
    farm.settle();
    expect(farm.vms()).toEqual(['worker-3 running post01', 'worker-4 running post01']);
  });

  it('that does not do it has its VMs stopped all the same, and is given others', () => {
    const farm = new Farm({ environments: [worker] });
    farm.start('post01');
    farm.settle();
    farm.ask((draft) => rebootHost('post01')(draft, by));
    farm.refuse(farm.open('host.reboot'), { code: 'refused', reason: 'domains are still there', domain: 'unknown' });
    farm.look();
    farm.obey();
    farm.settle();
    farm.settle();
    expect(farm.vms()).toEqual(['worker-3 running post01', 'worker-4 running post01']);
  });
});
