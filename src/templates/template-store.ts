/** A text that is or was published, or that a publish on trial serves. Never changed; numbers count from 1 for each template. */
export interface TemplateVersion {
  readonly name: string;
  readonly version: number;
  readonly text: string;
  readonly sha256: string;
  readonly author: string;
  readonly note: string;
  /** Wall-clock milliseconds. */
  readonly createdMs: number;
  readonly origin: 'edit' | 'rollback' | 'shipped';
  /** Of the shipped file when the edit began; absent where there was none. */
  readonly shippedSha256?: string;
}

/** Unpublished work on a template: one a template, shared by all who edit it. */
export interface TemplateDraft {
  readonly text: string;
  /** The version that it began from; 0 is the shipped file. */
  readonly basedOn: number;
  /** Of the shipped file when the edit began; absent where there was none. */
  readonly shippedSha256?: string;
  readonly author: string;
  readonly updatedMs: number;
}

/** What is served of one template, and what is being worked on. */
export interface TemplateState {
  readonly name: string;
  /** Goes up by one with each change of anything here; 0 where only the shipped file is there. */
  readonly revision: number;
  /** The version that is served; 0 is the shipped file. */
  readonly published: number;
  /** The number of the newest version; absent where there is none. */
  readonly lastVersion?: number;
  readonly draft?: TemplateDraft;
  /** A publish that goes back by itself unless it is confirmed. `backTo` is a version, 0 the shipped file. */
  readonly trial?: { readonly backTo: number; readonly untilMs: number };
  readonly updatedMs: number;
  readonly updatedBy: string;
}

export interface TemplateChange {
  /** The state to put; its revision is one above the one that must be there now. */
  readonly state: TemplateState;
  /** A version to add with it. */
  readonly added?: TemplateVersion;
}

export type TemplateOutcome =
  | { readonly kind: 'done' }
  /** Somebody else was quicker; without a state the template was only the shipped file. */
  | { readonly kind: 'conflict'; readonly current?: TemplateState };

/** Where edited templates outlive the process. */
export interface TemplateStore {
  /** All states, and of each the versions that `published` and `trial.backTo` name. */
  load(): Promise<{ readonly states: readonly TemplateState[]; readonly versions: readonly TemplateVersion[] }>;
  /** Newest first. */
  versions(name: string): Promise<readonly TemplateVersion[]>;
  version(name: string, version: number): Promise<TemplateVersion | undefined>;
  commit(change: TemplateChange): Promise<TemplateOutcome>;
  /** Called when another server on the same database has changed templates: load again. Never with SQLite. */
  follow(listener: () => void): void;
}
