/** Long work that a request began: it goes on after the answer. */
export interface Task {
  readonly id: string;
  /** `template.check`, `image.verify`. */
  readonly kind: string;
  readonly object: string;
  readonly state: 'running' | 'done' | 'failed' | 'cancelled';
  /** In words, for people. */
  readonly reason: string;
  /** Of the state. Wall-clock milliseconds. */
  readonly sinceMs: number;
  readonly createdMs: number;
  readonly createdBy: string;
  readonly progress: { readonly done: number; readonly total?: number; readonly unit: string };
  /** Plain JSON. */
  readonly result?: unknown;
  /** As problem+json. */
  readonly problem?: unknown;
}

export interface TaskStore {
  save(task: Task): Promise<void>;
  find(id: string): Promise<Task | undefined>;
  /** Newest first. */
  page(page: {
    readonly state?: Task['state'];
    readonly before?: { readonly createdMs: number; readonly id: string };
    readonly limit: number;
  }): Promise<readonly Task[]>;
  prune(beforeMs: number): Promise<number>;
}
