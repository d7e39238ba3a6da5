import { describe, expect, it } from 'vitest';
import { pause, scale } from '../../../src/manager/ask/about-environments.ts';
import { clearVm } from '../../../src/manager/ask/about-vms.ts';
import { setDuty } from '../../../src/manager/ask/about-hosts.ts';
import { Farm, domainOf, environmentOf, roleOf } from './farm.ts';
import type { FarmSetup } from './farm.ts';

const worker = environmentOf({
  name: 'worker',
  instances: 'at-least-one',
  count: { min: 2, max: 5 },
  constraints: { labels: {}, spread: true, apartFrom: [], excludes: [] },
});
const gateway = environmentOf({ name: 'gateway' });

function running(setup: FarmSetup, hosts = ['post01', 'post02']): Farm {
  const farm = new Farm(setup);
  farm.start(...hosts);
  farm.settle();
  return farm;
}

const by = { author: 'anna' };

function comingUp(): Farm {
  const farm = new Farm({ environments: [worker] });
  const names = ['post01', 'post02'];
  farm.machines = names.map((name) => ({ name, nics: [], labels: {}, parameters: {} }));
  farm.changed();
  for (const name of names) farm.boot(name);
  farm.silence('post02');
  farm.join('post01');
  farm.beat(3);
  return farm;
}

describe('an environment that spreads, on hosts that come up one after the other', () => {
  it('waits for the next host rather than putting two on the first', () => {
    const farm = comingUp();
    expect(farm.vms()).toEqual(['worker-1 starting post01', 'worker-2 waiting']);
    expect(farm.state.vms.get('worker-2')?.reason).toMatch(/^post01 has one of worker already, and post02 will be up soon/);
    farm.answersAgain('post02');
    farm.join('post02');
    farm.beat(3);
    expect(farm.vms()).toEqual(['worker-1 starting post01', 'worker-2 starting post02']);
  });

  it('waits for a minute and no longer', () => {
    const farm = comingUp();
    farm.beat(8);
    expect(farm.vms()).toContain('worker-2 waiting');
    farm.beat(6);
    expect(farm.vms()).toContain('worker-2 starting post01');
  });

  it('waits for nobody where one of its VMs is missed', () => {
    const farm = running({ environments: [worker] });
    farm.silence('post02');
    farm.boot('post03');
    farm.beat(4);
    expect(farm.vms()).toContain('worker-3 starting post01');
  });

  it('waits for no host whose role has no place for it', () => {
    const farm = running({ environments: [worker], roles: [roleOf({ name: 'farm', environments: ['worker'] })] }, ['post01']);
    expect(farm.vms()).toEqual(['worker-1 running post01', 'worker-2 running post01']);
  });
});

describe('at-least-one', () => {
  it('is replaced by a VM with a new name when its host is suspect, and the old claim stays on record', () => {
    const farm = running({ environments: [worker] });
    farm.silence('post02');
    farm.beat(4);
    farm.obey();
    farm.beat();
    expect(farm.vms()).toEqual(['worker-1 running post01', 'worker-2 lost post02', 'worker-3 running post01']);
  });

  it('waits for its grace before it is given up', () => {
    const farm = running({ environments: [worker], settings: { giveUpGraceMs: 60_000 } });
    farm.silence('post02');
    farm.beat(10);
    expect(farm.vms()).toEqual(['worker-1 running post01', 'worker-2 lost post02']);
    farm.beat(10);
    expect(farm.vms()).toContain('worker-3 starting post01');
  });

  it('stops what is one too many when the host returns: the one that has run longest stays', () => {
    const farm = running({ environments: [worker] });
    farm.silence('post02');
    farm.beat(4);
    farm.obey();
    farm.beat(3);
    farm.answersAgain('post02');
    farm.beat();
    expect(farm.commands()).toEqual(['vm.shutdown worker-3 post01']);
    farm.obey();
    farm.beat(2);
    expect(farm.vms()).toEqual(['worker-1 running post01', 'worker-2 running post02']);
  });

  it('is gone from the records when its host is proved dead, and its name is not given again', () => {
    const farm = running({ environments: [worker] });
    farm.silence('post02');
    farm.beat(4);
    farm.boot('post02');
    expect(farm.vms().map((each) => each.split(' ')[0])).toEqual(['worker-1', 'worker-3']);
    farm.ask((draft) => scale('worker', 3, () => undefined)(draft, by));
    expect(farm.vms().map((each) => each.split(' ')[0])).toEqual(['worker-1', 'worker-3', 'worker-4']);
  });

  it('is started elsewhere before it is stopped on a host that is emptied', () => {
    const farm = running({ environments: [worker] });
    farm.ask((draft) => setDuty('post02', 'draining')(draft, by));
    expect(farm.commands()).toEqual(['vm.create worker-3 post01']);
    farm.obey();
    farm.beat();
    expect(farm.commands()).toEqual(['vm.shutdown worker-2 post02']);
    farm.obey();
    farm.beat(2);
    expect(farm.vms()).toEqual(['worker-1 running post01', 'worker-3 running post01']);
    expect(farm.state.hosts.get('post02')?.kept.duty).toBe('maintenance');
  });

  it('stays on a host that is emptied while there is no place for another', () => {
    const farm = running({ environments: [worker] }, ['post01']);
    farm.ask((draft) => setDuty('post01', 'draining')(draft, by));
    farm.beat(5);
    expect(farm.vms().filter((each) => each.includes('running'))).toHaveLength(2);
    expect(farm.commands()).toEqual([]);
  });

  it('leaves a host whose role does not have it any more', () => {
    const farm = running({
      environments: [worker],
      roles: [roleOf({ name: 'farm', environments: ['worker'] }), roleOf({ name: 'other' })],
    });
    farm.machines = farm.machines.map((machine) => (machine.name === 'post02' ? { ...machine, role: 'other' } : machine));
    farm.changed();
    farm.obey();
    farm.beat();
    farm.obey();
    farm.beat(2);
    expect(farm.vms()).toEqual(['worker-1 running post01', 'worker-3 running post01']);
  });
});

describe('the wanted count', () => {
  it('is what was asked for by scaling, within the bounds of the document', () => {
    const farm = running({ environments: [worker] });
    expect(farm.ask((draft) => scale('worker', 9, () => undefined)(draft, by))).toMatchObject({ kind: 'refused' });
    farm.ask((draft) => scale('worker', 4, () => undefined)(draft, by));
    expect(farm.vms()).toHaveLength(4);
    farm.environments = [{ ...worker, count: { min: 0, max: 1 } }];
    farm.changed();
    farm.settle();
    expect(farm.told('environment.scaled')).toHaveLength(1);
    expect(farm.vms()).toHaveLength(1);
  });

  it('names slots of at-most-one, and takes the highest away first', () => {
    const farm = running({ environments: [environmentOf({ name: 'gateway', count: { min: 1, max: 3 } })] });
    farm.ask((draft) => scale('gateway', 3, () => undefined)(draft, by));
    farm.settle();
    expect(farm.vms().map((each) => each.split(' ')[0])).toEqual(['gateway-1', 'gateway-2', 'gateway-3']);
    farm.ask((draft) => scale('gateway', 1, () => undefined)(draft, by));
    farm.obey();
    farm.beat(2);
    expect(farm.vms().map((each) => each.split(' ')[0])).toEqual(['gateway-1']);
  });

  it('is left alone while the environment is paused', () => {
    const farm = running({ environments: [worker] });
    farm.ask((draft) => pause('worker', true, () => undefined)(draft, by));
    farm.ask((draft) => scale('worker', 5, () => undefined)(draft, by));
    farm.beat(3);
    expect(farm.vms()).toHaveLength(2);
    farm.ask((draft) => pause('worker', false, () => undefined)(draft, by));
    expect(farm.vms()).toHaveLength(5);
  });

  it('is none when the document is deleted: its VMs are shut down, and destroyed where that fails', () => {
    const farm = running({ environments: [gateway] }, ['post01']);
    farm.environments = [];
    farm.changed();
    farm.refuse(farm.open('vm.shutdown'), { code: 'timeout', domain: 'present' });
    farm.beat(7);
    expect(farm.commands()).toEqual(['vm.destroy gateway-1 post01']);
    farm.obey();
    farm.beat();
    expect(farm.vms()).toEqual([]);
  });

  it('begins anew when the environment is of the other kind: the old VMs go first, and keep their names until then', () => {
    const farm = running({ environments: [gateway] }, ['post01']);
    farm.environments = [environmentOf({ name: 'gateway', instances: 'at-least-one' })];
    farm.changed();
    expect(farm.commands()).toEqual(['vm.shutdown gateway-1 post01', 'vm.create gateway-2 post01']);
    expect(farm.vm('gateway-2').instances).toBe('at-least-one');
  });
});

describe('a start that fails', () => {
  it('is made once more on the same host, once elsewhere, and then never until a person clears it', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01', 'post02');
    farm.wait(1000);
    const hosts: string[] = [];
    for (let count = 0; count < 3; count++) {
      const start = farm.open('vm.create');
      hosts.push(start.host);
      farm.refuse(start, { reason: 'no such bridge' });
    }
    expect(hosts).toEqual(['post01', 'post01', 'post02']);
    farm.beat(50);
    expect(farm.vms()).toEqual(['gateway-1 error']);
    expect(farm.vm('gateway-1').reason).toContain('no such bridge');
    expect(farm.told('vm.error')).toHaveLength(1);
    farm.ask((draft) => clearVm('gateway-1')(draft, by));
    expect(farm.commands()).toHaveLength(1);
  });

  it('is given up at once where there is no other host to try', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    farm.refuse(farm.open('vm.create'));
    farm.refuse(farm.open('vm.create'));
    expect(farm.vms()).toEqual(['gateway-1 error']);
    expect(farm.vm('gateway-1').reason).toContain('nowhere else it can go');
  });

  it('counts a domain that does not say in time that it is ready', () => {
    const farm = running({ environments: [environmentOf({ name: 'gateway', readySeconds: 60 })] }, ['post01']);
    farm.beat(14);
    expect(farm.commands()).toEqual(['vm.destroy gateway-1 post01']);
    farm.obey();
    farm.beat();
    expect(farm.vm('gateway-1').failures).toMatchObject([{ reason: 'it did not say that it is ready within 60 s of its start' }]);
  });

  it('is forgotten when the VM has run quietly for long', () => {
    const farm = running({ environments: [gateway] }, ['post01']);
    farm.hosts.get('post01')?.domains.splice(0);
    farm.beat();
    farm.settle();
    expect(farm.vm('gateway-1').failures).toHaveLength(1);
    farm.beat(121);
    expect(farm.vm('gateway-1').failures).toEqual([]);
  });

  it('counts crashes of a domain that ran: a loop of them ends in error', () => {
    const farm = running({ environments: [gateway] }, ['post01', 'post02', 'post03']);
    for (let count = 0; count < 3; count++) {
      for (const host of farm.hosts.values()) host.domains = [];
      farm.beat(2);
      farm.settle();
    }
    expect(farm.vms()).toEqual(['gateway-1 error']);
  });

  it('counts for nothing when it was refused for its age: it is sent again a moment later', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    farm.refuse(farm.open('vm.create'), { code: 'stale' });
    expect(farm.vm('gateway-1')).toMatchObject({ state: 'recovering', failures: [] });
    farm.wait(6000);
    expect(farm.commands()).toEqual(['vm.create gateway-1 post01']);
  });

  it('never destroys by itself a domain that somebody else made, and tells it once', () => {
    const farm = running({ environments: [gateway] }, ['post01']);
    farm.hosts.get('post01')?.domains.push(domainOf('byhand'));
    farm.beat(5);
    expect(farm.told('vm.unknown-domain')).toHaveLength(1);
    expect(farm.commands()).toEqual([]);
  });
});
