import type { ManagerControl } from './manager/manager-control.ts';

export interface Degraded {
  readonly state: 'degraded';
  readonly reason: string;
  readonly sinceMs: number;
}

/** What of the manager's somebody has to see to, the worst first; nothing where all is well. */
export function managerHealth(manager: Pick<ManagerControl, 'status' | 'vms'>): Degraded | undefined {
  const { hold, bus, sinceMs } = manager.status();
  if (bus.state === 'disconnected') return degraded(`the manager has no bus: ${bus.reason}`, sinceMs);
  if (hold !== undefined) return degraded(`the manager recovers nothing: ${hold.reason}`, hold.sinceMs);
  const troubled = manager.vms().filter(({ state }) => state === 'lost' || state === 'error');
  const [first] = troubled;
  if (first === undefined) return undefined;
  const others = troubled.length === 1 ? '' : `, and ${troubled.length - 1} more`;
  return degraded(`VM ${first.name} is ${first.state}: ${first.reason}${others}`, Math.min(...troubled.map((vm) => vm.sinceMs)));
}

function degraded(reason: string, sinceMs: number): Degraded {
  return { state: 'degraded', reason, sinceMs };
}
