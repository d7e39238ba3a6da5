import type { TemplateChange, TemplateOutcome, TemplateState, TemplateStore, TemplateVersion } from '../../src/templates/template-store.ts';

/** A database that several libraries can share, as servers do; and that can fail. */
export class MemoryTemplateStore implements TemplateStore {
  readonly states = new Map<string, TemplateState>();
  readonly added: TemplateVersion[] = [];
  failure: Error | undefined;
  commits = 0;
  /** Waited for before a commit is looked at: for who wants to be in between. */
  gate: Promise<void> = Promise.resolve();
  /** Waited for before what was read is handed over. */
  loadGate: Promise<void> = Promise.resolve();
  readonly #listeners: (() => void)[] = [];

  async load(): Promise<{ states: readonly TemplateState[]; versions: readonly TemplateVersion[] }> {
    const wanted = (of: TemplateVersion): boolean => {
      const state = this.states.get(of.name);
      return of.version === state?.published || of.version === state?.trial?.backTo;
    };
    const loaded = structuredClone({ states: [...this.states.values()], versions: this.added.filter(wanted) });
    await this.loadGate;
    return loaded;
  }

  versions(name: string): Promise<readonly TemplateVersion[]> {
    return Promise.resolve(this.added.filter((version) => version.name === name).toReversed());
  }

  version(name: string, version: number): Promise<TemplateVersion | undefined> {
    return Promise.resolve(this.added.find((each) => each.name === name && each.version === version));
  }

  async commit({ state, added }: TemplateChange): Promise<TemplateOutcome> {
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    const current = this.states.get(state.name);
    if ((current?.revision ?? 0) !== state.revision - 1) return { kind: 'conflict', ...(current !== undefined && { current }) };
    if (added !== undefined && this.added.some(({ name, version }) => name === added.name && version === added.version))
      throw new Error(`version ${added.version} of ${added.name} is there already`);
    this.states.set(state.name, structuredClone(state));
    if (added !== undefined) this.added.push(structuredClone(added));
    this.commits++;
    return { kind: 'done' };
  }

  follow(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** As the database tells servers of what one of them has done. */
  tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
