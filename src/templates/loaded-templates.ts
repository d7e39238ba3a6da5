import type { TemplateProblem } from '../boot/template-error.ts';
import { TemplateSet } from '../boot/template-set.ts';
import { sha256Of } from './shipped-templates.ts';
import type { ServedTemplates } from './template-check.ts';
import type { TemplateState, TemplateStore, TemplateVersion } from './template-store.ts';
import type { TemplateView } from './template-view.ts';

type Loaded = Awaited<ReturnType<TemplateStore['load']>>;

/** The shipped texts, the states, and the versions that are served or gone back to: what is served is made of these. */
export class LoadedTemplates {
  #shipped: ReadonlyMap<string, string>;
  #states = new Map<string, TemplateState>();
  #versions = new Map<string, TemplateVersion>();

  constructor(shipped: ReadonlyMap<string, string>, loaded: Loaded) {
    this.#shipped = shipped;
    this.load(loaded);
  }

  get shipped(): ReadonlyMap<string, string> {
    return this.#shipped;
  }

  get states(): ReadonlyMap<string, TemplateState> {
    return this.#states;
  }

  /** All templates that there are, by name. */
  get names(): readonly string[] {
    const all = new Set([...this.#shipped.keys(), ...this.#states.keys()]);
    return [...all].filter((name) => this.exists(name)).sort();
  }

  setShipped(shipped: ReadonlyMap<string, string>): void {
    this.#shipped = shipped;
  }

  /** Takes all that the store holds. What was taken already and is newer stays: it was written while the store was read. */
  load({ states, versions }: Loaded): void {
    for (const version of versions) this.#versions.set(keyOf(version.name, version.version), version);
    for (const state of states) this.take(state);
    this.#forget();
  }

  take(state: TemplateState, added?: TemplateVersion): void {
    if (added !== undefined) this.#versions.set(keyOf(added.name, added.version), added);
    if (state.revision >= (this.#states.get(state.name)?.revision ?? 0)) this.#states.set(state.name, state);
  }

  /** A template that was deleted leaves its state behind, so that its revisions go on if it comes again. */
  exists(name: string): boolean {
    const state = this.#states.get(name);
    return this.#shipped.has(name) || (state !== undefined && (state.published > 0 || state.draft !== undefined));
  }

  servedText(name: string): string | undefined {
    return this.text(name, this.#states.get(name)?.published ?? 0);
  }

  /** Of the shipped file, or of a version that is served or gone back to. */
  text(name: string, version: number): string | undefined {
    return version === 0 ? this.#shipped.get(name) : this.#versions.get(keyOf(name, version))?.text;
  }

  has(name: string, version: number): boolean {
    return this.text(name, version) !== undefined;
  }

  /** All texts that are served. */
  texts(): ReadonlyMap<string, string> {
    const texts = new Map<string, string>();
    for (const name of this.names) {
      const text = this.servedText(name);
      if (text !== undefined) texts.set(name, text);
    }
    return texts;
  }

  /** What would be served with some texts in place of others; `undefined` takes one away. `known` is parsed already. */
  with(changes: ReadonlyMap<string, string | undefined>, known: TemplateSet): ServedTemplates | readonly TemplateProblem[] {
    const texts = new Map(this.texts());
    for (const [name, text] of changes) {
      if (text === undefined) texts.delete(name);
      else texts.set(name, text);
    }
    return served(texts, known);
  }

  /** @param state another than the one that is there: for what would be; `added` its version, if it is not loaded */
  view(name: string, state = this.#states.get(name), added?: TemplateVersion): TemplateView | undefined {
    const shippedText = this.#shipped.get(name);
    const published = state?.published ?? 0;
    if (shippedText === undefined && published === 0 && state?.draft === undefined) return undefined;
    const version = added?.version === published ? added : this.#versions.get(keyOf(name, published));
    const text = published === 0 ? shippedText : version?.text;
    const shippedSha256 = shippedText === undefined ? undefined : sha256Of(shippedText);
    return {
      name,
      revision: state?.revision ?? 0,
      ...(text !== undefined && { text, sha256: version?.sha256 ?? shippedSha256 ?? sha256Of(text) }),
      version: published,
      origin: version?.origin ?? 'shipped',
      ...(version !== undefined && { author: version.author, note: version.note, sinceMs: version.createdMs }),
      versions: state?.lastVersion ?? 0,
      ...(state?.draft !== undefined && { draft: state.draft }),
      ...(state?.trial !== undefined && { trial: state.trial }),
      ...(shippedSha256 !== undefined && { shippedSha256 }),
      shippedChanged: version !== undefined && version.shippedSha256 !== shippedSha256,
      ...(state !== undefined && { updatedMs: state.updatedMs, updatedBy: state.updatedBy }),
    };
  }

  /** Versions that nothing names any more: the store has them. */
  #forget(): void {
    const wanted = new Set<string>();
    for (const { name, published, trial } of this.#states.values())
      for (const version of [published, trial?.backTo ?? 0]) wanted.add(keyOf(name, version));
    for (const key of this.#versions.keys()) if (!wanted.has(key)) this.#versions.delete(key);
  }
}

export function served(texts: ReadonlyMap<string, string>, known?: TemplateSet): ServedTemplates | readonly TemplateProblem[] {
  const set = TemplateSet.parse(texts, undefined, known);
  return set instanceof TemplateSet ? { texts, set } : set;
}

export function isServed(outcome: ServedTemplates | readonly TemplateProblem[]): outcome is ServedTemplates {
  return 'set' in outcome;
}

function keyOf(name: string, version: number): string {
  return `${name}@${version}`;
}
