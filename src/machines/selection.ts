import { expandHostlist, maxHosts } from './hostlist.ts';
import type { ObjectSnapshot } from './object-state.ts';

/** Which machines: those that any of names, hostlist and `all` names, and of these those that have every label. */
export interface Selection {
  readonly names?: readonly string[];
  readonly hostlist?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Every machine; unknown clients only by name. */
  readonly all?: boolean;
}

export type Selected =
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'invalid'; /** RFC 6901, into the selection. */ readonly pointer: string; readonly detail: string };

/** The names of a selection, each once; a name that nothing has is among them, for who asked must be told. */
export function selectMachines(selection: Selection, snapshot: ObjectSnapshot): Selected {
  const { names = [], hostlist, labels, all = false } = selection;
  const chosen = new Set(names);
  if (hostlist !== undefined) {
    const expanded = expandHostlist(hostlist);
    if (expanded.kind === 'wrong') return { kind: 'invalid', pointer: '/hostlist', detail: expanded.reason };
    for (const name of expanded.names) chosen.add(name);
  }
  const named = names.length > 0 || hostlist !== undefined;
  const wanted = Object.entries(labels ?? {});
  if (!named && !all && wanted.length === 0)
    return { kind: 'invalid', pointer: '', detail: 'expected names, a hostlist, labels or all: true; nothing is chosen' };
  if (all || !named) for (const { name } of snapshot.machines) chosen.add(name);
  const kept = wanted.length === 0 ? [...chosen] : [...chosen].filter((name) => hasLabels(snapshot, name, wanted));
  if (named && !all && kept.length > maxHosts)
    return { kind: 'invalid', pointer: '/names', detail: `expected at most ${maxHosts} names, found ${kept.length}` };
  return { kind: 'names', names: kept };
}

function hasLabels(snapshot: ObjectSnapshot, name: string, wanted: readonly (readonly [string, string])[]): boolean {
  const machine = snapshot.object('Machine', name);
  return machine !== undefined && wanted.every(([key, value]) => Object.hasOwn(machine.labels, key) && machine.labels[key] === value);
}
