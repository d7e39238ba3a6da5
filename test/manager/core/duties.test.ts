import { describe, expect, it } from 'vitest';
import { pause } from '../../../src/manager/ask/about-environments.ts';
import { setDuties, setDuty } from '../../../src/manager/ask/about-hosts.ts';
import { staysByHost } from '../../../src/manager/decide/duties.ts';
import { Draft } from '../../../src/manager/draft.ts';
import { explainVm } from '../../../src/manager/explain/explain-vm.ts';
import { planNow } from '../../../src/manager/explain/plan.ts';
import { hostView } from '../../../src/manager/explain/views.ts';
import { stopVm } from '../../../src/manager/ask/about-vms.ts';
import { Farm, environmentOf, fixed } from './farm.ts';

const by = { author: 'anna' };
const spread = { labels: {}, spread: true, apartFrom: [], excludes: [] };
const gateway = environmentOf({ name: 'gateway', priority: 10, constraints: spread, count: fixed(2) });
const worker = environmentOf({ name: 'worker', instances: 'at-least-one', constraints: spread, count: fixed(8) });
const names = ['post01', 'post02', 'post03', 'post04'];

/** Four hosts with two gateways and eight workers, and the rack of the first two. */
function running(): Farm {
  const farm = new Farm({ environments: [gateway, worker] });
  farm.start(...names);
  farm.settle();
  return farm;
}

const drainTogether = (farm: Farm, hosts: readonly string[] = ['post01', 'post02']) =>
  farm.ask((draft) => setDuties(hosts, 'draining')(draft, by));

/** What was started or moved to any of those hosts. */
const comesTo = (farm: Farm, hosts: readonly string[]): string[] =>
  farm.commands().filter((command) => /^vm\.(?:create|receive) /.test(command) && hosts.some((host) => command.endsWith(` ${host}`)));

const dutyOf = (farm: Farm, host: string) => farm.state.hosts.get(host)?.kept.duty;

describe('hosts that are drained together', () => {
  it('get no VM of each other, from the first turn to the last', () => {
    const farm = running();
    expect(farm.vms().filter((vm) => /post0[12]$/.test(vm)).length).toBeGreaterThanOrEqual(4);
    drainTogether(farm);
    for (let turn = 0; turn < 60; turn++) {
      expect(comesTo(farm, ['post01', 'post02'])).toEqual([]);
      farm.obey();
      farm.beat(3);
      for (const { move } of farm.state.vms.values()) expect(['post01', 'post02']).not.toContain(move?.to);
    }
    expect(farm.vms().filter((vm) => vm.includes('worker') && /running post0[34]$/.test(vm))).toHaveLength(8);
  });

  it('and one after the other do: this is what the one turn is for', () => {
    const farm = running();
    const first = farm.vms().length;
    farm.ask((draft) => setDuty('post01', 'draining')(draft, by));
    expect(first).toBe(10);
    expect(comesTo(farm, ['post02'])).not.toEqual([]);
  });

  it('are told of room that none of them has', () => {
    const farm = running();
    const asked = drainTogether(farm, ['post01', 'post02', 'post03']);
    if (asked.kind !== 'done') throw new Error('it was not done');
    const notes = asked.view(farm.state).flatMap(({ answer }) => (answer.kind === 'done' ? (answer.notes ?? []) : []));
    const room = notes.filter((note) => note.includes('there is room on'));
    expect(room.length).toBeGreaterThan(0);
    expect(room.filter((note) => !note.endsWith('post04'))).toEqual([]);
  });

  it('are told of each by itself: one that is unknown does not keep the others back, and one that is so already is not changed', () => {
    const farm = running();
    farm.ask((draft) => setDuty('post02', 'draining')(draft, by));
    const asked = drainTogether(farm, ['post01', 'post09', 'post02', 'post01']);
    if (asked.kind !== 'done') throw new Error('it was not done');
    expect(asked.view(farm.state).map(({ host, answer: { kind }, changed }) => [host, kind, changed])).toEqual([
      ['post01', 'done', true],
      ['post09', 'not-found', false],
      ['post02', 'done', false],
    ]);
    expect(names.map((name) => dutyOf(farm, name))).toEqual(['draining', 'draining', 'active', 'active']);
  });

  it('take VMs again together; one in maintenance too', () => {
    const farm = running();
    farm.start('post05');
    farm.ask((draft) => setDuty('post05', 'draining')(draft, by));
    expect(dutyOf(farm, 'post05')).toBe('maintenance');
    drainTogether(farm, ['post01', 'post05']);
    expect(dutyOf(farm, 'post05')).toBe('maintenance');
    const asked = farm.ask((draft) => setDuties(['post01', 'post05', 'post02'], 'active')(draft, by));
    if (asked.kind !== 'done') throw new Error('it was not done');
    expect(asked.view(farm.state).map(({ changed }) => changed)).toEqual([true, true, false]);
    expect(names.map((name) => dutyOf(farm, name))).toEqual(['active', 'active', 'active', 'active']);
  });
});

/** The gateway's environment is paused, then its host is drained. */
function drained(): Farm {
  const farm = new Farm({ environments: [{ ...gateway, count: fixed(1) }] });
  farm.start('post01', 'post02');
  farm.settle();
  farm.ask((draft) => pause('gateway', true, () => undefined)(draft, by));
  farm.ask((draft) => setDuty('post01', 'draining')(draft, by));
  farm.beat(5);
  return farm;
}

describe('a VM of a paused environment', () => {
  const stays = 'gateway-1 stays, since its environment gateway is paused: unpause it, or stop the VM';

  it('stays on a host that is emptied, which is told once and said wherever somebody asks', () => {
    const farm = drained();
    expect(farm.vms()).toEqual(['gateway-1 running post01']);
    expect(farm.told('vm.stays').map(({ machine, severity, detail }) => [machine, severity, detail])).toEqual([
      ['post01', 'warning', { vm: 'gateway-1', environment: 'gateway', reason: stays }],
    ]);
    const draft = new Draft(farm.state, farm.world());
    const entry = draft.hosts.get('post01');
    if (entry === undefined) throw new Error('there is no post01');
    expect(hostView(entry, staysByHost(draft).get('post01')).staying).toEqual([
      { vm: 'gateway-1', reason: 'its environment gateway is paused: unpause it, or stop the VM' },
    ]);
    expect(explainVm(draft, 'gateway-1')?.map(({ reason }) => reason)).toContain(`post01 is being emptied, but ${stays}`);
    const saysSo = { about: 'post01', verdict: 'note', reason: stays };
    expect(planNow(farm.state, farm.world(), {}).notes).toContainEqual(saysSo);
    expect(planNow(farm.state, farm.world(), { environment: 'other' }).notes).not.toContainEqual(saysSo);
  });

  it('is said to who drains the host, in place of the room that there is for it', () => {
    const farm = drained();
    const again = farm.ask((draft) => setDuty('post01', 'draining')(draft, by));
    expect(again).toMatchObject({ notes: ['1 VMs have to leave post01 (asked by anna)', stays] });
  });

  it('leaves when its environment goes on, and nothing says any more that it stays', () => {
    const farm = drained();
    farm.ask((draft) => pause('gateway', false, () => undefined)(draft, by));
    expect(farm.vm('gateway-1').state).not.toBe('running');
    expect(staysByHost(new Draft(farm.state, farm.world())).size).toBe(0);
    expect(farm.state.memory.staying.size).toBe(0);
  });

  it('leaves when it is stopped, and the drain ends', () => {
    const farm = drained();
    farm.ask((draft) => stopVm('gateway-1', 'shutdown')(draft, by));
    expect(staysByHost(new Draft(farm.state, farm.world())).size).toBe(0);
    farm.obey();
    farm.beat(3);
    expect(farm.vms()).toEqual(['gateway-1 stopped']);
    expect(dutyOf(farm, 'post01')).toBe('maintenance');
  });

  it('is told of anew when the host is drained another time', () => {
    const farm = drained();
    farm.ask((draft) => setDuty('post01', 'active')(draft, by));
    expect(farm.state.memory.staying.size).toBe(0);
    farm.ask((draft) => setDuty('post01', 'draining')(draft, by));
    expect(farm.told('vm.stays')).toHaveLength(2);
  });
});
