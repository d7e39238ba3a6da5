import type { DeathProof } from '../../model/vm.ts';
import type { Draft, PowerAsk } from '../draft.ts';
import type { PowerReading } from '../surroundings.ts';
import type { HostEntry } from '../state.ts';
import { become } from './hosts.ts';
import { holdReason } from './storm.ts';

/** A silent host with VMs that may be there once only is switched off, where somebody can do that, so that they may move. */
export function tendFencing(draft: Draft): void {
  if (holdReason(draft) !== undefined) return;
  const guarded = hostsWithClaims(draft);
  for (const [name, entry] of draft.hosts) {
    const { state } = entry.kept;
    if ((state !== 'suspect' && state !== 'fencing') || !guarded.has(name) || !draft.world.hasPower(name)) continue;
    draft.guarded(`host ${name}`, () => tendFence(draft, entry));
  }
}

function hostsWithClaims(draft: Draft): ReadonlySet<string> {
  const hosts = new Set<string>();
  for (const { instances, claims } of draft.vms.values()) {
    if (instances === 'at-most-one') for (const { host } of claims) hosts.add(host);
  }
  return hosts;
}

function tendFence(draft: Draft, entry: HostEntry): void {
  const { kept, link } = entry;
  const fence = link.fence ?? { attempts: 0, nextMs: draft.now.monoMs, asking: false };
  if (fence.asking || draft.now.monoMs < fence.nextMs) return;
  if (kept.state === 'suspect') {
    const reason = `${kept.reason}; it has VMs that may be there once only, so it is switched off`;
    become(draft, kept, 'fencing', reason);
    draft.tell('host.fencing', 'warning', { reason, boot: kept.boot }, kept.name);
  }
  draft.changeLink(kept.name, { fence: { ...fence, attempts: fence.attempts + 1, asking: true } });
  draft.power.push({ host: kept.name, boot: kept.boot ?? 0, session: kept.session, action: 'fence' });
}

/** Only `off` is a proof: of all that this boot was given until now, since what is off begins nothing. */
export function hearPower(draft: Draft, ask: PowerAsk, reading: PowerReading): void {
  const entry = draft.hosts.get(ask.host);
  if (entry === undefined) return;
  const { kept, link } = entry;
  const attempts = link.fence?.attempts ?? 1;
  const { fencePauseMs, fencePauseMostMs } = draft.world.settings;
  const pauseMs = Math.min(fencePauseMostMs, fencePauseMs * 2 ** Math.min(attempts - 1, 10));
  draft.changeLink(ask.host, { fence: { attempts, nextMs: draft.now.monoMs + pauseMs, asking: false } });
  if (kept.boot !== ask.boot) return;
  if (reading.kind === 'off') {
    return declareDead(draft, entry, { kind: 'power', detail: 'off' }, 'its power was read back as off');
  }
  if (ask.action !== 'fence') return;
  const what = reading.kind === 'unknown' ? reading.reason : `its power control says ${reading.kind}`;
  draft.tell(
    'host.fencing',
    'error',
    {
      reason:
        `it could not be switched off: ${what}; tried ${attempts} times, next in ${Math.round(pauseMs / 1000)} s. Its VMs stay lost until then: ` +
        'switch it off by hand and confirm that it is dead',
      attempts,
    },
    ask.host,
  );
  const current = draft.hosts.get(ask.host)?.kept;
  if (current?.state === 'fencing')
    draft.changeHost(ask.host, { reason: `it could not be switched off: ${what} (tried ${attempts} times)` });
}

export function declareDead(draft: Draft, { kept, link }: HostEntry, proof: DeathProof, reason: string): void {
  const atMs = draft.now.wallMs;
  draft.keepHost({ ...kept, state: 'fenced', reason, sinceMs: atMs, dead: { boot: kept.boot ?? 0, session: kept.session, atMs, proof } });
  const { presence } = link;
  draft.setLink(kept.name, { agreed: false, quietFromMs: draft.now.monoMs, ...(presence === undefined ? {} : { presence }) });
  draft.tell('host.fenced', 'warning', { reason, proof: proof.kind, boot: kept.boot }, kept.name);
}
