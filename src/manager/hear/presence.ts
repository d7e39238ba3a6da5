import type { Draft } from '../draft.ts';
import type { Presence } from '../protocol.ts';

/** Join, leave, lost: told, and the connection remembered. That an agent said goodbye proves nothing about its domains. */
export function hearPresence(draft: Draft, host: string, presence: Presence): void {
  const entry = draft.hosts.get(host);
  if (entry === undefined) return;
  const { kept, link } = entry;
  const known = link.presence;
  const { state, reason, boot, connection, agent } = presence;
  const next = { state, reason, boot, connection, agent };
  if (boot < (kept.boot ?? 0) || boot < (known?.boot ?? 0)) return;
  if (state === 'here') {
    if (known?.connection === connection && known.state === 'here') return;
    draft.changeLink(host, { presence: next });
    draft.tell('host.joined', 'info', { reason: reason || 'its agent is connected', boot, agent }, host);
    return;
  }
  const ofKnown = known === undefined || (known.boot === boot && known.connection === connection);
  if (!ofKnown || known?.state === state) return;
  draft.changeLink(host, { presence: next });
  if (state === 'left') draft.tell('host.left', 'info', { reason: reason || 'its agent said goodbye', boot }, host);
  else draft.tell('host.lost', 'warning', { reason: reason || 'the connection of its agent ended without goodbye', boot }, host);
}
