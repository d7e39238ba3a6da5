import { describe, expect, it } from 'vitest';
import { topics } from '../../../src/manager/protocol.ts';
import { environmentOf } from './farm.ts';
import { Lab, running } from './manager-lab.ts';

const by = { author: 'anna' };

describe('the manager', () => {
  it('sends nothing of a turn before its records are durable', async () => {
    const lab = new Lab();
    await lab.manager();
    lab.records.hold();
    await lab.join();
    expect(lab.heard.filter(({ kind }) => kind !== 'CONTROL')).toEqual([]);
    lab.records.release();
    await lab.wait(7000);
    expect(lab.sent('EXECUTE').map(({ command }) => command)).toEqual(['vm.create']);
    const claims = lab.records.document('vm', 'gateway-1')?.['claims'];
    expect(claims).toMatchObject([{ host: 'post01', command: lab.sent('EXECUTE')[0]?.id }]);
  });

  it('stands by while another manager leads, and leads 30 s after its time ran out', async () => {
    const lab = new Lab();
    const first = await lab.manager('server1');
    const second = await lab.manager('server2');
    expect([first.status().state, second.status().state]).toEqual(['leading', 'standby']);
    expect(await second.scale('gateway', 1, by)).toMatchObject({ kind: 'refused' });
    await lab.wait(20_000);
    lab.records.broken = true;
    await lab.wait(50_000);
    expect(first.status().state).toBe('standby');
    lab.records.broken = false;
    lab.records.records.set('leader/leader', {
      area: 'leader',
      id: 'leader',
      revision: 99,
      updatedMs: 0,
      document: { manager: 'server3', instance: 'x', untilMs: lab.clock.now() + 1000 },
    });
    await lab.wait(29_000);
    expect([first.status().state, second.status().state]).toEqual(['standby', 'standby']);
    await lab.wait(15_000);
    expect([first.status().state, second.status().state].sort((a, b) => a.localeCompare(b))).toEqual(['leading', 'standby']);
  });

  it('steps down when somebody else has changed a record, and says so to who asked', async () => {
    const lab = new Lab();
    const manager = await lab.manager();
    lab.records.records.set('leader/leader', {
      area: 'leader',
      id: 'leader',
      revision: 99,
      updatedMs: 0,
      document: { manager: 'server2', instance: 'x', untilMs: lab.clock.now() + 30_000 },
    });
    const asked = await manager.hold('a test', by);
    expect(asked).toMatchObject({ kind: 'refused', reason: expect.stringContaining('does not lead') as string });
    await lab.rest();
    expect(manager.status()).toMatchObject({ state: 'standby', reason: 'server2 leads' });
  });

  it('is not led by a process of its own name that is still there', async () => {
    const lab = new Lab();
    const first = await lab.manager('server1');
    const second = await lab.manager('server1');
    await lab.wait(20_000);
    expect([first.status().state, second.status().state]).toEqual(['standby', 'leading']);
    expect(first.status().reason).toContain('give each manager a name of its own');
  });

  it('hears that the bus came while its lead was being written', async () => {
    const lab = new Lab();
    lab.records.records.set('leader/leader', {
      area: 'leader',
      id: 'leader',
      revision: 1,
      updatedMs: 0,
      document: { manager: 'server2', instance: 'x', untilMs: lab.clock.now() },
    });
    const manager = await lab.manager();
    await lab.wait(25_000);
    lab.broker.stop({ forget: false });
    lab.records.hold();
    await lab.wait(20_000);
    lab.broker.start();
    await lab.wait(3000);
    expect(manager.status().state).toBe('standby');
    lab.records.release();
    await lab.join();
    expect(lab.told('host.online')).toHaveLength(1);
  });

  it('hands the lead back when it is closed, and leaves no timer', async () => {
    const lab = new Lab();
    const first = await lab.manager('server1');
    await first.close();
    running.splice(0);
    expect(lab.clock.pendingTimers).toBe(0);
    expect((await lab.manager('server2')).status().state).toBe('leading');
  });

  it('goes on when the database is away for a moment, and does nothing twice', async () => {
    const lab = new Lab();
    await lab.manager();
    lab.records.broken = true;
    await lab.join();
    lab.records.broken = false;
    await lab.wait(8000);
    expect(lab.sent('EXECUTE')).toHaveLength(1);
  });

  it('tells what is no message of the protocol with its agent, and goes on', async () => {
    const lab = new Lab();
    const manager = await lab.manager();
    await lab.join();
    await lab.say({ kind: 'NONSENSE' });
    await lab.publish(topics.fromAgent('post01'), { v: 9, kind: 'EXECVAL' });
    await lab.say({ kind: 'EXECVAL', reply: 'foreign', session: 1, repeated: false, result: {} });
    await lab.agent.publish(topics.fromAgent('post01'), Buffer.from('{'), { qos: 1 });
    await lab.wait(2000);
    expect(lab.told('agent.refused')).toMatchObject([{ machine: 'post01' }]);
    expect(manager.hosts()[0]?.state).toBe('online');
  });

  it('tells what is wrong with a property with its machine and the reason, and keeps the others', async () => {
    const lab = new Lab();
    const manager = await lab.manager();
    await lab.join();
    await lab.say({ kind: 'PROPERR', name: 'raid', code: 'timeout', reason: 'raid-state.sh ran for too long and was stopped' });
    await lab.say({
      kind: 'PROPVAL',
      values: [
        { name: 'load', type: 'float', value: 'much', age: 0 },
        { name: 'ram_free', type: 'int', value: 512, age: 0 },
      ],
    });
    await lab.wait(1000);
    expect(lab.told('agent.property')).toMatchObject([
      { machine: 'post01', detail: { property: 'raid', reason: expect.stringContaining('ran for too long') } },
      { machine: 'post01', detail: { property: 'load', reason: expect.stringContaining('float') } },
    ]);
    expect(manager.properties('post01').find(({ name }) => name === 'ram_free')).toMatchObject({ value: 512 });
    expect(manager.hosts()[0]?.state).toBe('online');
  });

  it('drops what an agent sends above its rate, and says so once', async () => {
    const lab = new Lab();
    const manager = await lab.manager();
    await lab.join();
    for (let count = 0; count < 1500; count++) void lab.say({ kind: 'PROPVAL', values: [] });
    await lab.wait(5000);
    expect(lab.told('agent.flood').length).toBeLessThanOrEqual(2);
    expect(lab.told('agent.flood').length).toBeGreaterThan(0);
    expect(manager.hosts()[0]?.state).toBe('online');
  });

  it('leaves a record that it cannot read alone, and keeps its name free of others', async () => {
    const lab = new Lab();
    const record = {
      area: 'vm',
      id: 'gateway-1',
      revision: 7,
      updatedMs: 0,
      document: { name: 'gateway-1', state: 'levitating' },
    } as const;
    lab.records.records.set('vm/gateway-1', record);
    const manager = await lab.manager();
    await lab.join();
    expect(lab.records.records.get('vm/gateway-1')).toBe(record);
    expect(manager.vms()).toEqual([]);
    expect(lab.log.lines.some(({ fields }) => fields['id'] === 'gateway-1')).toBe(true);
  });

  it('leaves a record of an environment that it cannot read as it is', async () => {
    const lab = new Lab();
    const record = { area: 'environment', id: 'worker', revision: 7, updatedMs: 0, document: { name: 'worker', counter: 'many' } } as const;
    lab.records.records.set('environment/worker', record);
    const manager = await lab.manager('server1', { environments: [environmentOf({ name: 'worker', instances: 'at-least-one' })] });
    await lab.wait(3000);
    expect(manager.status().state).toBe('leading');
    expect(manager.vms()).toHaveLength(1);
    expect(lab.records.records.get('environment/worker')).toBe(record);
  });

  it('does nothing in a dry run', async () => {
    const lab = new Lab();
    const manager = await lab.manager('server1', { environments: [environmentOf({ name: 'gateway', count: { min: 1, max: 4 } })] });
    const before = new Map(lab.records.records);
    expect(await manager.scale('gateway', 3, { ...by, dryRun: true })).toMatchObject({ kind: 'done', result: { wanted: 3 } });
    await lab.wait(1000);
    expect(manager.environments()[0]?.wanted).toBe(1);
    expect(lab.records.document('environment', 'gateway')).toEqual(before.get('environment/gateway')?.document);
    expect(manager.plan({ environment: 'gateway', count: 3 }).steps.map(({ vm }) => vm)).toEqual(['gateway-1', 'gateway-2', 'gateway-3']);
    expect(manager.vms()).toHaveLength(1);
  });

  it('waits for what an agent answers about a console', async () => {
    const lab = new Lab();
    const manager = await lab.manager();
    await lab.join();
    const [create] = lab.sent('EXECUTE');
    expect(create?.command).toBe('vm.create');
    await lab.say({ kind: 'EXECVAL', reply: create?.id ?? '', session: 1, repeated: false, result: {} });
    const asked = manager.consoleOf('gateway-1', 100);
    await lab.wait(100);
    const question = lab.sent('EXECUTE').find(({ command }) => command === 'vm.console');
    await lab.say({ kind: 'EXECVAL', reply: question?.id ?? '', session: 1, repeated: false, result: { text: 'login:' } });
    await lab.wait(100);
    expect(await asked).toEqual({ kind: 'done', result: 'login:' });
    expect(manager.command(question?.id ?? '')).toBeDefined();
    await lab.wait(12_000);
    expect([manager.command(question?.id ?? ''), lab.records.document('command', question?.id ?? '')]).toEqual([undefined, undefined]);
  });

  it('lists the same VMs until one changes', async () => {
    const lab = new Lab();
    const manager = await lab.manager();
    await lab.join();
    const listed = manager.vms();
    expect(manager.vms()).toBe(listed);
    const [create] = lab.sent('EXECUTE');
    await lab.say({ kind: 'EXECVAL', reply: create?.id ?? '', session: 1, repeated: false, result: {} });
    await lab.wait(100);
    expect(manager.vms()).not.toBe(listed);
  });

  it('asks an agent for properties, and gives up on it in time', async () => {
    const lab = new Lab();
    const manager = await lab.manager();
    await lab.join();
    const asked = manager.query('post01', ['ram_free']);
    await lab.rest();
    const question = lab.heard.find(({ kind }) => kind === 'FETCHPROP');
    await lab.say({ kind: 'PROPVAL', reply: question?.id ?? '', values: [{ name: 'ram_free', type: 'int', value: 7, age: 0 }] });
    await lab.rest();
    expect(await asked).toMatchObject({ kind: 'done', result: [{ name: 'ram_free', value: 7 }] });
    const unanswered = manager.query('post01', ['ram_free']);
    await lab.wait(16_000);
    expect(await unanswered).toMatchObject({ kind: 'refused' });
  });
});
