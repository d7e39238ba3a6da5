/** What the manager keeps: one table of documents, so that several change in one transaction. */
export type RecordArea = 'host' | 'vm' | 'command' | 'environment' | 'trigger' | 'leader' | 'numbering';

export interface ManagerRecord {
  readonly area: RecordArea;
  readonly id: string;
  /** Goes up by one with each change; 1 when it is made. */
  readonly revision: number;
  readonly document: Readonly<Record<string, unknown>>;
  /** Wall-clock milliseconds. */
  readonly updatedMs: number;
}

/** One record put in place of the one of that revision (0: there is none yet); without a document it is deleted. */
export interface RecordChange {
  readonly area: RecordArea;
  readonly id: string;
  readonly revision: number;
  readonly document?: Readonly<Record<string, unknown>>;
}

export type RecordOutcome =
  | { readonly kind: 'done' }
  /** Somebody else was quicker: nothing is written. These are not as the change believed. */
  | {
      readonly kind: 'conflict';
      readonly records: readonly { readonly area: RecordArea; readonly id: string; readonly revision: number }[];
    };

/** Where the manager's records outlive the process. */
export interface ManagerStore {
  load(): Promise<readonly ManagerRecord[]>;
  /** All changes or none, durable when it resolves. */
  commit(changes: readonly RecordChange[], nowMs: number): Promise<RecordOutcome>;
  /** Deletes ended commands that are older, a bounded number at a time; returns how many. */
  prune(beforeMs: number): Promise<number>;
  /** Called when another server on the same database has changed records. Never with SQLite. */
  follow(listener: () => void): void;
}
