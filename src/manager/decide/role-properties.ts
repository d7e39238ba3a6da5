import type { RoleProperty } from '../../model/property-definition.ts';
import type { Draft } from '../draft.ts';
import type { HostEntry, KeptHost } from '../state.ts';
import { answers } from './commands.ts';

const repeatMs = 30_000;

const none: readonly RoleProperty[] = [];
/** Told with a session to the agent of a host that has none: those of a role that it had are taken away. */
export const noProperties = { of: none, text: JSON.stringify(none), id: 'session', atMs: 0, heard: true } as const;

/** What the role of a host has its agent extract. */
export function propertiesOf({ world }: Draft, { role }: KeptHost): readonly RoleProperty[] {
  const properties = role === undefined ? undefined : world.objects.roles.get(role)?.properties;
  return properties === undefined || properties.length === 0 ? none : properties;
}

/** Tells each agent what its host's role defines: after each agreement, and when that changes. */
export function tendRoleProperties(draft: Draft): void {
  if (!draft.memory.bus.connected) return;
  for (const [name, entry] of draft.hosts) if (entry.link.agreed) draft.guarded(`host ${name}`, () => tell(draft, entry));
}

function tell(draft: Draft, entry: HostEntry): void {
  const { kept, link } = entry;
  const wanted = propertiesOf(draft, kept);
  const { properties: told } = link;
  const { monoMs } = draft.now;
  const isUnheard = told?.heard === false && monoMs - told.atMs >= repeatMs && answers(draft, entry);
  if (told?.of === wanted && !isUnheard) return;
  const text = JSON.stringify(wanted);
  // Written anew as it was.
  if (told?.text === text && !isUnheard) return draft.changeLink(kept.name, { properties: { ...told, of: wanted } });
  const id = draft.world.newId();
  draft.changeLink(kept.name, { properties: { of: wanted, text, id, atMs: monoMs, heard: false } });
  draft.send({
    kind: 'message',
    host: kept.name,
    message: {
      v: 1,
      kind: 'CONTROL',
      id,
      action: 'properties',
      session: kept.session,
      ...(kept.boot !== undefined && { boot: kept.boot }),
      manager: draft.world.manager,
      definitions: [...wanted],
    },
  });
}

/** Its agent has answered a message of that id, or refused it: what it extracts now is asked for, and it is not told again. */
export function hearDefined(draft: Draft, { kept, link }: HostEntry, reply: string): void {
  const { properties: told } = link;
  if (told === undefined || told.heard === (told.id === reply)) return;
  // Once it has answered the last, an earlier one has come late, and taken its place.
  const heard = !told.heard;
  draft.changeLink(kept.name, { properties: { ...told, heard, atMs: heard ? told.atMs : draft.now.monoMs - repeatMs } });
  if (heard) draft.send({ kind: 'message', host: kept.name, message: { v: 1, kind: 'GETPROP', id: draft.world.newId(), names: [] } });
}
