import type { NewEvent } from '../../events/event-store.ts';
import { bridgesOf } from '../decide/bring-up.ts';
import type { Draft } from '../draft.ts';
import type { PropertyBook } from '../properties/property-book.ts';
import { effectiveLabels, groupsOf } from '../roles/host-groups.ts';
import type { TriggerFacts } from '../triggers/trigger-facts.ts';
import { environmentStatus } from './views.ts';

/** The world as triggers see it. */
export function triggerFacts(draft: Draft, properties: PropertyBook, events: readonly NewEvent[]): TriggerFacts {
  const { machines, roles, listed } = draft.world.objects;
  const claims = new Map<string, number>();
  for (const vm of draft.vms.values()) for (const { host } of vm.claims) claims.set(host, (claims.get(host) ?? 0) + 1);
  const agents = Array.from(draft.hosts.values(), (entry) => {
    const { name, state, duty, role } = entry.kept;
    const labels = effectiveLabels(machines.get(name) ?? { labels: {} }, role === undefined ? undefined : roles.get(role));
    const { memoryMib = 0, freeMib = 0, cpus = 0 } = entry.link.facts ?? {};
    const agent = {
      name,
      state,
      duty,
      labels,
      groups: groupsOf(role, labels),
      memoryMib,
      freeMib,
      cpus,
      bridges: bridgesOf(entry),
      vms: claims.get(name) ?? 0,
      properties: properties.valuesOf(name),
    };
    return role === undefined ? agent : Object.assign(agent, { role });
  });
  const vms = Map.groupBy(draft.vms.values(), ({ environment }) => environment);
  const environments = listed.environments.map((each) => environmentStatus(draft.state, each, vms.get(each.name) ?? []));
  return { agents, environments, events };
}
