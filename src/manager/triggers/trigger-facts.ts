import type { NewEvent } from '../../events/event-store.ts';
import type { HostState } from '../../model/host.ts';
import type { ReadPath } from '../expressions/expression-reads.ts';
import type { Kinds, Shape } from '../expressions/expression-types.ts';
import type { EnvironmentStatus } from '../manager-control.ts';
import { isRecent, recentEventLimits } from './recent-events.ts';

/** A host as the manager knows it. */
export interface AgentFacts {
  readonly name: string;
  readonly state: HostState;
  readonly duty: 'active' | 'draining' | 'maintenance';
  readonly role?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `all`, `role.worker`, `label.rack.b`. */
  readonly groups: readonly string[];
  readonly memoryMib: number;
  readonly freeMib: number;
  readonly cpus: number;
  readonly bridges: readonly string[];
  /** How many VMs have a claim on it. */
  readonly vms: number;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** All that triggers see of the world at one moment. Machines without an agent are not in it. */
export interface TriggerFacts {
  readonly agents: readonly AgentFacts[];
  readonly environments: readonly EnvironmentStatus[];
  /** Of the last minutes, the newest last, as `RecentEvents` keeps them. */
  readonly events: readonly NewEvent[];
}

const Agent: Shape = {
  name: 'Agent',
  fields: {
    name: 'string',
    state: 'string',
    duty: 'string',
    role: 'string',
    labels: { map: 'string' },
    groups: { list: 'string' },
    memoryMib: 'number',
    freeMib: 'number',
    cpus: 'number',
    bridges: { list: 'string' },
    vms: 'number',
    properties: { map: 'any' },
  },
};
const Aggregate: Shape = { name: 'Aggregate', fields: { count: 'number', sum: 'number', avg: 'number', min: 'number', max: 'number' } };
const Group: Shape = {
  name: 'Group',
  fields: { name: 'string', count: 'number', online: 'number', vms: 'number', properties: { map: Aggregate } },
};
const Environment: Shape = {
  name: 'Environment',
  fields: {
    name: 'string',
    wanted: 'number',
    min: 'number',
    max: 'number',
    running: 'number',
    ready: 'number',
    starting: 'number',
    troubled: 'number',
    paused: 'bool',
    state: 'string',
  },
};
const Event: Shape = {
  name: 'Event',
  fields: { kind: 'string', severity: 'string', machine: 'string', ageSeconds: 'number', detail: { map: 'any' } },
};
const Time: Shape = { name: 'Time', fields: { unix: 'number', hour: 'number', minute: 'number', weekday: 'number' } };

/** What the expression of a trigger sees. */
export const triggerKinds: Kinds = {
  agents: { list: Agent },
  groups: { map: Group },
  environments: { map: Environment },
  events: { list: Event },
  time: Time,
};
/** And with `forEach: agent`. */
export const agentTriggerKinds: Kinds = { agent: Agent, ...triggerKinds };

/** The variables of `triggerKinds`. Of groups only those aggregates are counted that `reads` name. */
export function contextOf(facts: TriggerFacts, reads: readonly ReadPath[], nowMs: number): Record<string, unknown> {
  const now = new Date(nowMs);
  return {
    agents: facts.agents,
    groups: groupsOf(facts.agents, aggregatesRead(reads)),
    environments: Object.fromEntries(facts.environments.map((status) => [status.environment.name, environmentFacts(status)])),
    events: facts.events.slice(-recentEventLimits.inAll).flatMap((event) => eventFacts(event, nowMs)),
    time: { unix: Math.floor(nowMs / 1000), hour: now.getUTCHours(), minute: now.getUTCMinutes(), weekday: now.getUTCDay() },
  };
}

function environmentFacts({ environment, wanted, running, ready, starting, troubled, paused, state }: EnvironmentStatus): unknown {
  const { name, count } = environment;
  return { name, wanted, min: count.min, max: count.max, running, ready, starting, troubled, paused, state };
}

function eventFacts(event: NewEvent, nowMs: number): unknown[] {
  const { atMs, kind, severity, machine, detail } = event;
  const ageSeconds = Math.max(0, (nowMs - atMs) / 1000);
  return !isRecent(event, nowMs) ? [] : [{ kind, severity, ...(machine !== undefined && { machine }), ageSeconds, detail }];
}

/** Names of properties that an expression reads the aggregates of; `*` for all. */
function aggregatesRead(reads: readonly ReadPath[]): ReadonlySet<string> {
  return new Set(reads.filter(([root, , field]) => root === 'groups' && field === 'properties').map((path) => path[3] ?? '*'));
}

interface Aggregate {
  count: number;
  sum: number;
  avg: number;
  min: number;
  max: number;
}

interface Group {
  readonly name: string;
  count: number;
  online: number;
  vms: number;
  readonly properties: Record<string, Aggregate>;
}

function groupsOf(agents: readonly AgentFacts[], wanted: ReadonlySet<string>): Readonly<Record<string, Group>> {
  const groups = new Map<string, Group>();
  for (const agent of agents) {
    const isOnline = agent.state === 'online';
    const names = wanted.has('*') ? Object.keys(agent.properties) : wanted;
    for (const name of agent.groups) {
      const group = groups.get(name) ?? { name, count: 0, online: 0, vms: 0, properties: {} };
      groups.set(name, group);
      group.count++;
      group.vms += agent.vms;
      if (!isOnline) continue;
      group.online++;
      for (const property of names) addTo(group.properties, property, agent.properties);
    }
  }
  return Object.fromEntries(groups);
}

/** Of agents that are silent the last value says nothing about now: only those online are counted. */
function addTo(aggregates: Record<string, Aggregate>, name: string, properties: Readonly<Record<string, unknown>>): void {
  const value = Object.hasOwn(properties, name) ? properties[name] : undefined;
  if (typeof value !== 'number') return;
  const old = Object.hasOwn(aggregates, name) ? aggregates[name] : undefined;
  const count = (old?.count ?? 0) + 1;
  const sum = (old?.sum ?? 0) + value;
  const next = { count, sum, avg: sum / count, min: Math.min(old?.min ?? value, value), max: Math.max(old?.max ?? value, value) };
  Object.defineProperty(aggregates, name, { value: next, enumerable: true, configurable: true, writable: true });
}
