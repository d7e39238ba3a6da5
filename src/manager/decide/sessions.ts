import { effectiveLabels, groupsOf } from '../roles/host-groups.ts';
import type { Draft } from '../draft.ts';
import type { HostEntry } from '../state.ts';
import { noProperties, propertiesOf } from './role-properties.ts';

const repeatMs = 10_000;
const flapMs = 1000;

/** Each connection of an agent, and each start of a manager, is a new session: nothing of an earlier one begins after it. */
export function tendSessions(draft: Draft): void {
  for (const [name, entry] of draft.hosts) draft.guarded(`host ${name}`, () => tendSession(draft, entry));
}

function tendSession(draft: Draft, entry: HostEntry): void {
  const { kept, link } = entry;
  const { monoMs } = draft.now;
  const { presence } = link;
  if (kept.boot === undefined || presence === undefined || presence.boot !== kept.boot || presence.state !== 'here') return;
  const isNew = link.sessionFor !== presence.connection;
  if (link.agreed && !isNew) return tellGroups(draft, entry);
  if (!draft.memory.bus.connected) return;
  if (link.askedMs !== undefined && monoMs - link.askedMs < (isNew ? flapMs : repeatMs)) return;
  if (isNew) draft.changeHost(kept.name, { session: kept.session + 1 });
  const { seen: _seen, properties: _properties, ...silent } = link;
  draft.setLink(kept.name, { ...silent, sessionFor: presence.connection, askedMs: monoMs, agreed: false });
  const groups = groupsFor(draft, entry);
  const hasProperties = propertiesOf(draft, kept).length > 0;
  draft.changeLink(kept.name, { groupsTold: groups.join(' '), ...(!hasProperties && { properties: noProperties }) });
  draft.send({
    kind: 'message',
    host: kept.name,
    message: {
      v: 1,
      kind: 'CONTROL',
      id: draft.world.newId(),
      action: 'session',
      session: isNew ? kept.session + 1 : kept.session,
      boot: kept.boot,
      manager: draft.world.manager,
      groups,
      ...(!hasProperties && { definitions: [] }),
    },
  });
}

function tellGroups(draft: Draft, { kept, link }: HostEntry): void {
  const groups = groupsFor(draft, { kept, link });
  if (groups.join(' ') === link.groupsTold) return;
  draft.changeLink(kept.name, { groupsTold: groups.join(' ') });
  draft.send({
    kind: 'message',
    host: kept.name,
    message: {
      v: 1,
      kind: 'CONTROL',
      id: draft.world.newId(),
      action: 'groups',
      session: kept.session,
      manager: draft.world.manager,
      groups,
    },
  });
}

function groupsFor(draft: Draft, { kept }: HostEntry): string[] {
  const { machines, roles } = draft.world.objects;
  const machine = machines.get(kept.name) ?? { labels: {} };
  const role = kept.role === undefined ? undefined : roles.get(kept.role);
  return [...groupsOf(kept.role, effectiveLabels(machine, role))];
}
