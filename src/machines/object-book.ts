import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import type { OneShot } from '../model/one-shot.ts';
import { Breath } from './breath.ts';
import { checkPlan, entriesOf, moveClaims } from './object-plan.ts';
import type { CheckedPlan, ObjectProblem } from './object-plan.ts';
import { Claims, ObjectState, perKind } from './object-state.ts';
import type { Entry, ObjectSnapshot } from './object-state.ts';
import type { ObjectChange, ObjectConflict, ObjectStore, StoredObject } from './object-store.ts';
import { parseDocument } from './objects.ts';
import type { CheckExpression } from './candidate.ts';

export type { ObjectProblem } from './object-plan.ts';
export type { ObjectSnapshot } from './object-state.ts';

export interface ObjectBookDependencies {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly newId?: () => string;
  /** What is wrong with an expression of a Role or a Trigger; without it, what it says is not looked at. */
  readonly checkExpression?: CheckExpression;
}

export interface CommitOptions {
  readonly author: string;
  /** Everything is checked, nothing is written. */
  readonly dryRun?: boolean;
}

export type CommitOutcome =
  | { readonly kind: 'done'; /** Those that were put, in order. */ readonly objects: readonly StoredObject[]; readonly written: boolean }
  | { readonly kind: 'invalid'; readonly problems: readonly ObjectProblem[] }
  | { readonly kind: 'conflict'; readonly conflicts: readonly ObjectConflict[] };

export type OneShotOutcome =
  | { readonly kind: 'done'; readonly oneShot: OneShot }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'invalid'; readonly problems: readonly ObjectProblem[] };

/** How often a plan is made anew because another server on the same database was quicker. */
const attempts = 3;
const reloadAgainMs = 1_000;

/**
 * All objects in memory, and the one way to change them: a commit is checked as a whole, written in one transaction, and
 * told to who subscribed. Commits wait for each other.
 */
export class ObjectBook {
  readonly #deps: ObjectBookDependencies;
  readonly #listeners = new Set<(snapshot: ObjectSnapshot) => void>();
  #state = ObjectState.empty;
  #claims = new Claims();
  #tail: Promise<unknown> = Promise.resolve();
  #reloading = false;
  #again: Timer | undefined;
  #closed = false;

  private constructor(deps: ObjectBookDependencies) {
    this.#deps = deps;
  }

  /** Reads all objects. Those that cannot be read are logged and left as they are. */
  static async open(deps: ObjectBookDependencies): Promise<ObjectBook> {
    const book = new ObjectBook(deps);
    await book.#load();
    deps.store.follow(() => void book.#reload());
    return book;
  }

  /** Waits for the commits that are under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#again?.cancel();
    await this.#tail;
  }

  get current(): ObjectSnapshot {
    return this.#state;
  }

  /** Called with each new snapshot, after it is durable. Returns what ends that. */
  subscribe(listener: (snapshot: ObjectSnapshot) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Changes objects, all or none. A plan is made when its turn comes, of the state that it will change: with it there is no
   * conflict unless it names a revision itself.
   */
  commit(
    changes: readonly ObjectChange[] | ((snapshot: ObjectSnapshot) => readonly ObjectChange[] | Promise<readonly ObjectChange[]>),
    options: CommitOptions,
  ): Promise<CommitOutcome> {
    return this.#inTurn(async () => {
      for (let attempt = 1; ; attempt++) {
        const planned = typeof changes === 'function' ? await changes(this.#state) : changes;
        const { outcome, mayRetry } = await this.#try(planned, options);
        if (!mayRetry || typeof changes !== 'function' || attempt === attempts) return outcome;
      }
    });
  }

  /** The next boot of a machine by another profile, in place of an earlier request. */
  async requestOneShot(machine: string, profile: string, author: string): Promise<OneShotOutcome> {
    const [outcome] = await this.requestOneShots([machine], profile, { author });
    return outcome ?? { kind: 'not-found' };
  }

  /** Likewise for many machines at once; the outcomes are in their order. */
  requestOneShots(machines: readonly string[], profile: string, { author, dryRun = false }: CommitOptions): Promise<OneShotOutcome[]> {
    return this.#inTurn(async () => {
      const outcomes = machines.map((machine) => this.#oneShot(machine, profile, author));
      const wanted = outcomes.flatMap((outcome) => (outcome.kind === 'done' ? outcome.oneShot : []));
      if (dryRun || wanted.length === 0) return outcomes;
      const saved = await Promise.allSettled(wanted.map((oneShot) => this.#deps.store.saveOneShot(oneShot)));
      const oneShots = new Map(this.#state.oneShots);
      for (const [index, oneShot] of wanted.entries()) if (saved[index]?.status === 'fulfilled') oneShots.set(oneShot.machine, oneShot);
      this.#swap(this.#state.withOneShots(oneShots));
      const failed = saved.find((each) => each.status === 'rejected');
      return failed === undefined ? outcomes : this.#withoutRemoved(outcomes, failed.reason);
    });
  }

  /** Whether there was one to cancel. */
  async cancelOneShot(machine: string): Promise<boolean> {
    const [cancelled] = await this.cancelOneShots([machine]);
    return cancelled ?? false;
  }

  /** Likewise for many machines at once, in their order. */
  cancelOneShots(machines: readonly string[]): Promise<boolean[]> {
    return this.#inTurn(async () => {
      const waiting = machines.map((machine) => this.#state.oneShots.get(machine));
      const cancelled = await Promise.all(
        waiting.map((oneShot) => (oneShot === undefined ? Promise.resolve(false) : this.#deps.store.deleteOneShot(oneShot.id))),
      );
      this.#dropOneShots(new Set(waiting.flatMap((oneShot) => oneShot?.id ?? [])));
      return cancelled;
    });
  }

  /** For who has used it up, and deleted it from the database. */
  oneShotUsed(id: string): void {
    this.#dropOneShots(new Set([id]));
  }

  #dropOneShots(ids: ReadonlySet<string>): void {
    const kept = [...this.#state.oneShots].filter(([, { id }]) => !ids.has(id));
    if (kept.length < this.#state.oneShots.size) this.#swap(this.#state.withOneShots(new Map(kept)));
  }

  /** A one-shot boot that cannot be saved is no surprise where another server has removed its machine. */
  async #withoutRemoved(outcomes: readonly OneShotOutcome[], cause: unknown): Promise<OneShotOutcome[]> {
    await this.#load();
    const after = outcomes.map((outcome): OneShotOutcome => {
      const isGone = outcome.kind === 'done' && this.#state.find('Machine', outcome.oneShot.machine) === undefined;
      return isGone ? { kind: 'not-found' } : outcome;
    });
    if (after.every((outcome, index) => outcome === outcomes[index])) throw new Error('the next boot could not be saved', { cause });
    return after;
  }

  #oneShot(machine: string, profile: string, author: string): OneShotOutcome {
    if (this.#state.find('Machine', machine) === undefined) return { kind: 'not-found' };
    if (this.#state.find('Profile', profile) === undefined) {
      const detail = `expected the name of a Profile, there is no ${profile}`;
      return { kind: 'invalid', problems: [{ kind: 'Machine', name: machine, pointer: '', detail }] };
    }
    const id = (this.#deps.newId ?? randomUUID)();
    return { kind: 'done', oneShot: { id, machine, profile, requestedMs: this.#deps.clock.now(), requestedBy: author } };
  }

  async #try(
    changes: readonly ObjectChange[],
    { author, dryRun = false }: CommitOptions,
  ): Promise<{ readonly outcome: CommitOutcome; readonly mayRetry: boolean }> {
    const plan = await checkPlan(changes, this.#state, this.#claims, this.#deps.checkExpression);
    if (plan.kind !== 'valid') return { outcome: plan, mayRetry: false };
    const nowMs = this.#deps.clock.now();
    if (dryRun || changes.length === 0)
      return { outcome: { kind: 'done', objects: this.#imagined(plan, author, nowMs), written: false }, mayRetry: false };
    // What gives a MAC or an address free goes first.
    const inOrder = [...plan.deleted, ...plan.put.keys()];
    const stored = await this.#deps.store.commit(inOrder, author, nowMs).catch((error: unknown) => {
      // It may be written all the same, where only the answer was lost.
      void this.#reload();
      throw error;
    });
    if (stored.kind === 'conflict') {
      await this.#load();
      return { outcome: stored, mayRetry: true };
    }
    const before = this.#state;
    const after = before.withChanges(entriesOf(plan.put, stored.objects), plan.deleted);
    moveClaims(this.#claims, before, after, changes);
    this.#swap(after);
    return { outcome: { kind: 'done', objects: stored.objects, written: true }, mayRetry: false };
  }

  #imagined({ put }: Extract<CheckedPlan, { kind: 'valid' }>, updatedBy: string, updatedMs: number): StoredObject[] {
    return [...put.keys()].flatMap(({ kind, name, revision, document }) => {
      const createdMs = this.#state.find(kind, name)?.createdMs ?? updatedMs;
      return document === undefined ? [] : { kind, name, revision: revision + 1, document, createdMs, updatedMs, updatedBy };
    });
  }

  #swap(state: ObjectState): void {
    this.#state = state;
    for (const listener of this.#listeners) {
      try {
        listener(state);
      } catch (error) {
        this.#deps.log.error({ err: error }, 'objects changed, and a part of virtdom failed to follow');
      }
    }
  }

  /** Another server on the same database has changed something. One reload serves all that was told meanwhile. */
  async #reload(): Promise<void> {
    if (this.#reloading || this.#closed) return;
    this.#reloading = true;
    await this.#inTurn(async () => {
      this.#reloading = false;
      try {
        await this.#load();
      } catch (error) {
        this.#deps.log.error({ err: error }, 'objects that another server changed could not be read; trying again');
        if (!this.#closed) this.#again = this.#deps.clock.after(reloadAgainMs, () => void this.#reload());
      }
    });
  }

  async #load(): Promise<void> {
    const { objects, oneShots } = await this.#deps.store.load();
    const breath = new Breath();
    const entries = perKind<Entry>();
    for (const stored of objects) {
      await breath.take();
      entries[stored.kind].set(stored.name, this.#entryOf(stored));
    }
    const byMachine = new Map(oneShots.map((oneShot) => [oneShot.machine, oneShot] as const));
    const state = new ObjectState(this.#state.revision + 1, entries as unknown as ObjectState['entries'], byMachine);
    this.#claims = Claims.of(state.machines);
    this.#swap(state);
  }

  /** What is known of it already, or what its document means. */
  #entryOf(stored: StoredObject): Entry {
    const known = this.#state.entries[stored.kind].get(stored.name);
    if (known?.stored.revision === stored.revision && known.stored.updatedMs === stored.updatedMs) return known;
    const { object, problems } = parseDocument(stored.kind, stored.document);
    if (problems.length === 0 && object !== undefined) return { stored, object };
    const [first] = problems;
    this.#deps.log.error(
      { object: `${stored.kind} ${stored.name}`, path: first?.path, problem: first?.message },
      'an object in the database cannot be read by this version of virtdom; it counts as absent until it is edited',
    );
    return { stored };
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(action);
    this.#tail = turn.catch(() => {});
    return turn;
  }
}
