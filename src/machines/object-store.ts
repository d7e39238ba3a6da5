import type { Mac } from '../model/mac.ts';
import type { OneShot } from '../model/one-shot.ts';
import type { UnknownClient } from '../model/unknown-client.ts';
import type { ObjectKind } from './object-schemas.ts';

/** An object as a person wrote it, without the defaults: what `export` writes back. */
export interface ObjectDocument {
  readonly kind: ObjectKind;
  readonly name: string;
  readonly [key: string]: unknown;
}

export interface StoredObject {
  readonly kind: ObjectKind;
  readonly name: string;
  /** Goes up by one with each change; 1 when it is made. */
  readonly revision: number;
  readonly document: ObjectDocument;
  /** Wall-clock milliseconds. */
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly updatedBy: string;
}

/** One object put in place of the one of that revision (0: there is none yet); without a document it is deleted. */
export interface ObjectChange {
  readonly kind: ObjectKind;
  readonly name: string;
  readonly revision: number;
  readonly document?: ObjectDocument;
}

/** Somebody else was quicker: what stands there now (revision 0: nothing). */
export interface ObjectConflict {
  readonly kind: ObjectKind;
  readonly name: string;
  readonly revision: number;
  readonly updatedBy?: string;
  readonly updatedMs?: number;
  /** Where it is not this object's revision but a MAC or an address that another machine has got meanwhile. */
  readonly reason?: string;
}

export type StoreOutcome =
  | { readonly kind: 'done'; readonly objects: readonly StoredObject[] }
  | { readonly kind: 'conflict'; readonly conflicts: readonly ObjectConflict[] };

/** Where objects outlive the process. */
export interface ObjectStore {
  load(): Promise<{ readonly objects: readonly StoredObject[]; readonly oneShots: readonly OneShot[] }>;
  /**
   * All changes or none, durable when it resolves. A MAC address is of one machine, and an address reserved for one, in the
   * database too. The one-shot boot of a deleted machine goes with it. Returns the objects that were put, in order.
   */
  commit(changes: readonly ObjectChange[], author: string, nowMs: number): Promise<StoreOutcome>;
  /** In place of another one of the same machine. */
  saveOneShot(oneShot: OneShot): Promise<void>;
  deleteOneShot(id: string): Promise<boolean>;
  /** Called when another server on the same database has changed objects or one-shots: load again. Never with SQLite. */
  follow(listener: () => void): void;
}

/** Where clients that are no machines are remembered. */
export interface UnknownClientStore {
  load(): Promise<readonly UnknownClient[]>;
  save(clients: readonly UnknownClient[]): Promise<void>;
  delete(macs: readonly Mac[]): Promise<void>;
}
