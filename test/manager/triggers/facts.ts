import type { EnvironmentStatus } from '../../../src/manager/manager-control.ts';
import type { AgentFacts, TriggerFacts } from '../../../src/manager/triggers/trigger-facts.ts';
import type { Trigger } from '../../../src/model/vm-environment.ts';

export function trigger(changes: Partial<Trigger> = {}): Trigger {
  return {
    name: 'hot',
    expr: 'agents.exists(a, a.properties.load > 4)',
    forEach: 'once',
    cmd: { command: 'notify', severity: 'warning', message: 'a host is hot' },
    ticks: 30,
    onUpdateCheck: false,
    quietSeconds: 300,
    paused: false,
    ...changes,
  };
}

export function agent(name: string, properties: Record<string, unknown> = {}, changes: Partial<AgentFacts> = {}): AgentFacts {
  return {
    name,
    state: 'online',
    duty: 'active',
    labels: { rack: 'a' },
    groups: ['all', 'role.worker'],
    memoryMib: 32_768,
    freeMib: 8192,
    cpus: 8,
    bridges: ['xenbr0'],
    vms: 2,
    properties,
    ...changes,
  };
}

export function environment(name: string, changes: Partial<EnvironmentStatus> = {}): EnvironmentStatus {
  return {
    environment: {
      name,
      instances: 'at-least-one',
      image: 'worker',
      template: 'domu.xl',
      kernelArguments: [],
      memoryMib: 512,
      vcpus: 1,
      networks: [],
      storage: [],
      count: { min: 1, max: 8 },
      constraints: { labels: {}, spread: false, apartFrom: [], excludes: [] },
      priority: 0,
      readySeconds: 120,
      paused: false,
      parameters: {},
    },
    wanted: 2,
    wantedBy: 'its document',
    running: 2,
    ready: 2,
    starting: 0,
    troubled: 0,
    paused: false,
    state: 'as-wanted',
    reason: '',
    ...changes,
  };
}

export function facts(agents: readonly AgentFacts[], changes: Partial<TriggerFacts> = {}): TriggerFacts {
  return { agents, environments: [environment('worker')], events: [], ...changes };
}
