/** Who did what to which object: apart from events, kept longer, never changed. */
export interface AuditEntry {
  /** Wall-clock milliseconds. */
  readonly atMs: number;
  /** `anna`, `token:ci`, `root`, or `virtdom` itself. */
  readonly actor: string;
  readonly via: 'socket' | 'session' | 'token' | 'service' | 'command';
  /** `machine.assign`, `template.publish`. */
  readonly action: string;
  /** `machine/post01`. */
  readonly object: string;
  readonly requestId?: string;
  readonly outcome: 'done' | 'refused' | 'failed';
  /** What changed or why not. Never a secret. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface AuditPage {
  readonly actor?: string;
  readonly action?: string;
  readonly object?: string;
  readonly before?: number;
  readonly limit: number;
}

export interface AuditStore {
  append(entries: readonly AuditEntry[]): Promise<void>;
  /** Newest first. */
  page(page: AuditPage): Promise<readonly (AuditEntry & { readonly id: number })[]>;
  prune(beforeMs: number): Promise<number>;
}
