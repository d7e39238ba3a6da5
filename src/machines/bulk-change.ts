import { Breath } from './breath.ts';
import type { CommitOptions, ObjectBook, ObjectProblem } from './object-book.ts';
import type { ObjectSnapshot } from './object-state.ts';
import type { ObjectChange, ObjectConflict, StoredObject } from './object-store.ts';

/** What is to happen to one machine, decided when its turn comes. */
export type Intention =
  | { readonly kind: 'change'; readonly changes: readonly ObjectChange[] }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'invalid'; readonly problems: readonly ObjectProblem[] };

export interface Item {
  /** As it was asked for. */
  readonly name: string;
  readonly plan: (snapshot: ObjectSnapshot) => Intention;
}

export interface ItemResult {
  readonly name: string;
  /** `held-back`: nothing was wrong with it, but with another one, and all or none was asked for. */
  readonly outcome: 'done' | 'unchanged' | 'invalid' | 'conflict' | 'not-found' | 'held-back';
  readonly problems?: readonly ObjectProblem[];
  readonly conflict?: ObjectConflict;
  /** What there is now; nothing where it was removed. */
  readonly object?: StoredObject;
}

export interface BulkOptions extends CommitOptions {
  /** All or none. */
  readonly atomic?: boolean;
}

export interface BulkOutcome {
  /** Whether each item is done or was as wanted already. */
  readonly ok: boolean;
  readonly written: boolean;
  /** In the order of the question. */
  readonly items: readonly ItemResult[];
}

/**
 * Changes many machines in one commit. Those that something is wrong with are left out and told, and the rest is tried
 * again without them; with `atomic` nothing is written then.
 */
export async function changeMany(
  book: ObjectBook,
  items: readonly Item[],
  { atomic = false, ...options }: BulkOptions,
): Promise<BulkOutcome> {
  const results = new Map<Item, ItemResult>();
  let written = false;
  for (let open = items; open.length > 0; open = items.filter((item) => !results.has(item))) {
    const owners = new Map<string, Item>();
    let changing: readonly Item[] = [];
    const outcome = await book.commit(async (snapshot) => {
      owners.clear();
      for (const item of open) results.delete(item);
      const plans: { readonly item: Item; readonly intention: Intention }[] = [];
      const breath = new Breath();
      for (const item of open) {
        await breath.take();
        const intention = claimed(item, item.plan(snapshot), owners);
        settle(item, intention, results);
        plans.push({ item, intention });
      }
      changing = plans.flatMap(({ item, intention }) => (intention.kind === 'change' ? item : []));
      if (atomic && someFailed(results)) return [];
      return plans.flatMap(({ intention }) => (intention.kind === 'change' ? intention.changes : []));
    }, options);
    const held = atomic && someFailed(results);
    if (outcome.kind === 'done') {
      ({ written } = outcome);
      const made = new Map(outcome.objects.map((object) => [owners.get(`${object.kind}/${object.name}`), object] as const));
      for (const item of changing) results.set(item, held ? heldBack(item) : doneOf(item, made.get(item)));
    } else {
      for (const [item, result] of failuresOf(outcome, owners, changing)) results.set(item, result);
      if (atomic) for (const item of changing) if (!results.has(item)) results.set(item, heldBack(item));
    }
  }
  const inOrder = items.flatMap((item) => results.get(item) ?? []);
  return { ok: !someFailed(results), written, items: inOrder };
}

/** An object is of the first item that changes it; a second one is told. */
function claimed(item: Item, intention: Intention, owners: Map<string, Item>): Intention {
  if (intention.kind !== 'change') return intention;
  const taken = intention.changes.find(({ kind, name }) => owners.has(`${kind}/${name}`));
  if (taken !== undefined) {
    const { kind, name } = taken;
    return { kind: 'invalid', problems: [{ kind, name, pointer: '/name', detail: `expected a name of its own, ${name} is there twice` }] };
  }
  for (const { kind, name } of intention.changes) owners.set(`${kind}/${name}`, item);
  return intention;
}

function settle(item: Item, intention: Intention, results: Map<Item, ItemResult>): void {
  const { name } = item;
  if (intention.kind === 'invalid') results.set(item, { name, outcome: 'invalid', problems: intention.problems });
  else if (intention.kind !== 'change') results.set(item, { name, outcome: intention.kind });
}

function someFailed(results: ReadonlyMap<Item, ItemResult>): boolean {
  return [...results.values()].some(({ outcome }) => outcome !== 'done' && outcome !== 'unchanged');
}

function heldBack({ name }: Item): ItemResult {
  return { name, outcome: 'held-back' };
}

function doneOf({ name }: Item, object: StoredObject | undefined): ItemResult {
  return { name, outcome: 'done', ...(object !== undefined && { object }) };
}

/** At least one: what is wrong with nobody in particular is wrong with all. */
function failuresOf(
  outcome: Exclude<Awaited<ReturnType<ObjectBook['commit']>>, { kind: 'done' }>,
  owners: ReadonlyMap<string, Item>,
  changing: readonly Item[],
): Map<Item, ItemResult> {
  const failures = new Map<Item, ItemResult>();
  if (outcome.kind === 'conflict') {
    for (const conflict of outcome.conflicts) {
      const item = owners.get(`${conflict.kind}/${conflict.name}`);
      if (item !== undefined) failures.set(item, { name: item.name, outcome: 'conflict', conflict });
    }
    if (failures.size === 0) for (const item of changing) failures.set(item, { name: item.name, outcome: 'conflict' });
    return failures;
  }
  const problems = new Map<Item, ObjectProblem[]>();
  for (const problem of outcome.problems) {
    const item = owners.get(`${problem.kind}/${problem.name}`);
    if (item !== undefined) problems.set(item, [...(problems.get(item) ?? []), problem]);
  }
  if (problems.size === 0) for (const item of changing) problems.set(item, [...outcome.problems]);
  for (const [item, each] of problems) failures.set(item, { name: item.name, outcome: 'invalid', problems: each });
  return failures;
}
