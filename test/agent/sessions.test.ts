import { describe, expect, it } from 'vitest';
import { topics } from '../../src/manager/protocol.ts';
import { FakeDom0, createArgs, machine } from './fake-dom0.ts';

describe('an agent and its managers', () => {
  it('is here as soon as it listens, and says goodbye when it is stopped', async () => {
    const dom0 = await FakeDom0.start();
    expect(dom0.presences).toMatchObject([{ state: 'here', boot: 17, connection: 'c1', agent: '0.1.0' }]);
    await dom0.agent?.close();
    expect(dom0.presences.at(-1)).toMatchObject({ state: 'left', connection: 'c1' });
    expect(dom0.clock.pendingTimers).toBe(0);
  });

  it('announces itself again to a manager that never answers, and not to one that does', async () => {
    const dom0 = await FakeDom0.start();
    await dom0.pass(31_000);
    expect(dom0.presences).toHaveLength(3);
    await dom0.session(1);
    await dom0.pass(60_000);
    expect(dom0.presences).toHaveLength(3);
  });

  it('answers a session with its domains and facts', async () => {
    const dom0 = await FakeDom0.start();
    dom0.xen.add('worker-1');
    await dom0.session(1);
    expect(dom0.report).toMatchObject({
      action: 'session',
      boot: 17,
      session: 1,
      settled: false,
      domains: [{ name: 'worker-1', state: 'running', memoryMib: 128 }],
      facts: { hypervisor: 'Xen 4.20.0', freeMib: 1003, bridges: ['xenbr0'], address: '192.168.0.11' },
    });
  });

  it('is settled only after two looks five seconds apart, in each session anew', async () => {
    const dom0 = await FakeDom0.start();
    await dom0.session(1);
    await dom0.pass(4000);
    await dom0.beat('n1');
    expect(dom0.report).toMatchObject({ nonce: 'n1', settled: false });
    await dom0.pass(2000);
    await dom0.beat('n2');
    expect(dom0.report).toMatchObject({ nonce: 'n2', settled: true });
    await dom0.session(2);
    expect(dom0.report).toMatchObject({ session: 2, settled: false });
    await dom0.pass(6000);
    await dom0.beat('n3');
    expect(dom0.report).toMatchObject({ settled: true });
  });

  it('tells at most 512 domains, its own first, and then is not settled: what is not told may be there', async () => {
    const dom0 = await FakeDom0.start();
    for (let number = 1; number <= 512; number++) dom0.xen.add(`other-${number}`, { uuid: `uuid-${number}` });
    await dom0.ready();
    expect([dom0.report.settled, dom0.report.domains.length]).toEqual([true, 512]);
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.pass(11_000);
    await dom0.beat('n2');
    expect([dom0.report.settled, dom0.report.domains.length]).toEqual([false, 512]);
    expect(dom0.report.domains[0]).toMatchObject({ name: 'worker-1', claim: 5 });
    await dom0.pass(60_000);
    const warnings = dom0.log.lines.filter(({ message }) => message.startsWith('there are more domains here than are told'));
    expect(warnings).toMatchObject([{ level: 'warn', fields: { domains: 513, told: 512 } }]);
    dom0.xen.remove('other-512');
    await dom0.pass(11_000);
    await dom0.beat('n3');
    expect([dom0.report.settled, dom0.report.domains.length]).toEqual([true, 512]);
  });

  it('refuses a lower session and another boot', async () => {
    const dom0 = await FakeDom0.start();
    await dom0.session(7);
    await dom0.session(6);
    expect(dom0.heard.at(-1)).toMatchObject({ kind: 'CONTROLERR', code: 'wrong-session', session: 7 });
    await dom0.session(8, { boot: 16 });
    expect(dom0.heard.at(-1)).toMatchObject({ kind: 'CONTROLERR', code: 'wrong-boot', session: 7, boot: 17 });
  });

  it('remembers its session when it is started anew on the same boot', async () => {
    const dom0 = await FakeDom0.start();
    await dom0.session(7);
    await dom0.killAgent();
    await dom0.startAgent();
    await dom0.session(6);
    expect(dom0.heard.at(-1)).toMatchObject({ kind: 'CONTROLERR', code: 'wrong-session', session: 7 });
  });

  it('is unsettled while nothing can be seen, and says what it saw last', async () => {
    const dom0 = await FakeDom0.start();
    dom0.xen.add('worker-1');
    await dom0.ready();
    dom0.xen.listing = 'fails';
    await dom0.pass(30_000);
    await dom0.beat('n2');
    expect(dom0.report).toMatchObject({ settled: false, domains: [{ name: 'worker-1', state: 'running' }] });
  });

  it('hears the groups that it is in, and no others any more', async () => {
    const dom0 = await FakeDom0.start();
    await dom0.session(1, { groups: ['role.worker'] });
    const heard = (): number => dom0.heard.filter(({ kind }) => kind === 'PROPLIST').length;
    await dom0.send({ kind: 'GETPROP', names: [] }, topics.group('role.worker'));
    expect(heard()).toBe(1);
    await dom0.send({ kind: 'CONTROL', action: 'groups', groups: ['role.gateway'] });
    await dom0.send({ kind: 'GETPROP', names: [] }, topics.group('role.worker'));
    expect(heard()).toBe(1);
    await dom0.send({ kind: 'GETPROP', names: [] }, topics.group('role.gateway'));
    expect(heard()).toBe(2);
  });

  it('takes no message that was kept by the broker: its time has gone by', async () => {
    const dom0 = await FakeDom0.start();
    await dom0.killAgent();
    const command = { v: 1, id: 'm', kind: 'EXECUTE', command: 'host.reboot', args: { reason: 'x' }, boot: 17, session: 0, withinMs: 1000 };
    await dom0.manager.publish(topics.toAgent(machine), Buffer.from(JSON.stringify(command)), { retain: true });
    await dom0.startAgent();
    expect(dom0.answers('m')).toEqual([]);
  });

  it('says unasked that its domains changed, so that nobody waits for a beat', async () => {
    const dom0 = await FakeDom0.start();
    await dom0.ready();
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.pass(10_000);
    const before = dom0.heard.length;
    dom0.xen.change('worker-1', { state: 'crashed' });
    await dom0.pass(6000);
    expect(dom0.heard.length).toBeGreaterThan(before);
    expect(dom0.report).toMatchObject({ action: 'change', domains: [{ name: 'worker-1', state: 'crashed', claim: 5 }] });
  });

  it('reports what the guest says when it is ready', async () => {
    const dom0 = await FakeDom0.start();
    await dom0.ready();
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.pass(6000);
    expect(dom0.report.domains[0]?.ready).toBeUndefined();
    dom0.readiness.set('worker-1', { address: '10.12.0.10' });
    await dom0.pass(6000);
    expect(dom0.report.domains[0]).toMatchObject({ claim: 5, ready: { address: '10.12.0.10' } });
  });
});

describe('what comes to an agent and is no message', () => {
  const rows = [
    { name: 'no JSON', payload: 'hello', answer: { kind: 'CONTROLERR', code: 'malformed', reply: 'unknown' } },
    { name: 'no object', payload: '[1]', answer: { kind: 'CONTROLERR', code: 'malformed' } },
    {
      name: 'an unknown kind',
      payload: JSON.stringify({ v: 1, kind: 'FORMAT', id: 'q1' }),
      answer: { kind: 'CONTROLERR', code: 'unknown-kind', reply: 'q1' },
    },
    {
      name: 'an EXECUTE of another version',
      payload: JSON.stringify({ v: 2, kind: 'EXECUTE', id: 'q2' }),
      answer: { kind: 'EXECERR', code: 'bad-arguments', reply: 'q2', reason: 'version 2 of the protocol; this agent speaks 1' },
    },
    {
      name: 'a FETCHPROP without names',
      payload: JSON.stringify({ v: 1, kind: 'FETCHPROP', id: 'q3', names: [] }),
      answer: { kind: 'PROPERR', code: 'malformed', reply: 'q3' },
    },
    {
      name: 'a CONTROL without action',
      payload: JSON.stringify({ v: 1, kind: 'CONTROL', id: 'q4', action: 'dance' }),
      answer: { kind: 'CONTROLERR', code: 'malformed', reply: 'q4', action: 'dance' },
    },
    {
      name: 'an id that is none',
      payload: JSON.stringify({ v: 1, kind: 'CONTROL', id: '../x', action: 'beat' }),
      answer: { kind: 'CONTROLERR', code: 'malformed', reply: 'unknown' },
    },
  ];
  it.each(rows)('is refused with the reason: $name', async ({ payload, answer }) => {
    const dom0 = await FakeDom0.start();
    await dom0.sendRaw(payload);
    expect(dom0.heard.at(-1)).toMatchObject(answer);
  });

  it('is not answered with a flood, and the rest goes on', async () => {
    const dom0 = await FakeDom0.start();
    await dom0.session(1);
    const before = dom0.heard.length;
    for (let count = 0; count < 100; count++) await dom0.sendRaw('{}');
    expect(dom0.heard.length - before).toBe(20);
    await dom0.beat('n1');
    expect(dom0.report.nonce).toBe('n1');
  });
});
