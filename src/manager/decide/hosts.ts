import type { HostBoot } from '../../model/host.ts';
import type { Draft } from '../draft.ts';
import { newLink } from '../state.ts';
import type { HostEntry, KeptHost } from '../state.ts';
import { answers, endCommand } from './commands.ts';

/** A machine that has said hello as a Dom0 is a host; a newer boot of it is a fresh one. */
export function tendBoots(draft: Draft): void {
  for (const name of draft.world.objects.machines.keys()) {
    const boot = draft.world.newestBoot(name);
    if (boot !== undefined) draft.guarded(`host ${name}`, () => hearBoot(draft, boot));
  }
  for (const [name, { kept }] of draft.hosts) {
    if (draft.world.objects.machines.has(name)) continue;
    const boot = draft.world.newestBoot(name);
    if (boot !== undefined && boot.boot > (kept.boot ?? 0)) draft.guarded(`host ${name}`, () => hearBoot(draft, boot));
  }
}

function hearBoot(draft: Draft, heardBoot: HostBoot): void {
  const { machine, boot, mac } = heardBoot;
  const entry = draft.hosts.get(machine);
  if ((entry?.kept.boot ?? 0) >= boot || draft.memory.unreadable.has(`host/${machine}`)) return;
  const contested = contest(draft, entry, heardBoot);
  const kept: KeptHost = {
    name: machine,
    session: entry?.kept.session ?? 0,
    duty: entry?.kept.duty ?? 'active',
    roleReason: 'its agent was not heard yet',
    networks: [],
    boot,
    ...(mac !== undefined && { mac }),
    ...(contested !== undefined && { contested }),
    state: 'new',
    reason: `it has booted (boot ${boot}), and its agent was not heard yet`,
    sinceMs: draft.now.wallMs,
  };
  const presence = entry?.link.presence;
  draft.keepHost(kept);
  // What arrived ahead of the boot itself is of this boot, if its number is.
  draft.setLink(machine, { ...newLink(draft.now.monoMs), ...(presence?.boot === boot ? { presence } : {}) });
}

/** A machine needs longer than this from its last word to the hello of its next boot: Xen and a kernel have to start. */
const fastestBootMs = 7000;

/**
 * A newer boot proves that the one before it is over, because one machine runs one of them at a time. That is not so where somebody else
 * boots as this machine: a VM with its MAC, or a new box by its name while the old one runs on.
 */
function contest(draft: Draft, entry: HostEntry | undefined, { machine, boot, mac }: HostBoot): KeptHost['contested'] {
  const before = entry?.kept;
  if (before?.contested !== undefined && before.contested.settledBy === undefined) return before.contested;
  if (entry === undefined || before?.boot === undefined) return undefined;
  const { beat } = entry.link;
  const silentMs = beat === undefined ? Number.POSITIVE_INFINITY : draft.now.monoMs - beat.answeredMs;
  const own = new Set((draft.world.objects.machines.get(machine)?.nics ?? []).map((nic) => nic.mac));
  const sameBox = before.mac === undefined || mac === undefined || before.mac === mac || (own.has(before.mac) && own.has(mac));
  const reason =
    silentMs < fastestBootMs
      ? `boot ${boot} said hello ${(silentMs / 1000).toFixed(1)} s after boot ${before.boot} had answered: two machines act as ${machine}`
      : sameBox
        ? undefined
        : `boot ${boot} came by another NIC (${mac}) than boot ${before.boot} (${before.mac}), which is none of ${machine} now: it may be another box`;
  if (reason === undefined) return undefined;
  draft.tell(
    'host.contested',
    'error',
    { reason, boot, next: `see that the older one is off, then virtdom host confirm-dead ${machine}` },
    machine,
  );
  return { boot, reason };
}

/** Of a machine that is no more nothing is kept when nothing can be on it. */
export function dropGone(draft: Draft): void {
  const gone = [...draft.hosts.values()].filter(({ kept }) => !draft.world.objects.machines.has(kept.name));
  if (gone.length === 0) return;
  const claimed = new Set([...draft.vms.values()].flatMap(({ claims }) => claims.map(({ host }) => host)));
  for (const entry of gone) {
    const { name } = entry.kept;
    if (claimed.has(name) || answers(draft, entry) || silence(draft, entry) < draft.world.settings.silentMs) continue;
    for (const command of draft.open.values())
      if (command.host === name) endCommand(draft, command, 'failed', `there is no Machine ${name} any more`);
    draft.dropHost(name);
  }
}

/** Silent, heard again, or brought up. */
export function tendStates(draft: Draft): void {
  for (const [name, entry] of draft.hosts) draft.guarded(`host ${name}`, () => tendState(draft, entry));
}

function tendState(draft: Draft, entry: HostEntry): void {
  const { kept, link } = entry;
  if (link.agreed && answers(draft, entry)) return heard(draft, entry);
  const counted = kept.state === 'online' || kept.state === 'joining';
  if (!counted || !draft.memory.bus.connected || draft.now.monoMs < draft.memory.stalledUntilMs) return;
  if (silence(draft, entry) < draft.world.settings.silentMs) return;
  const goodbye =
    link.presence?.state === 'here' || link.presence === undefined ? '' : ` (${link.presence.state}: ${link.presence.reason})`;
  const reason = `silent for ${Math.floor(silence(draft, entry) / 1000)} s${goodbye}`;
  become(draft, kept, 'suspect', reason);
  draft.tell('host.suspect', 'warning', { reason, boot: kept.boot }, kept.name);
}

/** Since when nothing was heard of it that counts. */
export function silence(draft: Draft, { link }: HostEntry): number {
  return draft.now.monoMs - Math.max(link.quietFromMs, link.beat?.answeredMs ?? 0);
}

function heard(draft: Draft, { kept, link }: HostEntry): void {
  if (kept.state === 'online') return;
  if (kept.state === 'fencing' && link.fence?.asking === true) return;
  if (kept.state === 'fenced') {
    draft.tell(
      'host.online',
      'error',
      {
        reason: 'its agent answers although the host was declared dead; what runs on it without a claim is destroyed first',
        boot: kept.boot,
      },
      kept.name,
    );
    return become(draft, kept, 'joining', 'its agent answers although it was declared dead');
  }
  if (kept.state === 'joining') return;
  become(draft, kept, 'joining', kept.state === 'new' ? 'its agent is here' : 'its agent answers again');
}

export function become(draft: Draft, kept: KeptHost, state: KeptHost['state'], reason: string): void {
  draft.keepHost({ ...kept, state, reason, sinceMs: draft.now.wallMs });
}
