import { describe, expect, it } from 'vitest';
import { confirmDead } from '../../../src/manager/ask/about-hosts.ts';
import { stopVm } from '../../../src/manager/ask/about-vms.ts';
import { Farm, domainOf, environmentOf, fixed } from './farm.ts';

const gateway = environmentOf({ name: 'gateway' });

function running(hosts: readonly string[] = ['post01', 'post02'], power: readonly string[] = []): Farm {
  const farm = new Farm({ environments: [gateway], power });
  farm.start(...hosts);
  farm.settle();
  return farm;
}

describe('a claim', () => {
  it('is in the same turn as the command that starts its VM, so that neither is durable without the other', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.monoMs += 1000;
    const draft = farm.look();
    expect([...(draft.touched.get('vm') ?? [])]).toEqual(['gateway-1']);
    expect(draft.touched.get('command')?.size).toBe(1);
    const [claim] = farm.vm('gateway-1').claims;
    expect(claim).toMatchObject({ host: 'post01', boot: 1, session: 1, seq: 1, command: farm.open('vm.create').id });
  });

  it('does not end by silence, however long', () => {
    const farm = running();
    farm.silence('post01');
    farm.beat(200);
    expect(farm.vms()).toEqual(['gateway-1 lost post01']);
    expect(farm.told('vm.lost')).toHaveLength(1);
    expect(farm.told('vm.lost')[0]?.severity).toBe('error');
  });

  it('does not end by a boot that says hello while the one before it still answered: a VM may boot by the MAC of its host', () => {
    const farm = running();
    farm.boot('post01');
    farm.wait(1000);
    expect(farm.vms()).toEqual(['gateway-1 lost post01']);
    expect(farm.told('host.contested').map(({ severity, machine }) => [severity, machine])).toEqual([['error', 'post01']]);
    farm.silence('post01');
    farm.wait(60_000);
    farm.boot('post01');
    farm.wait(1000);
    expect(farm.vms()).toEqual(['gateway-1 lost post01']);
  });

  it('ends by the word of a person who has looked, also while the newer boot answers', () => {
    const farm = running();
    farm.boot('post01');
    farm.join('post01');
    farm.beat(2);
    expect(farm.vms()).toEqual(['gateway-1 lost post01']);
    const done = farm.ask((draft) => confirmDead('post01', 'post01')(draft, { author: 'anna' }));
    expect(done.kind).toBe('done');
    farm.beat(3);
    expect(farm.vm('gateway-1').state).toBe('starting');
    expect(JSON.stringify(farm.told('vm.recovering'))).toMatch(/anna confirmed that post01 is dead/);
  });

  const nics = [{ mac: '52:54:00:00:00:01' }, { mac: '52:54:00:00:00:02' }];

  it.each([
    ['does not end by a boot from a NIC that its machine has not: it may be another box by the same name', '52:54:00:00:00:99', 'lost'],
    ['ends by a boot from another NIC of the same machine', '52:54:00:00:00:02', 'waiting'],
  ])('%s', (_, mac, state) => {
    const farm = new Farm({ environments: [gateway] });
    farm.machines = [{ name: 'post01', nics, labels: {}, parameters: {} }];
    farm.changed();
    farm.boot('post01', 8192, '52:54:00:00:00:01');
    farm.join('post01');
    farm.beat(3);
    farm.settle();
    expect(farm.vms()).toEqual(['gateway-1 running post01']);
    farm.silence('post01');
    farm.wait(30_000);
    farm.boot('post01', 8192, mac);
    expect([farm.vm('gateway-1').state, farm.told('host.contested').length]).toEqual([state, state === 'lost' ? 1 : 0]);
  });

  it('ends at once by a newer boot of its host, and the VM starts elsewhere', () => {
    const farm = running();
    farm.silence('post01');
    farm.beat(4);
    farm.boot('post01');
    expect(farm.vms()).toEqual(['gateway-1 starting post02']);
    expect(farm.told('vm.recovering').map(({ detail }) => detail['proof'])).toEqual([
      'post01 has booted anew: boot 3 said hello with its boot token',
    ]);
  });

  it('does not end by what an agent says of an older boot', () => {
    const farm = running();
    farm.silence('post01');
    farm.beat(4);
    farm.say('post01', { boot: 7, domains: [] });
    expect(farm.vms()).toEqual(['gateway-1 lost post01']);
    expect(farm.told('agent.refused')).toHaveLength(1);
  });

  it('ends by a settled report without the domain that is surely newer than the answer to its start', () => {
    const farm = running();
    farm.hosts.get('post01')?.domains.splice(0);
    farm.beat();
    expect(farm.vm('gateway-1').claims).toMatchObject([{ seq: 2 }]);
    expect(farm.told('vm.failed').map(({ detail }) => detail['reason'])).toEqual(['its domain has ended by itself, or crashed']);
  });

  it('does not end by a report that is not settled', () => {
    const farm = running();
    const post01 = farm.hosts.get('post01');
    Object.assign(post01 ?? {}, { domains: [], settled: false });
    farm.beat(10);
    expect(farm.vms()).toEqual(['gateway-1 running post01']);
  });

  it('does not end by a full list, which may be a cut one: a 513th domain is not in it', () => {
    const farm = running();
    const post01 = farm.hosts.get('post01');
    const others = Array.from({ length: 512 }, (_, number) => domainOf(`other-${number}`));
    Object.assign(post01 ?? {}, { domains: others });
    farm.beat(4);
    farm.join('post01');
    farm.beat(4);
    expect(farm.vms()).toEqual(['gateway-1 running post01']);
    Object.assign(post01 ?? {}, { domains: others.slice(1) });
    farm.beat();
    expect(farm.vm('gateway-1').claims).toMatchObject([{ seq: 2 }]);
  });

  const met = { code: 'exists', reason: 'there is a domain gateway-1 (9) with its name already', domain: 'present' } as const;

  it('does not end in its session where its start met a domain of its name and no report has one, but in the next', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    farm.refuse(farm.open('vm.create'), met);
    farm.beat();
    farm.wait(2000);
    expect(farm.vms()).toEqual(['gateway-1 starting post01']);
    expect(farm.session('post01')).toBe(2);
    farm.say('post01', { session: 1 });
    farm.wait(2000);
    expect(farm.vms()).toEqual(['gateway-1 starting post01']);
    farm.say('post01', { action: 'session', settled: false }, false);
    farm.beat();
    expect(farm.told('vm.failed').map(({ detail }) => [detail['reason'], detail['proof']])).toEqual([
      [`exists: ${met.reason}`, 'the agent of post01 says in session 2 that there is no such domain'],
    ]);
    expect(farm.vm('gateway-1').claims).toMatchObject([{ seq: 2, session: 2 }]);
  });

  it('ends in its session where its start met a domain of its name that was reported, and is gone since', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    const post01 = farm.hosts.get('post01');
    Object.assign(post01 ?? {}, { domains: [domainOf('gateway-1')] });
    farm.refuse(farm.open('vm.create'), met);
    farm.beat(2);
    expect(farm.vms()).toEqual(['gateway-1 running post01']);
    Object.assign(post01 ?? {}, { domains: [] });
    farm.beat();
    expect(farm.session('post01')).toBe(1);
    expect(farm.vm('gateway-1').claims).toMatchObject([{ seq: 2 }]);
  });

  it('ends in its session by the answer to a destroy where its start met a domain of its name that no report has', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    farm.refuse(farm.open('vm.create'), met);
    farm.ask((draft) => stopVm('gateway-1', 'destroy')(draft, { author: 'anna' }));
    farm.refuse(farm.open('vm.destroy'), { code: 'no-such-domain' });
    expect(farm.told('vm.stopped')).toHaveLength(1);
  });

  it('does not end by a report that was under way while its domain was made', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    const beatMs = farm.monoMs;
    farm.monoMs += 2000;
    farm.obey();
    farm.monoMs += 3000;
    farm.say('post01', { domains: [], settled: true }, true, beatMs);
    expect(farm.vms()).toEqual(['gateway-1 starting post01']);
    farm.say('post01', { domains: [], settled: true }, false);
    expect(farm.vms()).toEqual(['gateway-1 starting post01']);
  });

  it('does not end in the session of its start while that start is unanswered', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    farm.beat(8);
    expect(farm.vm('gateway-1').claims).toMatchObject([{ seq: 1 }]);
  });

  it('ends in a later session, where nothing of an earlier one begins any more', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    farm.join('post01');
    expect(farm.session('post01')).toBe(2);
    farm.say('post01');
    expect(farm.vm('gateway-1')).toMatchObject({ state: 'recovering', claims: [], ended: { proof: { kind: 'agent', session: 2 } } });
  });

  it('still ends by a report when the record of its start has long been forgotten', () => {
    const farm = running(['post01']);
    for (const id of farm.state.ended.keys()) farm.ask((draft) => draft.forgetCommand(id) ?? true);
    farm.hosts.get('post01')?.domains.splice(0);
    farm.beat();
    expect(farm.vm('gateway-1').claims).toMatchObject([{ seq: 2 }]);
  });

  it('does not end by the late answer to a stop of the claim before it', () => {
    const farm = running(['post01']);
    farm.ask(
      (draft) =>
        draft.keepVm({ ...farm.vm('gateway-1'), stop: { how: 'destroy', reason: 'r', author: 'a', sinceMs: 0, tries: 0 } }) ?? true,
    );
    const stop = farm.open('vm.destroy');
    farm.hosts.get('post01')?.domains.splice(0);
    farm.beat();
    // Its claim ends by the report; as long as the stop is unanswered it might meet the next domain.
    expect(farm.vms()).toEqual(['gateway-1 waiting']);
    expect(farm.vm('gateway-1').reason).toContain('has not answered vm.destroy');
    farm.refuse(stop, { code: 'no-such-domain' });
    expect(farm.vms()).toEqual(['gateway-1 starting post01']);
  });

  it('ends by the word of a person who typed the name, not by that of one who did not', () => {
    const farm = running();
    farm.silence('post01');
    farm.beat(4);
    const typo = farm.ask((draft) => confirmDead('post01', 'post1')(draft, { author: 'anna' }));
    expect(typo).toMatchObject({ kind: 'refused' });
    const done = farm.ask((draft) => confirmDead('post01', 'post01')(draft, { author: 'anna' }));
    expect(done.kind).toBe('done');
    expect(farm.stateOf('post01')).toBe('fenced');
    expect(farm.vms()).toEqual(['gateway-1 starting post02']);
    expect(farm.told('vm.recovering')[0]?.detail['proof']).toBe('anna confirmed that post01 is dead');
  });

  it('does not end by the word of a person while its host answers', () => {
    const farm = running();
    const outcome = farm.ask((draft) => confirmDead('post01', 'post01')(draft, { author: 'anna' }));
    expect(outcome).toMatchObject({ kind: 'refused', reason: expect.stringContaining('answers right now') as string });
    expect(farm.vms()).toEqual(['gateway-1 running post01']);
  });

  it('is never given twice: an at-most-one VM that waits has none', () => {
    const farm = new Farm({ environments: [environmentOf({ name: 'gateway', count: fixed(3) })] });
    farm.start('post01', 'post02', 'post03');
    farm.settle();
    farm.beat(20);
    expect(farm.vms().map((each) => each.split(' ').length)).toEqual([3, 3, 3]);
    expect(farm.sendings.filter((each) => each.kind === 'execute' && each.command.command === 'vm.create')).toHaveLength(3);
  });
});

describe('a host that was declared dead and is not', () => {
  it('loses the domains that it has no claim for, before anything else, with an alarm', () => {
    const farm = running();
    farm.silence('post01');
    farm.beat(4);
    farm.ask((draft) => confirmDead('post01', 'post01')(draft, { author: 'anna' }));
    farm.obey();
    farm.beat();
    farm.answersAgain('post01');
    farm.join('post01');
    farm.say('post01');
    expect(farm.commands()).toEqual(['vm.destroy gateway-1 post01']);
    expect(farm.told('vm.error').map(({ machine }) => machine)).toEqual(['post01']);
    farm.obey();
    farm.beat(2);
    expect(farm.vms()).toEqual(['gateway-1 running post02']);
    expect(farm.stateOf('post01')).toBe('online');
  });

  it('may have VMs again on the same boot, which its former death says nothing of', () => {
    const farm = running();
    farm.silence('post01');
    farm.beat(4);
    farm.ask((draft) => confirmDead('post01', 'post01')(draft, { author: 'anna' }));
    farm.obey();
    farm.wait(2000);
    farm.answersAgain('post01');
    farm.join('post01');
    farm.beat();
    farm.obey();
    farm.wait(1000);
    farm.environments = [{ ...gateway, count: fixed(2), constraints: { ...gateway.constraints, spread: true } }];
    farm.changed();
    farm.settle();
    farm.beat(2);
    expect(farm.vms()).toEqual(['gateway-1 running post02', 'gateway-2 running post01']);
  });

  it('is not believed to live for an agreement and an answer that were under way when it was declared dead', () => {
    const farm = running();
    farm.join('post01', 'c1');
    farm.presence('post01', 'lost', 'c1');
    farm.silence('post01');
    const beatMs = farm.monoMs;
    farm.beat(4);
    farm.ask((draft) => confirmDead('post01', 'post01')(draft, { author: 'anna' }));
    farm.say('post01', { action: 'session' }, false);
    farm.say('post01', {}, true, beatMs);
    expect(farm.stateOf('post01')).toBe('fenced');
  });

  it('is not believed to live for what it sent before it was declared dead', () => {
    const farm = running();
    farm.silence('post01');
    const beatMs = farm.monoMs;
    farm.beat(4);
    farm.ask((draft) => confirmDead('post01', 'post01')(draft, { author: 'anna' }));
    farm.say('post01', { session: 1 }, true, beatMs);
    expect(farm.stateOf('post01')).toBe('fenced');
  });
});
