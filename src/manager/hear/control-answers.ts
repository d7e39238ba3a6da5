import { askAnew } from '../decide/commands.ts';
import { hearDefined } from '../decide/role-properties.ts';
import type { Draft } from '../draft.ts';
import { maxDomains } from '../protocol.ts';
import type { AgentMessageOf } from '../protocol.ts';
import type { DomainsSeen, HostEntry, KeptHost } from '../state.ts';

/** Whether the message changes what is known, so that it is worth deciding anew at once. */
export type Heard = 'news' | 'nothing-new';

/** Sessions go up by one each time: a number far above was made up. */
const mostAhead = 1_000_000;

interface Arrival {
  readonly atMs: number;
  readonly wallMs: number;
  readonly beatMs?: number;
}

/** Why what it says is not of the host as it is now: an older box may go on speaking by its name. */
export function otherBoot({ boot }: Pick<KeptHost, 'boot'>, said: number): string | undefined {
  return said === boot ? undefined : `it speaks as of boot ${said}, and the newest that said hello is ${boot ?? 'none'}`;
}

/** An agent's account of itself: the answer to a session or a beat, or unasked when its domains changed. */
export function hearControlVal(draft: Draft, entry: HostEntry, message: AgentMessageOf<'CONTROLVAL'>, arrival: Arrival): Heard {
  const { kept } = entry;
  const host = kept.name;
  const other = otherBoot(kept, message.boot);
  if (other !== undefined) {
    draft.tellOnce(`boot ${host}`, 60_000, 'agent.refused', 'warning', { reason: `${other}; ignored` }, host);
    return 'nothing-new';
  }
  if (message.session > kept.session + mostAhead) return refuseSession(draft, host, message.session);
  if (message.session > kept.session) return raise(draft, entry, message.session);
  const late = kept.state === 'fenced' && message.session <= (kept.dead?.session ?? 0) && !isAfterDeath(entry, arrival.beatMs);
  if (late) return 'nothing-new';
  hearBeat(draft, host, message.nonce, arrival);
  if (message.session < kept.session) {
    // It missed the session: it is asked again, and what it says of its domains counts for nothing until it agrees.
    if (entry.link.agreed) draft.changeLink(host, { agreed: false, askedMs: 0 });
    return 'news';
  }
  const agreedNow = !entry.link.agreed && message.action === 'session';
  const ruled = entry.link.agreed || agreedNow;
  if (agreedNow) {
    draft.changeLink(host, { agreed: true, agreedWallMs: arrival.wallMs, quietFromMs: Math.max(arrival.atMs, entry.link.quietFromMs) });
    draft.send({ kind: 'message', host, message: { v: 1, kind: 'GETPROP', id: draft.world.newId(), names: [] } });
  }
  if (message.facts !== undefined) {
    draft.changeLink(host, { facts: message.facts, factsCount: new Set(message.domains.map(({ name }) => name)) });
  }
  if (!ruled) return 'nothing-new';
  if (message.action === 'properties' && message.boot === kept.boot) hearDefined(draft, entry, message.reply);
  const before = draft.hosts.get(host)?.link.seen;
  if (before?.beatMs !== undefined && arrival.beatMs !== undefined && arrival.beatMs < before.beatMs) return 'nothing-new';
  const seen = seenOf(message, arrival.beatMs);
  draft.changeLink(host, { seen });
  const silentBefore = entry.kept.state !== 'online';
  return agreedNow || silentBefore || message.facts !== undefined || !sameDomains(before, seen) ? 'news' : 'nothing-new';
}

/** What a dead host sent before it died may still arrive: only a beat that was published after its death tells that it lives. */
function isAfterDeath({ link }: HostEntry, beatMs: number | undefined): boolean {
  return beatMs !== undefined && beatMs >= link.quietFromMs;
}

function hearBeat(draft: Draft, host: string, nonce: string | undefined, { atMs, wallMs, beatMs }: Arrival): void {
  if (nonce === undefined || beatMs === undefined) return;
  const before = draft.hosts.get(host)?.link.beat;
  if (before !== undefined && before.publishedMs > beatMs) return;
  draft.changeLink(host, { beat: { nonce, publishedMs: beatMs, answeredMs: atMs }, heardWallMs: wallMs });
}

/** Another manager has ruled it, or our database is an older copy: we go above. */
function raise(draft: Draft, { kept }: HostEntry, session: number): Heard {
  draft.changeHost(kept.name, { session });
  askAnew(draft, kept.name);
  draft.changeLink(kept.name, { askedMs: 0 });
  return 'news';
}

function refuseSession(draft: Draft, host: string, session: number): Heard {
  const reason = `it says that session ${session} rules it, far above any that was given; ignored`;
  draft.tellOnce(`session ${host}`, 60_000, 'agent.refused', 'warning', { reason }, host);
  return 'nothing-new';
}

function seenOf(message: AgentMessageOf<'CONTROLVAL'>, beatMs: number | undefined): DomainsSeen {
  return {
    boot: message.boot,
    session: message.session,
    // A full list may be a cut one, whatever its agent says: agents of older images did not know.
    settled: message.settled && message.domains.length < maxDomains,
    ...(beatMs === undefined ? {} : { beatMs }),
    domains: new Map(message.domains.map((domain) => [domain.name, domain])),
    busy: new Set(message.busy),
  };
}

function sameDomains(before: DomainsSeen | undefined, now: DomainsSeen): boolean {
  if (before === undefined || before.settled !== now.settled || before.domains.size !== now.domains.size) return false;
  if (before.busy.size !== now.busy.size || before.session !== now.session) return false;
  for (const [name, domain] of now.domains) {
    const earlier = before.domains.get(name);
    if (earlier === undefined || earlier.state !== domain.state || earlier.claim !== domain.claim || earlier.domid !== domain.domid)
      return false;
    if (earlier.ready?.address !== domain.ready?.address || (earlier.ready === undefined) !== (domain.ready === undefined)) return false;
  }
  return true;
}

export function hearControlErr(draft: Draft, entry: HostEntry, message: AgentMessageOf<'CONTROLERR'>): Heard {
  const { kept } = entry;
  if (message.boot === kept.boot && message.session > kept.session && message.session <= kept.session + mostAhead)
    return raise(draft, entry, message.session);
  if (message.action === 'properties') hearDefined(draft, entry, message.reply);
  draft.tellOnce(
    `controlerr ${kept.name}`,
    60_000,
    'agent.refused',
    'warning',
    {
      reason: `its agent refuses ${message.action}: ${message.reason} (${message.code})`,
    },
    kept.name,
  );
  return 'nothing-new';
}
