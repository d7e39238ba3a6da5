import { expect, it } from 'vitest';
import type { ManagerStatus } from '../src/manager/manager-control.ts';
import type { Vm } from '../src/model/vm.ts';
import { managerHealth } from '../src/manager-health.ts';

const status: ManagerStatus = {
  name: 'one',
  state: 'leading',
  reason: '',
  sinceMs: 1,
  bus: { state: 'connected', reason: '', kind: 'embedded' },
  agents: 1,
  openCommands: 0,
  others: [],
};
const vm = (name: string, state: Vm['state'], sinceMs = 5): Vm => ({
  name,
  environment: 'gateway',
  instances: 'at-most-one',
  uuid: 'x',
  state,
  reason: 'post02 is silent',
  sinceMs,
  claims: [],
  memoryMib: 1,
  vcpus: 1,
  cards: [],
  failures: [],
});
const healthOf = (vms: readonly Vm[], more: Partial<ManagerStatus> = {}) =>
  managerHealth({ status: () => ({ ...status, ...more }), vms: () => vms });

it('has nothing to say where all VMs are where they should be', () => {
  expect(healthOf([vm('gateway-1', 'running'), vm('worker-1', 'waiting')])).toBeUndefined();
});

it('tells a VM that is lost, or that failed, since the first of them', () => {
  expect(healthOf([vm('gateway-1', 'lost', 9), vm('worker-1', 'error', 7)])).toEqual({
    state: 'degraded',
    reason: 'VM gateway-1 is lost: post02 is silent, and 1 more',
    sinceMs: 7,
  });
});

it('tells a hold, and a bus that is away before everything else', () => {
  const hold = { reason: '3 of 4 hosts are silent at once', sinceMs: 3, by: 'storm-guard' as const };
  expect(healthOf([vm('gateway-1', 'lost')], { hold })?.reason).toBe('the manager recovers nothing: 3 of 4 hosts are silent at once');
  expect(healthOf([], { hold, bus: { state: 'disconnected', reason: 'refused', kind: 'mqtt://a' } })?.reason).toBe(
    'the manager has no bus: refused',
  );
});
