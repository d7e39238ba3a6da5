import type { Draft } from '../draft.ts';
import type { DomainReport } from '../protocol.ts';
import type { HostEntry } from '../state.ts';
import { issueCommand, reachable } from './commands.ts';
import { stopIsOpen } from './migration.ts';

const againMs = 24 * 3_600_000;
/** Of one host, in that time: names cost an agent nothing. */
const namedAtMost = 32;

/**
 * Domains without a claim. One of our own VMs must not be there: it is destroyed before anything else, those that may be there once
 * first. One that nobody knows is told, and left alone.
 */
export function tendStrays(draft: Draft): void {
  for (const [name, entry] of draft.hosts) {
    const { seen } = entry.link;
    if (seen === undefined || !reachable(entry) || seen.session !== entry.kept.session) continue;
    draft.guarded(`domains of ${name}`, () => lookAt(draft, entry, seen.domains));
  }
}

function lookAt(draft: Draft, entry: HostEntry, domains: ReadonlyMap<string, DomainReport>): void {
  const host = entry.kept.name;
  const ours: string[] = [];
  let named: number | undefined;
  for (const [name, domain] of domains) {
    if (name === 'Domain-0' || domain.state === 'missing' || domain.state === 'dying') continue;
    const vm = draft.vms.get(name) ?? draft.vms.get(name.replace(/--(?:incoming|migratedaway)$/, ''));
    // Of the same name and of another identity: somebody else's.
    const isOurs = vm !== undefined && domain.uuid.toLowerCase() === vm.uuid;
    if (!isOurs) {
      const { told } = draft.memory;
      const isNews = (key: string): boolean => (told.get(key) ?? Number.NEGATIVE_INFINITY) <= draft.now.monoMs;
      if (!isNews(`unknown ${host} ${name}`)) continue;
      named ??= [...told.keys()].filter((key) => key.startsWith(`unknown ${host} `) && !isNews(key)).length;
      if (named >= namedAtMost) continue;
      named += 1;
      draft.tellOnce(
        `unknown ${host} ${name}`,
        againMs,
        'vm.unknown-domain',
        'warning',
        {
          vm: name,
          reason: `${host} has a domain ${name} that no VM is known for; it is left alone`,
        },
        host,
      );
    } else if (!vm.claims.some((claim) => claim.host === host)) ours.push(vm.name);
  }
  const first = ours.filter((name) => draft.vms.get(name)?.instances === 'at-most-one');
  for (const name of [...first, ...ours.filter((each) => !first.includes(each))]) destroyStray(draft, entry, name);
}

function destroyStray(draft: Draft, entry: HostEntry, name: string): void {
  const host = entry.kept.name;
  if (stopIsOpen(draft, name, host)) return;
  const reason = `${host} has a domain of ${name} that it has no claim for; it is destroyed there`;
  const environment = draft.vms.get(name)?.environment;
  draft.tellAtMost(3, `stray ${host} ${name}`, 600_000, 'vm.error', 'error', { vm: name, environment, host, reason }, host);
  issueCommand(draft, entry, { command: 'vm.destroy', args: { vm: name }, vm: name, reason, author: 'manager' });
}

/** Hosts that have a domain of this VM, or a half of it, as far as they said last, with or without a claim. */
export function hostsSeenWith(draft: Draft, vm: string): readonly string[] {
  const hosts: string[] = [];
  const names = [vm, `${vm}--incoming`, `${vm}--migratedaway`];
  for (const [name, { link }] of draft.hosts) if (names.some((each) => link.seen?.domains.has(each) === true)) hosts.push(name);
  return hosts;
}
