import type { Mac } from '../model/mac.ts';
import type { UnknownClient } from '../model/unknown-client.ts';
import { assignmentItems } from './assignment.ts';
import type { Assignment } from './assignment.ts';
import { changeMany } from './bulk-change.ts';
import type { BulkOptions, BulkOutcome, Intention, Item } from './bulk-change.ts';
import { edited } from './machine-edit.ts';
import type { CommitOptions, ObjectBook } from './object-book.ts';
import type { ObjectSnapshot } from './object-state.ts';
import type { ObjectDocument } from './object-store.ts';
import { selectMachines } from './selection.ts';
import type { Selected, Selection } from './selection.ts';

/** Ends the leases of a machine that is no more. */
export interface LeaseRemover {
  /** Durable when it resolves; returns how many there were. */
  removeLeases(macs: readonly Mac[]): Promise<number>;
}

export interface MachinesDependencies {
  readonly book: ObjectBook;
  readonly unknown: { find(nameOrMac: string): UnknownClient | undefined };
  readonly leases: LeaseRemover;
}

export interface SingleOptions extends CommitOptions {
  /** The revision that it must have, where one must not undo the work of others. */
  readonly revision?: number;
}

/** A selection that says nothing sensible; else what became of each machine. */
export type SelectionOutcome = ({ readonly kind: 'items' } & BulkOutcome) | Extract<Selected, { kind: 'invalid' }>;

/** What people do with machines, one or many at a time. */
export class Machines {
  readonly #deps: MachinesDependencies;

  constructor(deps: MachinesDependencies) {
    this.#deps = deps;
  }

  /** New machines; one of a name that is taken is a conflict. */
  enrol(documents: readonly Readonly<Record<string, unknown>>[], options: BulkOptions): Promise<BulkOutcome> {
    const items = documents.map((fields): Item => {
      const name = typeof fields['name'] === 'string' ? fields['name'] : '';
      const document: ObjectDocument = { ...fields, kind: 'Machine', name };
      return { name, plan: () => ({ kind: 'change', changes: [{ kind: 'Machine', name, revision: 0, document }] }) };
    });
    return changeMany(this.#deps.book, items, options);
  }

  /** Lays a JSON merge patch (RFC 7396) over a machine's document. With another `name` in it the machine is renamed. */
  async edit(name: string, patch: Readonly<Record<string, unknown>>, { revision, ...options }: SingleOptions): Promise<BulkOutcome> {
    return changeMany(this.#deps.book, [{ name, plan: (snapshot) => edited(snapshot, name, patch, revision) }], options);
  }

  /** Gives machines a profile, a role, labels; unknown clients become machines by it. */
  assign(selection: Selection, assignment: Assignment, options: BulkOptions): Promise<SelectionOutcome> {
    return this.#each(selection, options, (names, snapshot) => assignmentItems(names, assignment, snapshot, this.#deps.unknown));
  }

  /** Takes profile and role away: the next boot is the one of an unknown client. */
  release(selection: Selection, options: BulkOptions): Promise<SelectionOutcome> {
    return this.#patchEach(selection, { profile: null, role: null }, options);
  }

  /** An ignored machine gets no answer, whatever it asks for. */
  ignore(selection: Selection, ignored: boolean, options: BulkOptions): Promise<SelectionOutcome> {
    return ignored
      ? this.#each(selection, options, (names, snapshot) => assignmentItems(names, { ignored: true }, snapshot, this.#deps.unknown))
      : this.#patchEach(selection, { ignored: null }, options);
  }

  /** Removes machines with their leases. */
  async remove(selection: Selection, { revision, ...options }: BulkOptions & SingleOptions): Promise<SelectionOutcome> {
    const macs = new Map<string, readonly Mac[]>();
    const outcome = await this.#each(selection, options, (names) =>
      names.map((name) => ({
        name,
        plan: (snapshot) => {
          const stored = snapshot.find('Machine', name);
          if (stored === undefined) return { kind: 'not-found' };
          macs.set(name, snapshot.object('Machine', name)?.nics.map(({ mac }) => mac) ?? []);
          return { kind: 'change', changes: [{ kind: 'Machine', name, revision: revision ?? stored.revision }] };
        },
      })),
    );
    if (outcome.kind === 'items' && outcome.written) {
      const removed = outcome.items.filter((item) => item.outcome === 'done').flatMap(({ name }) => macs.get(name) ?? []);
      await this.#deps.leases.removeLeases(removed);
    }
    return outcome;
  }

  /** Adds a NIC to a machine that exists: that of an unknown client, or one that was not seen yet. */
  async attach(name: string, nic: { readonly mac: Mac; readonly address?: string }, options: SingleOptions): Promise<BulkOutcome> {
    const plan = (snapshot: ObjectSnapshot): Intention => {
      const nics = snapshot.find('Machine', name)?.document['nics'];
      return edited(snapshot, name, { nics: [...(Array.isArray(nics) ? nics : []), nic] }, options.revision);
    };
    return changeMany(this.#deps.book, [{ name, plan }], options);
  }

  /** Requests one boot by another profile of each machine. */
  async bootOnce(selection: Selection, profile: string, { atomic = false, ...options }: BulkOptions): Promise<SelectionOutcome> {
    const { book } = this.#deps;
    const selected = selectMachines(selection, book.current);
    if (selected.kind === 'invalid') return selected;
    const request = (dryRun: boolean) => book.requestOneShots(selected.names, profile, { ...options, dryRun });
    const shown = atomic || options.dryRun === true ? await request(true) : undefined;
    const refused = shown?.some(({ kind }) => kind !== 'done') ?? false;
    const outcomes = shown !== undefined && (refused || options.dryRun === true) ? shown : await request(false);
    const items = outcomes.map((outcome, index) => {
      const name = selected.names[index] ?? '';
      if (outcome.kind === 'invalid') return { name, outcome: outcome.kind, problems: outcome.problems };
      if (outcome.kind === 'not-found') return { name, outcome: outcome.kind };
      return { name, outcome: atomic && refused ? ('held-back' as const) : outcome.kind };
    });
    const ok = outcomes.every(({ kind }) => kind === 'done');
    return { kind: 'items', ok, written: outcomes !== shown && outcomes.some(({ kind }) => kind === 'done'), items };
  }

  /** Takes such requests back; a machine without one is as wanted. */
  async cancelBootOnce(selection: Selection, { dryRun = false }: CommitOptions): Promise<SelectionOutcome> {
    const { book } = this.#deps;
    const { current } = book;
    const selected = selectMachines(selection, current);
    if (selected.kind === 'invalid') return selected;
    const { names } = selected;
    const was = dryRun ? names.map((name) => current.oneShots.has(name)) : await book.cancelOneShots(names);
    const cancelled = names.map((name, index) => {
      if (current.find('Machine', name) === undefined) return { name, outcome: 'not-found' as const };
      return { name, outcome: was[index] === true ? ('done' as const) : ('unchanged' as const) };
    });
    const ok = cancelled.every(({ outcome }) => outcome !== 'not-found');
    return { kind: 'items', ok, written: !dryRun && cancelled.some(({ outcome }) => outcome === 'done'), items: cancelled };
  }

  #patchEach(selection: Selection, patch: Readonly<Record<string, unknown>>, options: BulkOptions): Promise<SelectionOutcome> {
    return this.#each(selection, options, (names) =>
      names.map((name) => ({ name, plan: (snapshot) => edited(snapshot, name, patch, undefined) })),
    );
  }

  async #each(
    selection: Selection,
    options: BulkOptions,
    itemsOf: (names: readonly string[], snapshot: ObjectSnapshot) => readonly Item[],
  ): Promise<SelectionOutcome> {
    const { book } = this.#deps;
    const selected = selectMachines(selection, book.current);
    if (selected.kind === 'invalid') return selected;
    return { kind: 'items', ...(await changeMany(book, itemsOf(selected.names, book.current), options)) };
  }
}
