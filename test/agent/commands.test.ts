import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/agent/parts.ts';
import { FakeDom0, boot, createArgs, kernel, settle, uuid } from './fake-dom0.ts';

async function ruled(): Promise<FakeDom0> {
  const dom0 = await FakeDom0.start();
  await dom0.ready();
  return dom0;
}

function creations({ xen }: FakeDom0): number {
  return xen.calls.filter((call) => call.startsWith('create')).length;
}

async function interrupted(dom0: FakeDom0): Promise<void> {
  dom0.xen.creating = new Promise(() => undefined);
  await dom0.execute('x', 'vm.create', createArgs('worker-1'));
  await dom0.killAgent();
  expect(dom0.record.commands.get('x')?.answer).toBeUndefined();
  dom0.xen.creating = undefined;
}

describe('a command', () => {
  it('is done once, and a repeat is answered from the record', async () => {
    const dom0 = await ruled();
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    expect(dom0.answers('x')).toMatchObject([
      { kind: 'EXECVAL', repeated: false, result: { domain: 'present', domid: 1 } },
      { kind: 'EXECVAL', repeated: true, result: { domain: 'present', domid: 1 } },
    ]);
    expect(creations(dom0)).toBe(1);
  });

  it('is answered from the record by an agent that was started anew on the same boot', async () => {
    const dom0 = await ruled();
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.killAgent();
    await dom0.startAgent();
    await dom0.session(2);
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    expect(dom0.answers('x').at(-1)).toMatchObject({ kind: 'EXECVAL', repeated: true, session: 2 });
    expect(creations(dom0)).toBe(1);
  });

  it('that came twice while it is being done is answered once, by its end', async () => {
    const dom0 = await ruled();
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    dom0.xen.creating = promise;
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    expect(dom0.answers('x')).toEqual([]);
    await dom0.beat('n2');
    expect(dom0.report).toMatchObject({ busy: ['x'], settled: false });
    resolve({ kind: 'done' });
    await settle();
    expect(dom0.answers('x')).toHaveLength(1);
    expect(creations(dom0)).toBe(1);
  });

  it('is not begun where that cannot be recorded', async () => {
    const dom0 = await ruled();
    dom0.record.fails = true;
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    expect(dom0.answers('x')).toMatchObject([{ kind: 'EXECERR', code: 'failed', reason: 'no space left on device' }]);
    expect(creations(dom0)).toBe(0);
  });

  const refusals = [
    { name: 'another boot', more: { boot: 16 }, answer: { code: 'wrong-boot' } },
    { name: 'a session that is over', more: { session: 0 }, answer: { code: 'wrong-session', session: 1 } },
    { name: 'a session that has not begun', more: { session: 2 }, answer: { code: 'wrong-session' } },
    { name: 'no beat', more: { nonce: undefined }, answer: { code: 'stale' } },
    { name: 'a beat that was never heard', more: { nonce: 'n0' }, answer: { code: 'stale', domain: 'absent' } },
    { name: 'arguments of another form', more: { args: { vm: 'worker-1' } }, answer: { code: 'bad-arguments' } },
    { name: 'a name that is none', more: { args: createArgs('../../etc') }, answer: { code: 'bad-arguments' } },
    { name: 'a command that is not on the list', more: { command: 'host.shell' }, answer: { code: 'unknown-command' } },
    {
      name: 'an xl.cfg with a program in it',
      more: { args: { ...createArgs('worker-1'), config: `${String(createArgs('worker-1')['config'])}\nbootloader = "/bin/sh"` } },
      answer: { code: 'refused', reason: 'its xl.cfg is refused: bootloader is not among what an agent lets through to xl' },
    },
  ];
  it.each(refusals)('for $name is refused and nothing is started', async ({ more, answer }) => {
    const dom0 = await ruled();
    await dom0.execute('x', 'vm.create', createArgs('worker-1'), more);
    expect(dom0.answers('x')).toMatchObject([{ kind: 'EXECERR', repeated: false, ...answer }]);
    expect(creations(dom0)).toBe(0);
  });

  it('is stale when its beat was heard more than 10 s ago (start carries a fresh nonce)', async () => {
    const dom0 = await ruled();
    await dom0.pass(10_000);
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    expect(dom0.answers('x')).toMatchObject([{ kind: 'EXECVAL' }]);
    await dom0.pass(100);
    await dom0.execute('y', 'vm.create', createArgs('worker-2'));
    expect(dom0.answers('y')).toMatchObject([{ kind: 'EXECERR', code: 'stale', domain: 'absent' }]);
  });

  it('that was refused as stale stays refused when a second copy comes with the beat', async () => {
    const dom0 = await ruled();
    await dom0.execute('x', 'vm.create', createArgs('worker-1'), { nonce: 'n2' });
    await dom0.beat('n2');
    await dom0.execute('x', 'vm.create', createArgs('worker-1'), { nonce: 'n2' });
    expect(dom0.answers('x')).toMatchObject([
      { code: 'stale', repeated: false },
      { code: 'stale', repeated: true },
    ]);
    expect(creations(dom0)).toBe(0);
  });

  it('waits for the one before it on the same VM, and not for those on others', async () => {
    const dom0 = await ruled();
    dom0.xen.onShutdown = () => undefined;
    dom0.xen.add('worker-1');
    dom0.xen.add('worker-2', { uuid: '7b4d1b0a-1111-4222-8333-444455556666' });
    await dom0.execute('a', 'vm.shutdown', { vm: 'worker-1', timeoutSeconds: 20 });
    await dom0.execute('b', 'vm.destroy', { vm: 'worker-1' });
    await dom0.execute('c', 'vm.destroy', { vm: 'worker-2' });
    await dom0.pass(8000);
    expect(dom0.answers('a')).toEqual([]);
    expect(dom0.answers('c')).toMatchObject([{ kind: 'EXECVAL', result: { domain: 'absent' } }]);
    await dom0.pass(20_000);
    expect(dom0.answers('a')).toMatchObject([{ kind: 'EXECERR', code: 'timeout', domain: 'present' }]);
    expect(dom0.answers('b')).toMatchObject([{ kind: 'EXECVAL', result: { domain: 'absent' } }]);
  });

  it('that could not begin in time never does', async () => {
    const dom0 = await ruled();
    dom0.xen.onShutdown = () => undefined;
    dom0.xen.add('worker-1');
    await dom0.execute('a', 'vm.shutdown', { vm: 'worker-1', timeoutSeconds: 60 });
    await dom0.execute('b', 'vm.destroy', { vm: 'worker-1' }, { withinMs: 3000 });
    await dom0.pass(3000);
    expect(dom0.answers('b')).toMatchObject([{ code: 'expired', domain: 'present', reason: 'it could not begin within 3 s' }]);
    await dom0.pass(70_000);
    expect(dom0.xen.calls).not.toContain('destroy worker-1');
  });

  it('can be cancelled until it begins, also before it arrives', async () => {
    const dom0 = await ruled();
    dom0.xen.onShutdown = () => undefined;
    dom0.xen.add('worker-1');
    await dom0.execute('a', 'vm.shutdown', { vm: 'worker-1', timeoutSeconds: 60 });
    await dom0.execute('b', 'vm.destroy', { vm: 'worker-1' });
    await dom0.send({ kind: 'CONTROL', action: 'cancel', command: 'b' });
    expect(dom0.answers('b')).toMatchObject([{ code: 'cancelled', domain: 'present' }]);
    await dom0.send({ kind: 'CONTROL', action: 'cancel', command: 'a' });
    expect(dom0.heard.at(-1)).toMatchObject({ kind: 'CONTROLERR', action: 'cancel', code: 'begun' });
    await dom0.send({ kind: 'CONTROL', action: 'cancel', command: 'c' });
    await dom0.execute('c', 'vm.create', createArgs('worker-2'));
    expect(dom0.answers('c').at(-1)).toMatchObject({ code: 'cancelled', repeated: true });
    expect(creations(dom0)).toBe(0);
  });

  it('of an earlier session is dropped where it has not begun, and does not start a domain where it has', async () => {
    const dom0 = await ruled();
    const { promise, resolve } = Promise.withResolvers<{ readonly kind: 'done'; readonly paths: {}; release(): void }>();
    dom0.fetched = promise;
    await dom0.execute('a', 'vm.create', createArgs('worker-1'));
    await dom0.execute('b', 'vm.destroy', { vm: 'worker-1' });
    await dom0.session(2);
    expect(dom0.answers('b')).toMatchObject([{ code: 'wrong-session', session: 2 }]);
    await dom0.pass(6000);
    await dom0.beat('n2');
    expect(dom0.report).toMatchObject({ settled: false, busy: ['a'] });
    resolve({ kind: 'done', paths: { vmlinuz: '/flash/x' }, release: () => undefined });
    await settle();
    expect(dom0.answers('a')).toMatchObject([{ code: 'wrong-session', session: 2 }]);
    expect(creations(dom0)).toBe(0);
    await dom0.beat('n3');
    expect(dom0.report).toMatchObject({ settled: true, busy: [] });
  });

  it('of an earlier session is refused also where it starts nothing', async () => {
    const dom0 = await ruled();
    dom0.xen.add('worker-1');
    await dom0.session(2);
    await dom0.execute('x', 'vm.destroy', { vm: 'worker-1' });
    await dom0.pass(6000);
    expect(dom0.answers('x')).toMatchObject([{ code: 'wrong-session', session: 2 }]);
    expect(dom0.xen.domains).toHaveLength(1);
  });

  it('of an earlier session that is still being done keeps the report from being settled', async () => {
    const dom0 = await ruled();
    dom0.xen.onShutdown = () => undefined;
    dom0.xen.add('worker-1');
    await dom0.execute('a', 'vm.shutdown', { vm: 'worker-1', timeoutSeconds: 20 });
    await dom0.pass(6000);
    await dom0.beat('n2');
    expect(dom0.report).toMatchObject({ settled: true, busy: ['a'] });
    await dom0.session(2);
    await dom0.pass(6000);
    await dom0.beat('n3');
    expect(dom0.report).toMatchObject({ settled: false, busy: ['a'] });
    await dom0.pass(20_000);
    await dom0.beat('n4');
    expect(dom0.report).toMatchObject({ settled: true, busy: [] });
  });

  it('is not made fresh by an old beat that comes again', async () => {
    const dom0 = await ruled();
    await dom0.pass(10_100);
    await dom0.beat('n1');
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    expect(dom0.answers('x')).toMatchObject([{ code: 'stale' }]);
  });

  it('that starts a domain waits where four do already, and one that ends a domain does not', async () => {
    const dom0 = await ruled();
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    dom0.xen.creating = promise;
    dom0.xen.add('old', { uuid: '7b4d1b0a-1111-4222-8333-444455556666' });
    for (const at of [1, 2, 3, 4, 5]) await dom0.execute(`x${at}`, 'vm.create', createArgs(`vm-${at}`));
    await dom0.execute('d', 'vm.destroy', { vm: 'old' });
    await dom0.pass(6000);
    expect(creations(dom0)).toBe(4);
    expect(dom0.answers('d')).toMatchObject([{ result: { domain: 'absent' } }]);
    resolve({ kind: 'done' });
    await settle();
    expect(creations(dom0)).toBe(5);
  });

  it('is refused as busy where too many wait', async () => {
    const dom0 = await ruled();
    dom0.xen.onShutdown = () => undefined;
    dom0.xen.add('worker-1');
    for (let count = 0; count < 258; count++)
      await dom0.execute(`x${count}`, 'vm.shutdown', { vm: 'worker-1', timeoutSeconds: 60 }, { withinMs: 600_000 });
    expect(dom0.answers('x256')).toEqual([]);
    expect(dom0.answers('x257')).toMatchObject([{ code: 'busy' }]);
    await dom0.agent?.close();
  });
});

describe('a start', () => {
  it('is told from the manager only what was checked, with the paths of the files', async () => {
    const dom0 = await ruled();
    let config = '';
    dom0.xen.onCreate = (name, text) => {
      config = text;
      dom0.xen.add(name);
      return { kind: 'done' };
    };
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    expect(config).toContain('kernel = "/flash/aaaa"\n');
    expect(config).toContain('on_soft_reset = "destroy"\n');
    expect(dom0.held).toBe(0);
  });

  it('is refused where there is a domain of that name, or of that uuid', async () => {
    const dom0 = await ruled();
    dom0.xen.add('worker-1', { uuid: '7b4d1b0a-1111-4222-8333-444455556666' });
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    expect(dom0.answers('x')).toMatchObject([{ code: 'exists', domain: 'present' }]);
    dom0.xen.remove('worker-1');
    dom0.xen.add('other');
    await dom0.pass(11_000);
    await dom0.beat('n2');
    await dom0.execute('y', 'vm.create', createArgs('worker-1'), { nonce: 'n2' });
    expect(dom0.answers('y')).toMatchObject([{ code: 'exists', domain: 'unknown', reason: expect.stringContaining('other') }]);
    expect(creations(dom0)).toBe(0);
  });

  it('that fails leaves nothing behind, and says so after two looks', async () => {
    const dom0 = await ruled();
    dom0.xen.onCreate = (name) => {
      dom0.xen.add(name, { state: 'paused' });
      return { kind: 'failed', code: 'timeout', reason: 'xl create did not end in time and was killed' };
    };
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    expect(dom0.answers('x')).toEqual([]);
    await dom0.pass(6000);
    expect(dom0.xen.calls).toContain('destroy worker-1');
    expect(dom0.answers('x')).toMatchObject([{ code: 'timeout', domain: 'absent' }]);
    expect(dom0.record.vms.size).toBe(0);
    await dom0.beat('n2');
    expect(dom0.report.settled).toBe(true);
  });

  it('leaves a domain alone that took its name while its image was fetched, and that it has not made', async () => {
    const dom0 = await ruled();
    dom0.xen.onCreate = (name) => {
      dom0.xen.add(name, { uuid: '7b4d1b0a-1111-4222-8333-444455556666' });
      return { kind: 'failed', code: 'exists', reason: `xl create: Domain with name "${name}" already exists.` };
    };
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.pass(40_000);
    expect(dom0.answers('x')).toMatchObject([{ code: 'exists', domain: 'present' }]);
    expect(dom0.xen.calls.filter((call) => call.startsWith('destroy'))).toEqual([]);
    expect(dom0.report.domains.map(({ name, claim }) => [name, claim])).toEqual([['worker-1', undefined]]);
  });

  it('says that nobody knows where the domains cannot be listed after it failed', async () => {
    const dom0 = await ruled();
    dom0.xen.onCreate = () => {
      dom0.xen.listing = 'fails';
      return { kind: 'failed', code: 'timeout', reason: 'xl create did not end in time and was killed' };
    };
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.pass(6000);
    expect(dom0.answers('x')).toMatchObject([{ code: 'timeout', domain: 'unknown' }]);
    await dom0.beat('n2');
    expect(dom0.report.settled).toBe(false);
  });

  it('whose domain is gone at once has failed', async () => {
    const dom0 = await ruled();
    dom0.xen.onCreate = () => ({ kind: 'done' });
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.pass(6000);
    expect(dom0.answers('x')).toMatchObject([{ code: 'failed', domain: 'absent', reason: expect.stringContaining('right after') }]);
  });

  it('is not settled by looks that were made before it ended', async () => {
    const dom0 = await ruled();
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    dom0.xen.creating = promise;
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.pass(20_000);
    dom0.xen.listing = 'fails';
    resolve({ kind: 'failed', code: 'failed', reason: 'xl create: no' });
    await settle();
    dom0.xen.listing = 'works';
    await dom0.pass(200);
    await dom0.beat('n2');
    expect(dom0.answers('x')).toMatchObject([{ domain: 'unknown' }]);
    expect(dom0.report).toMatchObject({ settled: false, busy: [] });
    await dom0.pass(11_000);
    await dom0.beat('n3');
    expect(dom0.report.settled).toBe(true);
  });

  it('with a wrong image says so and starts nothing', async () => {
    const dom0 = await ruled();
    dom0.fetched = Promise.resolve({ kind: 'failed', code: 'checksum', reason: '/images/worker@1/vmlinuz: its sha256 is another' });
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    expect(dom0.answers('x')).toMatchObject([{ code: 'checksum', domain: 'absent' }]);
    expect(creations(dom0)).toBe(0);
  });
});

describe('what is said of a domain', () => {
  it('names no claim where a domain of that name is another one', async () => {
    const dom0 = await ruled();
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.pass(6000);
    expect(dom0.report.domains).toMatchObject([{ claim: 5 }]);
    dom0.xen.change('worker-1', { uuid: '7b4d1b0a-1111-4222-8333-444455556666' });
    await dom0.pass(6000);
    expect(dom0.report.domains[0]).not.toHaveProperty('claim');
  });

  it('is not that it is absent while it may be coming', async () => {
    const dom0 = await ruled();
    dom0.xen.creating = new Promise(() => undefined);
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.execute('y', 'vm.destroy', { vm: 'worker-1' }, { withinMs: 3000 });
    await dom0.pass(4000);
    expect(dom0.answers('y')).toMatchObject([{ code: 'expired', domain: 'unknown' }]);
    await dom0.agent?.close();
  });

  it('is its name, also while it has none any more and the agent was started anew', async () => {
    const dom0 = await ruled();
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.killAgent();
    dom0.xen.change('worker-1', { name: '', state: 'dying' });
    await dom0.startAgent();
    await dom0.session(2);
    expect(dom0.report.domains).toMatchObject([{ name: 'worker-1', state: 'dying', claim: 5 }]);
  });
});

describe('an agent that was started anew in the middle of a start', () => {
  it('has done it where its domain runs', async () => {
    const dom0 = await ruled();
    await interrupted(dom0);
    dom0.xen.add('worker-1');
    await dom0.startAgent();
    await dom0.session(2);
    await dom0.pass(6000);
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    expect(dom0.answers('x').at(-1)).toMatchObject({ kind: 'EXECVAL', repeated: true, result: { domain: 'present' } });
    await dom0.beat('n2');
    expect(dom0.report.domains).toMatchObject([{ name: 'worker-1', claim: 5 }]);
  });

  it('removes what is only half made', async () => {
    const dom0 = await ruled();
    await interrupted(dom0);
    dom0.xen.add('worker-1', { state: 'paused', memoryMib: 0, vcpus: 0 });
    await dom0.startAgent();
    await dom0.session(2);
    await dom0.beat('n2');
    expect(dom0.report).toMatchObject({ settled: false });
    await dom0.pass(6000);
    expect(dom0.xen.calls).toContain('destroy worker-1');
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    expect(dom0.answers('x').at(-1)).toMatchObject({ kind: 'EXECERR', repeated: true, domain: 'absent' });
  });

  it('does not say that it was never begun while it finds out', async () => {
    const dom0 = await ruled();
    await interrupted(dom0);
    await dom0.startAgent();
    await dom0.session(2);
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.beat('n2');
    expect(dom0.answers('x')).toEqual([]);
    expect(dom0.report).toMatchObject({ busy: ['x'], settled: false });
  });

  it('says that there is none only after two looks', async () => {
    const dom0 = await ruled();
    await interrupted(dom0);
    await dom0.startAgent();
    await dom0.session(2);
    await dom0.pass(4000);
    expect(dom0.answers('x')).toEqual([]);
    await dom0.pass(2000);
    expect(dom0.answers('x')).toMatchObject([{ kind: 'EXECERR', code: 'failed', domain: 'absent' }]);
    expect(creations(dom0)).toBe(1);
  });
});

describe('what is done to a VM', () => {
  it('a domain that is not there is said to be absent after two looks', async () => {
    const dom0 = await ruled();
    await dom0.execute('x', 'vm.destroy', { vm: 'worker-1' });
    expect(dom0.answers('x')).toEqual([]);
    await dom0.pass(6000);
    expect(dom0.answers('x')).toMatchObject([{ code: 'no-such-domain', domain: 'absent' }]);
  });

  it('reboot ends the domain and makes it anew from what was sent, with its claim', async () => {
    const dom0 = await ruled();
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.execute('y', 'vm.reboot', { vm: 'worker-1' });
    await dom0.pass(12_000);
    expect(dom0.answers('y')).toMatchObject([{ kind: 'EXECVAL', result: { domain: 'present', domid: 2 } }]);
    await dom0.beat('n2');
    expect(dom0.report.domains).toMatchObject([{ name: 'worker-1', domid: 2, claim: 5 }]);
  });

  it('reboot of one that it did not start is refused', async () => {
    const dom0 = await ruled();
    dom0.xen.add('stranger');
    await dom0.execute('y', 'vm.reboot', { vm: 'stranger' });
    await dom0.pass(6000);
    expect(dom0.answers('y')).toMatchObject([{ code: 'refused', domain: 'present' }]);
  });

  it('pause, unpause and console', async () => {
    const dom0 = await ruled();
    dom0.xen.add('worker-1');
    await dom0.execute('p', 'vm.pause', { vm: 'worker-1' });
    expect(dom0.answers('p')).toMatchObject([{ result: { domain: 'present' } }]);
    expect(dom0.report.domains).toMatchObject([{ state: 'paused' }]);
    await dom0.execute('u', 'vm.unpause', { vm: 'worker-1' });
    await dom0.execute('c', 'vm.console', { vm: 'worker-1', bytes: 8 });
    expect(dom0.answers('c')).toMatchObject([{ result: { text: 'worker-1' } }]);
    await dom0.execute('s', 'vm.console', { vm: 'silent', bytes: 8 });
    expect(dom0.answers('s')).toMatchObject([{ code: 'no-such-domain' }]);
  });
});

describe('what is done to the host', () => {
  it('a reboot stops all domains first, by force where they do not go, and refuses what comes meanwhile', async () => {
    const dom0 = await ruled();
    dom0.xen.onShutdown = (name) => {
      if (name === 'worker-1') dom0.xen.remove(name);
    };
    dom0.xen.add('worker-1');
    dom0.xen.add('stubborn', { uuid: '7b4d1b0a-1111-4222-8333-444455556666' });
    await dom0.execute('r', 'host.reboot', { reason: 'new image' });
    await dom0.execute('x', 'vm.create', createArgs('worker-2'));
    expect(dom0.answers('x')).toMatchObject([{ code: 'busy' }]);
    await dom0.pass(30_000);
    expect(dom0.rebooted).toBeUndefined();
    await dom0.pass(60_000);
    expect(dom0.xen.calls).toContain('destroy stubborn');
    expect(dom0.rebooted).toBe('new image');
    expect(dom0.answers('r')).toMatchObject([{ kind: 'EXECVAL' }]);
  });

  it('a reboot is refused while a domain does not go, and all goes on', async () => {
    const dom0 = await ruled();
    dom0.xen.add('zombie');
    dom0.xen.onShutdown = () => undefined;
    dom0.xen.destroy = () => Promise.resolve({ kind: 'failed', code: 'timeout', reason: 'xl destroy did not end in time' });
    await dom0.execute('r', 'host.reboot', { reason: 'new image' });
    await dom0.pass(130_000);
    expect(dom0.answers('r')).toMatchObject([{ code: 'refused', reason: expect.stringContaining('zombie') }]);
    expect(dom0.rebooted).toBeUndefined();
    await dom0.beat('n2');
    await dom0.execute('x', 'vm.create', createArgs('worker-1', { uuid }), { nonce: 'n2' });
    expect(dom0.answers('x')).toMatchObject([{ code: 'exists' }]);
  });

  it('networks and images', async () => {
    const dom0 = await ruled();
    await dom0.execute('u', 'network.up', { bridge: 'farm', vlan: 12 });
    await dom0.execute('d', 'network.down', { bridge: 'farm' });
    expect(dom0.networkCalls).toEqual(['up farm', 'down farm']);
    await dom0.execute('i', 'image.fetch', { image: 'worker@1', files: [] });
    expect(dom0.answers('i')).toMatchObject([{ result: { image: 'worker@1' } }]);
  });

  it('an image that is fetched ahead of need removes nothing where its manager does not say what is wanted, one for a start may', async () => {
    const dom0 = await ruled();
    await dom0.execute('i', 'image.fetch', { image: 'worker@1', files: [] });
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    expect(dom0.asksAhead).toEqual([['all'], undefined]);
  });

  it('an image that is fetched ahead of need leaves what is wanted, and what VMs here may be started from again', async () => {
    const dom0 = await ruled();
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.execute('i', 'image.fetch', { image: 'worker@2', files: [], wanted: ['b'.repeat(64)] });
    expect(dom0.asksAhead).toEqual([undefined, ['b'.repeat(64), kernel.sha256]]);
    await dom0.execute('y', 'vm.destroy', { vm: 'worker-1' });
    await dom0.pass(6000);
    expect([...dom0.record.vms.keys()]).toEqual([]);
    await dom0.execute('j', 'image.fetch', { image: 'worker@2', files: [], wanted: [] });
    expect(dom0.asksAhead.at(-1)).toEqual([]);
  });
});

describe('properties', () => {
  it('are listed, said from memory, and extracted', async () => {
    const dom0 = await ruled();
    await dom0.send({ kind: 'GETPROP', id: 'g', names: [] });
    expect(dom0.heard.at(-1)).toMatchObject({ kind: 'PROPLIST', reply: 'g', properties: [{ name: 'ram_free' }] });
    await dom0.send({ kind: 'FETCHPROP', id: 'f', names: ['ram_free'] });
    expect(dom0.heard.at(-1)).toMatchObject({ kind: 'PROPVAL', reply: 'f', values: [{ name: 'ram_free', value: 42, age: 0 }] });
    await dom0.send({ kind: 'FETCHPROP', id: 'e', names: ['nothing'] });
    expect(dom0.heard.at(-1)).toMatchObject({ kind: 'PROPERR', reply: 'e', name: 'nothing', code: 'unknown' });
    const said = dom0.heard.filter(({ kind }) => kind.startsWith('PROP'));
    expect(said.map((message) => [message.kind, 'boot' in message && message.boot])).toEqual([
      ['PROPLIST', boot],
      ['PROPVAL', boot],
      ['PROPERR', boot],
    ]);
  });

  it('that are extracted by their own ticks are said unasked, in messages that fit', async () => {
    const dom0 = await ruled();
    const values = Array.from({ length: 20 }, (_, at) => ({ name: `p${at}`, type: 'string' as const, value: 'x'.repeat(60_000), atMs: 0 }));
    for (const listener of dom0.extracted) listener({ values, problems: [{ name: 'q', code: 'timeout', reason: 'too slow' }] });
    await settle();
    const said = dom0.heard.filter((message) => message.kind === 'PROPVAL');
    expect(said.length).toBeGreaterThan(1);
    expect(said.flatMap((message) => message.values)).toHaveLength(20);
    expect(dom0.heard).toContainEqual(expect.objectContaining({ kind: 'PROPERR', name: 'q', code: 'timeout' }));
  });

  it('with wrong definitions from a manager are refused one by one, and the message is answered', async () => {
    const dom0 = await ruled();
    await dom0.send({ kind: 'CONTROL', id: 'd', action: 'properties', definitions: [{}] });
    expect(dom0.heard.slice(-2)).toMatchObject([
      { kind: 'PROPERR', reply: 'd', code: 'definition' },
      { kind: 'CONTROLVAL', reply: 'd' },
    ]);
  });
});
