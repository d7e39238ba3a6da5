import { describe, expect, it } from 'vitest';
import { cancelCommand } from '../../../src/manager/ask/about-manager.ts';
import { migrateVm, rebootVm, stopVm } from '../../../src/manager/ask/about-vms.ts';
import { rebootHost, setDuty, setRole } from '../../../src/manager/ask/about-hosts.ts';
import { startMove } from '../../../src/manager/decide/migration.ts';
import { explainVm } from '../../../src/manager/explain/explain-vm.ts';
import { Draft } from '../../../src/manager/draft.ts';
import { Farm, domainOf, environmentOf, fixed, roleOf } from './farm.ts';

const gateway = environmentOf({ name: 'gateway' });
const by = { author: 'anna' };

function running(): Farm {
  const farm = new Farm({ environments: [gateway] });
  farm.start('post01', 'post02');
  farm.settle();
  return farm;
}

function published(farm: Farm, command: string): string[] {
  return farm.sendings.flatMap((each) => (each.kind === 'execute' && each.command.command === command ? [each.command.id] : []));
}

function asked(): Farm {
  const farm = running();
  farm.ask((draft) => setDuty('post01', 'draining')(draft, by));
  return farm;
}

/** The target has opened its door. */
function moving(): Farm {
  const farm = asked();
  farm.answer(farm.open('vm.receive'));
  return farm;
}

describe('a command', () => {
  it('is sent again by the same id while it is unanswered, with the newest beat that its agent has answered', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    farm.beat(6);
    expect(new Set(published(farm, 'vm.create')).size).toBe(1);
    expect(published(farm, 'vm.create').length).toBeGreaterThan(2);
    const nonces = farm.sendings.flatMap((each) => (each.kind === 'execute' ? [each.nonce] : []));
    expect(new Set(nonces).size).toBe(nonces.length);
  });

  it('is not sent again while the agent says that it is at it', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    const { id } = farm.open('vm.create');
    for (let beats = 0; beats < 6; beats++) {
      farm.monoMs += 5000;
      farm.say('post01', { busy: [id], settled: false });
      farm.look();
    }
    expect(published(farm, 'vm.create')).toEqual([id]);
  });

  it('is asked again at each new agreement, in the order in which it was made, as of the session that it was for', () => {
    const farm = running();
    farm.ask((draft) => rebootVm('gateway-1')(draft, by));
    farm.wait(1000);
    farm.join('post01');
    farm.beat();
    const again = farm.sendings.flatMap((each) => (each.kind === 'execute' && each.command.command === 'vm.reboot' ? [each.command] : []));
    expect(again.map(({ session, times }) => [session, times])).toEqual([
      [1, 1],
      [1, 2],
    ]);
  });

  it('expires without an answer, and a new session finds out what became of it', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    farm.beat(181);
    expect(farm.told('command.expired')).toHaveLength(1);
    expect(farm.vm('gateway-1').claims).toMatchObject([{ seq: 1 }]);
    expect(farm.state.hosts.get('post01')?.link.agreed).toBe(false);
    farm.say('post01', { action: 'session' }, false);
    farm.beat();
    expect(farm.vm('gateway-1').ended).toMatchObject({ proof: { kind: 'agent', session: 2 } });
  });

  it('of an older boot has failed', () => {
    const farm = running();
    farm.ask((draft) => rebootVm('gateway-1')(draft, by));
    farm.boot('post01');
    expect(farm.told('command.failed').map(({ detail }) => detail['reason'])).toEqual(['post01 has booted anew since (boot 3)']);
  });

  it('is not believed to have ended by a refusal that another copy of it may escape', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    farm.beat(3);
    const start = farm.open('vm.create');
    expect(start.times).toBeGreaterThan(1);
    farm.refuse(start, { code: 'stale' });
    expect(farm.commands()).toEqual(['vm.create gateway-1 post01']);
    farm.refuse(start, { code: 'stale', repeated: true });
    expect(farm.commands()).toEqual([]);
  });

  it('is not answered by another host', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01', 'post02');
    farm.wait(1000);
    const start = farm.open('vm.create');
    farm.refuse({ ...start, host: 'post02' });
    expect(farm.commands()).toHaveLength(1);
    expect(farm.told('agent.refused')).toHaveLength(1);
  });

  it('that says that something of its name is in the way does not end the claim', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    Object.assign(farm.hosts.get('post01') ?? {}, { domains: [domainOf('gateway-1', 1)] });
    farm.refuse(farm.open('vm.create'), { code: 'exists', domain: 'absent' });
    farm.beat();
    expect(farm.vms()).toEqual(['gateway-1 running post01']);
    expect(farm.vm('gateway-1').claims).toMatchObject([{ seq: 1 }]);
  });

  it('that stops a VM does not end its claim while the start before it is unanswered', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    farm.ask((draft) => stopVm('gateway-1', 'destroy')(draft, by));
    farm.refuse(farm.open('vm.destroy'), { code: 'no-such-domain' });
    expect(farm.vms()).toEqual(['gateway-1 stopping post01']);
  });

  it('that was sent is cancelled by the agent, one that was not at once', () => {
    const farm = running();
    farm.ask((draft) => rebootVm('gateway-1')(draft, by));
    const sent = farm.open('vm.reboot');
    expect(farm.ask((draft) => cancelCommand(sent.id)(draft, by))).toMatchObject({ kind: 'done' });
    expect(farm.sendings.at(-1)).toMatchObject({ kind: 'message', message: { action: 'cancel', command: sent.id } });
    farm.refuse(sent, { code: 'cancelled', domain: 'present' });
    expect(farm.state.ended.get(sent.id)?.state).toBe('cancelled');
    expect(farm.vms()).toEqual(['gateway-1 running post01']);
  });

  it('is forgotten when more than 2000 have ended', () => {
    const farm = running();
    const [ended] = farm.state.ended.values();
    farm.ask((draft) => {
      for (let count = 0; count < 2500; count++) if (ended !== undefined) draft.keepEnded({ ...ended, id: `old${count}` });
      return true;
    });
    farm.beat(5);
    expect(farm.state.ended.size).toBe(2000);
  });
});

describe('a migration', () => {
  it('has a claim on both hosts before the source is told, and a key that only these two know', () => {
    const farm = asked();
    expect(farm.vms()).toEqual(['gateway-1 migrating post01 post02']);
    expect(farm.commands()).toEqual(['vm.receive gateway-1 post02', 'vm.migrate gateway-1 post01']);
    const { key } = farm.open('vm.receive').args;
    expect(farm.open('vm.migrate').args).toMatchObject({ key, to: 'post02' });
    expect(farm.open('vm.receive').args).toMatchObject({ claim: farm.vm('gateway-1').claims[1]?.seq, uuid: farm.vm('gateway-1').uuid });
    farm.answer(farm.open('vm.receive'));
    farm.refuse(farm.open('vm.migrate'));
    expect(JSON.stringify([...farm.state.ended.values()])).not.toContain(String(key));
  });

  it('that broke off keeps its VM from starting anew while a half of it is seen', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01', 'post02');
    Object.assign(farm.hosts.get('post02') ?? {}, {
      domains: [{ ...domainOf('gateway-1'), name: 'gateway-1--incoming', state: 'paused' }],
    });
    farm.beat(3);
    expect(farm.commands().filter((each) => each.startsWith('vm.create'))).toEqual([]);
    expect(farm.vm('gateway-1').reason).toContain('post02');
    Object.assign(farm.hosts.get('post02') ?? {}, { domains: [] });
    farm.beat(3);
    expect(farm.commands()).toEqual([expect.stringMatching(/^vm\.create gateway-1 /)]);
  });

  it('may take longer the more memory there is, and the door is open for as long', () => {
    const farm = running();
    const seconds = (memoryMib: number): readonly [unknown, number, unknown] => {
      const draft = farm.look();
      const vm = draft.vms.get('gateway-1');
      if (vm !== undefined) startMove(draft, { ...vm, memoryMib }, 'post02', 'asked', 'anna');
      const [receive, migrate] = [...draft.open.values()];
      return [migrate?.args['timeoutSeconds'], (migrate?.expiresMs ?? 0) - (migrate?.createdMs ?? 0), receive?.args['waitSeconds']];
    };
    expect(seconds(100)).toEqual([320, 440_000, 440]);
    expect(seconds(10_000)).toEqual([2300, 2_420_000, 2420]);
    expect(seconds(100_000_000)).toEqual([21_600, 21_720_000, 21_720]);
  });

  it('that arrived is not undone by what its target said of the time before it came', () => {
    const farm = asked();
    const [domain] = farm.hosts.get('post01')?.domains ?? [];
    Object.assign(farm.hosts.get('post01') ?? {}, { domains: [] });
    Object.assign(farm.hosts.get('post02') ?? {}, { domains: [domain ?? domainOf('gateway-1')] });
    farm.answer(farm.open('vm.migrate'));
    farm.beat(2);
    farm.answer(farm.open('vm.receive'), { domain: 'absent' });
    farm.beat(2);
    expect(farm.vms()).toEqual(['gateway-1 running post02']);
  });

  it('is left alone while it goes on, whatever both hosts show', () => {
    const farm = moving();
    const domains = farm.hosts.get('post01')?.domains ?? [];
    Object.assign(farm.hosts.get('post02') ?? {}, { domains });
    farm.beat(2);
    expect(farm.commands()).toEqual(['vm.migrate gateway-1 post01']);
    farm.refuse(farm.open('vm.migrate'), { domain: 'present' });
    farm.beat(2);
    expect(farm.commands()).toEqual(['vm.destroy gateway-1 post02']);
  });

  it('is over when the source surely has it no more: one claim, on the target', () => {
    const farm = moving();
    const [domain] = farm.hosts.get('post01')?.domains ?? [];
    Object.assign(farm.hosts.get('post01') ?? {}, { domains: [] });
    Object.assign(farm.hosts.get('post02') ?? {}, { domains: [domain ?? domainOf('gateway-1')] });
    farm.beat();
    expect(farm.vms()).toEqual(['gateway-1 migrating post01 post02']);
    farm.answer(farm.open('vm.migrate'));
    farm.beat(2);
    expect(farm.vms()).toEqual(['gateway-1 running post02']);
    expect(farm.state.hosts.get('post01')?.kept.duty).toBe('maintenance');
    expect(farm.told('vm.moved')).toHaveLength(1);
  });

  it('that failed leaves the VM where it is; then it is stopped, and started elsewhere when it is gone', () => {
    const farm = moving();
    farm.refuse(farm.open('vm.migrate'), { domain: 'present' });
    farm.beat(2);
    expect(farm.commands()).toEqual(['vm.shutdown gateway-1 post01']);
    farm.obey();
    expect(farm.vms()).toEqual(['gateway-1 starting post02']);
  });

  it('does not end the claim of the target by what that said before the migration was over, in whatever session', () => {
    const farm = moving();
    farm.join('post02');
    const beatMs = farm.monoMs;
    farm.say('post02');
    farm.monoMs += 2000;
    farm.refuse(farm.open('vm.migrate'), { domain: 'unknown' });
    Object.assign(farm.hosts.get('post01') ?? {}, { domains: [] });
    farm.monoMs += 100;
    farm.say('post01');
    farm.say('post02', {}, true, beatMs);
    expect(farm.vms()).toEqual(['gateway-1 starting post02']);
  });

  it('is not for a disk that only one host reaches', () => {
    const farm = running();
    farm.environments = [{ ...gateway, storage: [{ kind: 'block', path: '/dev/vg0/gw', device: 'xvda', writable: true }] }];
    farm.changed();
    expect(farm.ask((draft) => migrateVm('gateway-1', 'post02')(draft, by))).toMatchObject({ kind: 'refused' });
    farm.ask((draft) => setDuty('post01', 'draining')(draft, by));
    expect(farm.commands()).toEqual(['vm.shutdown gateway-1 post01']);
  });

  it('waits until there is a place: nothing is stopped before', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.settle();
    farm.ask((draft) => setDuty('post01', 'draining')(draft, by));
    farm.beat(5);
    expect(farm.vms()).toEqual(['gateway-1 running post01']);
    expect(farm.vm('gateway-1').reason).toContain('has no other place');
  });
});

describe('what people ask', () => {
  it('stops a VM that is wanted, which starts again by itself', () => {
    const farm = running();
    farm.ask((draft) => stopVm('gateway-1', 'destroy')(draft, by));
    farm.obey();
    expect(farm.vms()).toEqual(['gateway-1 starting post01']);
    expect(farm.told('vm.failed')).toEqual([]);
  });

  it('is refused where the agent cannot be asked', () => {
    const farm = running();
    farm.silence('post01');
    farm.beat(3);
    expect(farm.ask((draft) => stopVm('gateway-1', 'destroy')(draft, by))).toMatchObject({ kind: 'refused' });
    expect(farm.ask((draft) => rebootHost('post01')(draft, by))).toMatchObject({ kind: 'refused' });
    expect(farm.ask((draft) => stopVm('gateway-9', 'destroy')(draft, by))).toEqual({ kind: 'not-found', what: 'VM gateway-9' });
  });

  it('does not reboot a host under a VM that may be there once only', () => {
    const farm = running();
    expect(farm.ask((draft) => rebootHost('post01')(draft, by))).toMatchObject({
      reason: expect.stringContaining('drain it first') as string,
    });
  });

  it('gives a host another role, unless its document names one', () => {
    const farm = new Farm({ environments: [gateway], roles: [roleOf({ name: 'farm' }), roleOf({ name: 'edge' })] });
    farm.start('post01');
    farm.ask((draft) => setRole('post01', 'edge')(draft, by));
    expect(farm.state.hosts.get('post01')?.kept.role).toBe('edge');
    expect(farm.ask((draft) => setRole('post01', 'none')(draft, by))).toEqual({ kind: 'not-found', what: 'Role none' });
    farm.boot('post01');
    expect(farm.state.hosts.get('post01')?.kept.assigned).toBeUndefined();
  });

  it('is explained: what a lost VM waits for, and which proofs would let it move', () => {
    const farm = running();
    farm.silence('post01');
    farm.beat(3);
    const reasons = explainVm(new Draft(farm.state, farm.world()), 'gateway-1')?.map(({ reason }) => reason) ?? [];
    expect(reasons[0]).toContain('lost since');
    expect(reasons.join('\n')).toContain('confirm-dead post01');
    expect(reasons.join('\n')).toContain('no power control');
  });

  it('is explained: what a VM was started with that is other now', () => {
    const farm = running();
    farm.environments = [{ ...gateway, memoryMib: 512 }];
    farm.changed();
    const reasons = explainVm(new Draft(farm.state, farm.world()), 'gateway-1')?.map(({ reason }) => reason) ?? [];
    expect(reasons.join('\n')).toContain('outdated: it was started with memory 256 MiB, now 512 MiB');
  });
});

describe('the cards of VMs', () => {
  const network = { bridge: 'xenbr0', address: '10.12.0.10-10.12.0.12/24', mac: 'derived' };

  it('have MACs of their own that stay, and addresses of the range that no other has', () => {
    const farm = new Farm({
      environments: [environmentOf({ name: 'gateway', count: fixed(3), networks: [network, { ...network, address: 'dhcp' }] })],
    });
    farm.start('post01', 'post02');
    farm.settle();
    const cards = [...farm.state.vms.values()].flatMap((vm) => vm.cards);
    expect(new Set(cards.map(({ mac }) => mac)).size).toBe(6);
    expect(cards.every(({ mac }) => /^00:16:3e(?::[0-9a-f]{2}){3}$/.test(mac))).toBe(true);
    expect(cards.flatMap(({ address }) => (address === 'dhcp' ? [] : [address])).sort((a, b) => a.localeCompare(b))).toEqual([
      '10.12.0.10/24',
      '10.12.0.11/24',
      '10.12.0.12/24',
    ]);
    const before = farm.vm('gateway-2').cards;
    farm.ask((draft) => stopVm('gateway-2', 'destroy')(draft, by));
    farm.obey();
    farm.settle();
    expect(farm.vm('gateway-2').cards).toEqual(before);
  });

  it('run out: the VM waits, and says which range is used up', () => {
    const farm = new Farm({ environments: [environmentOf({ name: 'gateway', count: fixed(4), networks: [network] })] });
    farm.start('post01', 'post02');
    farm.settle();
    farm.beat(3);
    expect(farm.vm('gateway-4')).toMatchObject({ state: 'waiting', reason: expect.stringContaining('10.12.0.10-10.12.0.12/24') as string });
  });
});

describe('what is not to be had', () => {
  it('lets a VM wait: no image, or a template that fails', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.missingImages.add('gateway');
    farm.start('post01');
    farm.beat(2);
    expect(farm.vm('gateway-1')).toMatchObject({
      state: 'waiting',
      reason: 'there is no image for it: there is no image gateway: build it',
    });
    farm.missingImages.clear();
    farm.renderProblem = 'line 3 of domu.xl';
    farm.beat(3);
    expect(farm.vm('gateway-1').reason).toBe('its xl.cfg cannot be made: line 3 of domu.xl');
    farm.renderProblem = undefined;
    farm.beat(3);
    expect(farm.vms()).toEqual(['gateway-1 starting post01']);
  });

  it('stops nobody else: a fault about one VM is told, and the others start', () => {
    const farm = new Farm({ environments: [gateway, environmentOf({ name: 'worker', instances: 'at-least-one' })] });
    const world = farm.world.bind(farm);
    farm.world = () => ({
      ...world(),
      renderDomain: (vm) => {
        if (vm.environment === 'gateway') throw new Error('a defect');
        return { config: 'x' };
      },
    });
    farm.start('post01');
    farm.settle();
    expect(farm.vms()).toEqual(['gateway-1 waiting', 'worker-1 running post01']);
    expect(farm.told('manager.fault')).toHaveLength(1);
  });
});

describe('a large farm', () => {
  it('is looked at without a command, an event or a record where nothing is to be done', { timeout: 60_000 }, () => {
    const farm = new Farm({ environments: [environmentOf({ name: 'worker', instances: 'at-least-one', count: fixed(600) })] });
    farm.start(...Array.from({ length: 60 }, (_, index) => `post${index}`));
    for (let rounds = 0; rounds < 5; rounds++) farm.settle();
    expect(farm.vms().filter((each) => each.includes('running'))).toHaveLength(600);
    const draft = farm.look();
    expect([draft.touched.size, draft.events.length, draft.sendings.length]).toEqual([0, 0, 0]);
  });
});
