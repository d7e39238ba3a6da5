import { describe, expect, it } from 'vitest';
import type { VmPassport } from '../../src/agent/parts.ts';
import { FakeDom0, createArgs, settle, uuid } from './fake-dom0.ts';

async function ruled(): Promise<FakeDom0> {
  const dom0 = await FakeDom0.start();
  await dom0.ready();
  return dom0;
}

describe('a migration', () => {
  const key = 'k'.repeat(43);
  const receive = { vm: 'worker-1', uuid, claim: 9, key, waitSeconds: 120 };
  const passport: VmPassport = { config: 'name = "worker-1"', files: [], ready: { address: '10.12.0.10' } };

  it('takes with the VM what it was started from and what it has said', async () => {
    const dom0 = await ruled();
    await dom0.beat('n1');
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    dom0.readiness.set('worker-1', { address: '10.12.0.10' });
    await dom0.pass(6000);
    await dom0.beat('n1');
    await dom0.execute('m', 'vm.migrate', { vm: 'worker-1', to: '192.168.0.12', key, timeoutSeconds: 60 });
    await dom0.pass(12_000);
    expect(dom0.answers('m')).toMatchObject([{ kind: 'EXECVAL', result: { domain: 'absent' } }]);
    const { config, files } = createArgs('worker-1');
    expect(dom0.migration.sent).toEqual([
      { vm: 'worker-1', address: '192.168.0.12', key, passport: { config, files, ready: { address: '10.12.0.10' } } },
    ]);
    expect(dom0.record.vms.size).toBe(0);
  });

  it('of a VM that this agent has not started is refused, for nobody could start it again', async () => {
    const dom0 = await ruled();
    dom0.xen.add('worker-1');
    await dom0.beat('n1');
    await dom0.execute('m', 'vm.migrate', { vm: 'worker-1', to: '192.168.0.12', key, timeoutSeconds: 60 });
    expect(dom0.answers('m')).toMatchObject([{ code: 'refused', domain: 'present' }]);
    expect(dom0.migration.sent).toEqual([]);
  });

  it('that fails leaves the VM where it is, with all that is known of it', async () => {
    const dom0 = await ruled();
    await dom0.beat('n1');
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    dom0.migration.sending = { kind: 'failed', code: 'unreachable', reason: '192.168.0.12 takes no VM' };
    await dom0.beat('n1');
    await dom0.execute('m', 'vm.migrate', { vm: 'worker-1', to: '192.168.0.12', key, timeoutSeconds: 60 });
    await dom0.pass(6000);
    expect(dom0.answers('m')).toMatchObject([{ code: 'unreachable', domain: 'present', reason: '192.168.0.12 takes no VM' }]);
    expect(dom0.record.vms.has('worker-1')).toBe(true);
  });

  it('opens a door at the target, and while it comes the agent does not say that it is absent', async () => {
    const dom0 = await ruled();
    await dom0.pass(12_000);
    await dom0.execute('r', 'vm.receive', receive);
    expect(dom0.answers('r')).toMatchObject([{ kind: 'EXECVAL', result: {} }]);
    expect(dom0.report.settled).toBe(true);
    const door = dom0.migration.doors.get('worker-1');
    expect(door).toMatchObject({ uuid, key, waitMs: 120_000 });
    await door?.guest.arrives(passport);
    await dom0.execute('d', 'vm.shutdown', { vm: 'worker-1', timeoutSeconds: 5 });
    await dom0.pass(6000);
    expect(dom0.answers('d')).toMatchObject([{ code: 'failed', domain: 'unknown' }]);
    dom0.xen.add('worker-1');
    door?.guest.over();
    await settle();
    await dom0.pass(12_000);
    await dom0.beat('n2');
    expect(dom0.report).toMatchObject({
      settled: true,
      domains: [{ name: 'worker-1', claim: 9, ready: { address: '10.12.0.10' } }],
    });
    await dom0.execute('y', 'vm.reboot', { vm: 'worker-1' }, { nonce: 'n2' });
    await dom0.pass(12_000);
    expect(dom0.xen.calls).toContain('shutdown worker-1');
  });

  it('that brings nothing leaves nothing: the report is settled again and the VM is forgotten', async () => {
    const dom0 = await ruled();
    await dom0.execute('r', 'vm.receive', receive);
    const door = dom0.migration.doors.get('worker-1');
    await door?.guest.arrives(passport);
    door?.guest.over();
    await settle();
    await dom0.pass(12_000);
    expect(dom0.record.vms.size).toBe(0);
    await dom0.beat('n1');
    expect(dom0.report).toMatchObject({ settled: true, domains: [] });
  });

  it('is asked for again while the first door is open: the end of that door says nothing of who comes by the second', async () => {
    const dom0 = await ruled();
    await dom0.execute('r', 'vm.receive', receive);
    const first = dom0.migration.doors.get('worker-1');
    await dom0.execute('s', 'vm.receive', { ...receive, claim: 10 });
    const second = dom0.migration.doors.get('worker-1');
    await second?.guest.arrives(passport);
    first?.guest.over();
    await settle();
    await dom0.pass(12_000);
    expect(dom0.record.vms.get('worker-1')).toMatchObject({ claim: 10 });
    await dom0.execute('d', 'vm.shutdown', { vm: 'worker-1', timeoutSeconds: 5 });
    await dom0.pass(6000);
    expect(dom0.answers('d')).toMatchObject([{ domain: 'unknown' }]);
  });

  it('does not come where there is a domain of its name or uuid, or where nobody can look', async () => {
    const dom0 = await ruled();
    dom0.xen.add('other');
    await dom0.execute('r', 'vm.receive', receive);
    expect(dom0.answers('r')).toMatchObject([{ code: 'exists', domain: 'unknown' }]);
    dom0.xen.listing = 'fails';
    await dom0.execute('s', 'vm.receive', { ...receive, uuid: uuid.replace('6', '7') });
    expect(dom0.answers('s')).toMatchObject([{ code: 'failed', domain: 'unknown' }]);
    expect(dom0.migration.doors.size).toBe(0);
  });

  it('that an earlier agent was at may have left something of its VMs: they are told by name and uuid', async () => {
    const dom0 = await ruled();
    await dom0.execute('x', 'vm.create', createArgs('worker-1'));
    await dom0.killAgent();
    await dom0.startAgent();
    const { isOurs } = dom0.migration;
    expect([isOurs('worker-1', uuid), isOurs('worker-1', 'another'), isOurs('byhand', uuid)]).toEqual([true, false, false]);
  });

  it('that broke off may leave halves: destroying the VM destroys them as well', async () => {
    const dom0 = await ruled();
    dom0.xen.add('worker-1--migratedaway', { state: 'shutdown' });
    dom0.xen.add('worker-1--incoming', { state: 'paused' });
    await dom0.execute('d', 'vm.destroy', { vm: 'worker-1' });
    await dom0.pass(12_000);
    expect(dom0.xen.domains).toEqual([]);
  });
});
