import type { Severity } from '../../events/event-store.ts';
import type { Draft } from '../draft.ts';
import type { Presence } from '../protocol.ts';

/** Of one agent and each kind, in so long. */
const toldAtMost = 20;
const toldWithinMs = 600_000;

/** Join, leave, lost: told, and the connection remembered. That an agent said goodbye proves nothing about its domains. */
export function hearPresence(draft: Draft, host: string, presence: Presence): void {
  const entry = draft.hosts.get(host);
  if (entry === undefined) return;
  const { kept, link } = entry;
  const known = link.presence;
  const { state, reason, boot, connection, agent } = presence;
  const next = { state, reason, boot, connection, agent };
  const tell = (kind: string, severity: Severity, detail: Readonly<Record<string, unknown>>): void =>
    draft.tellAtMost(toldAtMost, `${kind} ${host}`, toldWithinMs, kind, severity, detail, host);
  if (boot < (kept.boot ?? 0) || boot < (known?.boot ?? 0)) return;
  if (state === 'here') {
    if (known?.connection === connection && known.state === 'here') return;
    draft.changeLink(host, { presence: next });
    tell('host.joined', 'info', { reason: reason || 'its agent is connected', boot, agent });
    return;
  }
  const ofKnown = known === undefined || (known.boot === boot && known.connection === connection);
  if (!ofKnown || known?.state === state) return;
  draft.changeLink(host, { presence: next });
  if (state === 'left') tell('host.left', 'info', { reason: reason || 'its agent said goodbye', boot });
  else tell('host.lost', 'warning', { reason: reason || 'the connection of its agent ended without goodbye', boot });
}
