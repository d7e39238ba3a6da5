import type { UnknownClient } from '../model/unknown-client.ts';
import type { Intention, Item } from './bulk-change.ts';
import { expandHostlist } from './hostlist.ts';
import { edited } from './machine-edit.ts';
import type { ObjectProblem } from './object-book.ts';
import type { ObjectSnapshot } from './object-state.ts';
import type { ObjectDocument } from './object-store.ts';
import { madeUpName } from '../boot/waiting.ts';

/** What machines get; `null` takes it away, what is left out stays. */
export interface Assignment {
  readonly profile?: string | null;
  readonly role?: string | null;
  readonly labels?: Readonly<Record<string, string | null>>;
  readonly ignored?: boolean | null;
  /** The name for one unknown client, or a hostlist of as many names as clients, in their order. */
  readonly name?: string;
  /** Likewise the address that is reserved for it. */
  readonly address?: string;
}

/** What is to be done to each of these: a machine is changed, an unknown client is enrolled. */
export function assignmentItems(
  names: readonly string[],
  { name: pattern, address, ...patch }: Assignment,
  snapshot: ObjectSnapshot,
  unknown: { find(nameOrMac: string): UnknownClient | undefined },
): Item[] {
  const clients = new Map(
    names.flatMap((name) => {
      const client = snapshot.find('Machine', name) === undefined ? unknown.find(name) : undefined;
      return client === undefined ? [] : [[name, client] as const];
    }),
  );
  const given = namesFor(clients.size, pattern, names.length);
  const newNames = given.kind === 'names' ? [...given.names] : [];
  return names.map((name): Item => {
    const invalid = (pointer: string, detail: string): Item => {
      const problems: ObjectProblem[] = [{ kind: 'Machine', name, pointer, detail }];
      return { name, plan: () => ({ kind: 'invalid', problems }) };
    };
    const isThere = clients.has(name) || snapshot.find('Machine', name) !== undefined;
    if (given.kind === 'wrong' && isThere) return invalid('/name', given.reason);
    if (address !== undefined && names.length > 1)
      return invalid('/address', 'expected no address where more than one machine is assigned');
    const client = clients.get(name);
    const newName = client === undefined ? undefined : newNames.shift();
    return {
      name,
      plan: (now) => {
        if (now.find('Machine', name) !== undefined) return edited(now, name, withAddress(now, name, patch, address), undefined);
        return client === undefined ? { kind: 'not-found' } : enrolled(client, newName ?? madeUpName(client.mac), patch, address);
      },
    };
  });
}

function namesFor(clients: number, pattern: string | undefined, all: number): ReturnType<typeof expandHostlist> {
  if (pattern === undefined) return { kind: 'names', names: [] };
  const expanded = expandHostlist(pattern);
  if (expanded.kind === 'wrong') return expanded;
  const { length } = expanded.names;
  if (clients === 0) return { kind: 'wrong', reason: 'expected no name: machines have theirs, and only unknown clients get one' };
  if (length !== clients) {
    const others = all > clients ? ` (of ${all} chosen, the others are machines already)` : '';
    return { kind: 'wrong', reason: `expected a name for each of ${clients} unknown clients${others}, ${pattern} gives ${length}` };
  }
  return expanded;
}

/** The address goes to the first NIC. */
function withAddress(
  snapshot: ObjectSnapshot,
  name: string,
  patch: Readonly<Record<string, unknown>>,
  address: string | undefined,
): Readonly<Record<string, unknown>> {
  const nics = snapshot.find('Machine', name)?.document['nics'];
  if (address === undefined || !Array.isArray(nics)) return patch;
  const [first, ...others] = nics as Readonly<Record<string, unknown>>[];
  return { ...patch, nics: [{ ...first, address }, ...others] };
}

function enrolled(
  { mac, uuid }: UnknownClient,
  name: string,
  patch: Readonly<Record<string, unknown>>,
  address: string | undefined,
): Intention {
  const { labels, ...fields } = patch;
  const given = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  const kept = Object.entries(labels ?? {}).filter(([, value]) => value !== null);
  const document: ObjectDocument = {
    kind: 'Machine',
    name,
    nics: [{ mac, ...(address !== undefined && { address }) }],
    ...(uuid !== undefined && { uuid }),
    ...Object.fromEntries(given),
    ...(kept.length > 0 && { labels: Object.fromEntries(kept) }),
  };
  return { kind: 'change', changes: [{ kind: 'Machine', name, revision: 0, document }] };
}
