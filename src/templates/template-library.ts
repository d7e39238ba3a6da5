import type { Preview } from '../boot/client-tree.ts';
import { formatProblem, type TemplateProblem } from '../boot/template-error.ts';
import type { TemplateSet } from '../boot/template-set.ts';
import { type GrubCheck, grubScriptCheck } from './grub-script.ts';
import { isServed } from './loaded-templates.ts';
import { parentsOf, wholesOf } from './partials.ts';
import { readShipped, sha256Of } from './shipped-templates.ts';
import { brokenReason, problemsOfBroken, type ServedTemplates, type TemplateCheck, TemplateChecker } from './template-check.ts';
import { type DiffSide, unifiedDiff } from './template-diff.ts';
import { nameFault, noteFault, textFault, trialFault } from './template-limits.ts';
import {
  type DraftRequest,
  isSame,
  type PlanBasis,
  planConfirm,
  planDiscard,
  planDraft,
  planPublish,
  planRemove,
  planRestore,
  planRollback,
  refused,
  type TemplatePlan,
} from './template-plans.ts';
import { itself, TemplateStock, type TemplateStockParts } from './template-stock.ts';
import type { TemplateVersion } from './template-store.ts';
import type {
  PublishRequest,
  Refused,
  ServingRequest,
  TemplateChangeResult,
  TemplateNotice,
  TemplateRequest,
  TemplateUsage,
  TemplateVersionEntry,
  TemplateView,
} from './template-view.ts';

export interface TemplateLibraryParts extends TemplateStockParts {
  readonly grubCheck?: GrubCheck;
}

export type DiffReference = number | 'draft' | 'shipped' | 'published';

type Checked = { readonly kind: 'checked'; readonly check: TemplateCheck };

const maxChecksWaiting = 8;
const maxBroken = 1_000;

/**
 * The templates that menus are made from: the shipped files, and the versions published over them. What is served is always
 * a whole set that parses; boots that have begun keep what they pinned.
 */
export class TemplateLibrary {
  readonly #parts: TemplateLibraryParts;
  readonly #stock: TemplateStock;
  readonly #checker: TemplateChecker;
  #shippedProblems: readonly TemplateProblem[] = [];
  #checking: Promise<unknown> = Promise.resolve();
  #checksWaiting = 0;

  private constructor(parts: TemplateLibraryParts, stock: TemplateStock) {
    const { user, clock, grubCheck = grubScriptCheck } = parts;
    this.#parts = parts;
    this.#stock = stock;
    this.#checker = new TemplateChecker({ user, grubCheck, clock });
  }

  /**
   * Reads the folder and the store; a trial that ran out while nobody was there goes back first. It asks nothing of `user`:
   * hand it {@link current}.
   * @throws TemplatesError where a shipped file cannot be parsed; Error where the folder or the store cannot be read
   */
  static async open(parts: TemplateLibraryParts): Promise<TemplateLibrary> {
    return new TemplateLibrary(parts, await TemplateStock.open(parts));
  }

  /** What is served now. */
  get current(): TemplateSet {
    return this.#stock.served.set;
  }

  /** Why the folder's files are not served as they are; empty where they are. */
  get shippedProblems(): readonly TemplateProblem[] {
    return this.#shippedProblems;
  }

  /** By name. */
  list(): readonly TemplateView[] {
    return this.#stock.loaded.names.flatMap((name) => this.get(name) ?? []);
  }

  get(name: string): TemplateView | undefined {
    return this.#stock.loaded.view(name);
  }

  /** Whose files it goes into, itself or as a partial. */
  usage(name: string): TemplateUsage {
    const { set } = this.#stock.served;
    const wholes = wholesOf(set, [name]);
    const uses = this.#parts.user.uses().filter(({ templates }) => templates.some((menu) => wholes.has(menu)));
    const machines = [...new Set(uses.flatMap((use) => use.machines))];
    return { profiles: uses.map(({ profile }) => profile), machines, partialOf: parentsOf(set, name) };
  }

  /** Newest first; the shipped file, version 0, is not among them. */
  async versions(name: string): Promise<readonly TemplateVersionEntry[]> {
    const versions = await this.#parts.store.versions(name);
    return versions.map(entryOf);
  }

  /** @param version 0 is the shipped file */
  async version(name: string, version: number): Promise<TemplateVersion | undefined> {
    if (version !== 0) return this.#parts.store.version(name, version);
    const text = this.#stock.loaded.shipped.get(name);
    if (text === undefined) return undefined;
    const sha256 = sha256Of(text);
    return { name, version, text, sha256, author: itself, note: '', createdMs: 0, origin: 'shipped', shippedSha256: sha256 };
  }

  /**
   * Renders a text for every machine that would use it; nothing changes.
   * @param text in place of the draft, or of what is served where there is none
   */
  async check(name: string, text?: string): Promise<Checked | Refused> {
    const { loaded } = this.#stock;
    const wanted = text ?? loaded.states.get(name)?.draft?.text ?? loaded.servedText(name);
    const fault = nameFault(name) ?? (wanted === undefined ? undefined : textFault(wanted));
    if (fault !== undefined) return refused('invalid', fault);
    if (wanted === undefined) return noTemplate(name);
    if (this.#checksWaiting >= maxChecksWaiting) return refused('busy', `${maxChecksWaiting} checks wait already: ask again in a moment`);
    this.#checksWaiting++;
    const result = this.#checking.then(() => this.#checked(new Map([[name, wanted]])));
    this.#checking = result.catch(() => {});
    try {
      return { kind: 'checked', check: (await result).check };
    } finally {
      this.#checksWaiting--;
    }
  }

  /** What a machine would download if this text were served; without one, what is served now. */
  render(name: string, machine: string, text?: string): Preview & { readonly problems?: readonly TemplateProblem[] } {
    const fault = text === undefined ? undefined : (nameFault(name) ?? textFault(text));
    if (fault !== undefined) return { kind: 'failed', reason: fault };
    const next = text === undefined ? this.#stock.served : this.#stock.with(new Map([[name, text]]));
    if (!isServed(next)) return { kind: 'failed', reason: next.map(formatProblem).join('\n'), problems: next };
    const { user } = this.#parts;
    // Of a partial all the menus are shown: it may go into each of them.
    const isMenu = user.uses().some(({ templates }) => templates.includes(name));
    const preview = user.preview(machine, isMenu ? name : undefined, next.set);
    return preview.kind === 'failed' ? { ...preview, problems: problemsIn(preview.reason, machine) } : preview;
  }

  /** A unified diff, empty where both are the same. */
  async diff(
    name: string,
    from: DiffReference,
    to: DiffReference,
  ): Promise<{ readonly kind: 'compared'; readonly diff: string } | Refused> {
    const [before, after] = await Promise.all([this.#side(name, from), this.#side(name, to)]);
    if ('kind' in before) return before;
    if ('kind' in after) return after;
    return { kind: 'compared', diff: unifiedDiff(name, before, after) };
  }

  /** Keeps a text that is not served: of a template that there is, or as the beginning of a new one. */
  saveDraft(name: string, request: DraftRequest): Promise<TemplateChangeResult> {
    return this.#change(name, request, (basis) => planDraft(basis, request));
  }

  discardDraft(name: string, request: TemplateRequest): Promise<TemplateChangeResult> {
    return this.#change(name, request, planDiscard);
  }

  /** Serves the draft to boots that begin from now on. A text that is served already makes no new version. */
  publish(name: string, request: PublishRequest): Promise<TemplateChangeResult> {
    return this.#changeServed(name, request, (basis) => planPublish(basis, request));
  }

  /** What is on trial stays. */
  confirm(name: string, request: TemplateRequest): Promise<TemplateChangeResult> {
    return this.#changeServed(name, request, planConfirm);
  }

  /** Serves the text of an earlier version, as a new version; version 0 is {@link restore}. A trial ends with it. */
  rollback(name: string, request: ServingRequest & { readonly version: number }): Promise<TemplateChangeResult> {
    const { version } = request;
    if (version === 0) return this.restore(name, request);
    return this.#changeServed(name, request, async (basis) => {
      const old = await this.#parts.store.version(name, version);
      return old === undefined ? refused('not-found', `there is no version ${version} of ${name}`) : planRollback(basis, old, request);
    });
  }

  /** Serves the shipped file again, and its changes from now on. The versions stay. */
  restore(name: string, request: ServingRequest): Promise<TemplateChangeResult> {
    return this.#changeServed(name, request, planRestore);
  }

  /** Deletes a template that is neither shipped nor used. Its versions stay. */
  remove(name: string, request: TemplateRequest): Promise<TemplateChangeResult> {
    return this.#changeServed(name, request, (basis) => planRemove(basis, this.#usersOf(name)));
  }

  /**
   * Reads the folder anew. Its files are served where nothing is published over them, and only all together and if no machine
   * loses a file by it; otherwise the last good ones stay.
   * @returns why not
   */
  reloadShipped(): Promise<readonly TemplateProblem[]> {
    return this.#stock.exclusively(async () => {
      this.#shippedProblems = await this.#takeShipped();
      return this.#shippedProblems;
    });
  }

  /** Ends timers, and waits for what is being changed. */
  close(): Promise<void> {
    return this.#stock.close();
  }

  async #takeShipped(): Promise<readonly TemplateProblem[]> {
    const { loaded } = this.#stock;
    let shipped: ReadonlyMap<string, string>;
    try {
      shipped = await readShipped(this.#parts.folder);
    } catch (error) {
      return [{ template: '', line: 0, message: (error as Error).message }];
    }
    const before = loaded.shipped;
    const names = [...new Set([...before.keys(), ...shipped.keys()])].filter((name) => before.get(name) !== shipped.get(name));
    const changed = names.filter((name) => (loaded.states.get(name)?.published ?? 0) === 0);
    const { next, check } = await this.#checked(new Map(changed.map((name) => [name, shipped.get(name)])));
    if (next === undefined || check.broken.length > 0) {
      const problems = next === undefined ? check.problems : problemsOfBroken(check);
      for (const template of names) this.#tell('shipped-refused', template, { problems: problems.slice(0, 10).map(formatProblem) });
      return problems;
    }
    this.#stock.setShipped(shipped);
    for (const template of names) this.#tell('shipped-changed', template, { served: changed.includes(template) });
    return [];
  }

  /** A change that leaves what is served as it is. */
  async #change(
    name: string,
    request: TemplateRequest,
    planned: (basis: PlanBasis) => TemplatePlan | Refused,
  ): Promise<TemplateChangeResult> {
    if (request.revision !== this.#revision(name)) return this.#conflict(name);
    const before = this.#stock.loaded.states.get(name);
    const plan = planned(this.#basis(name, request.author));
    if (plan.kind === 'refused') return plan;
    return isSame(before, plan.state) ? this.#unchanged(name) : this.#write(plan, request);
  }

  async #changeServed(
    name: string,
    request: PublishRequest,
    planned: (basis: PlanBasis) => TemplatePlan | Refused | Promise<TemplatePlan | Refused>,
  ): Promise<TemplateChangeResult> {
    const { note, tryMs, force = false, revision } = request;
    const fault = (note === undefined ? undefined : noteFault(note)) ?? (tryMs === undefined ? undefined : trialFault(tryMs));
    if (fault !== undefined) return refused('invalid', fault);
    const result = await this.#stock.exclusively(async (): Promise<TemplateChangeResult> => {
      const { loaded, served } = this.#stock;
      if (!loaded.exists(name)) return noTemplate(name);
      if (revision !== this.#revision(name)) return this.#conflict(name);
      const before = loaded.states.get(name);
      const plan = await planned(this.#basis(name, request.author));
      if (plan.kind === 'refused') return plan;
      if (isSame(before, plan.state)) return this.#unchanged(name);
      if (plan.text === served.texts.get(name)) return this.#write(plan, request);
      const { next, check } = await this.#checked(new Map([[name, plan.text]]));
      if (next === undefined) return { ...refused('unparsable', check.problems.map(formatProblem).join('\n')), check };
      if (check.broken.length > 0 && !force) return { ...refused('breaks-machines', brokenReason(name, check)), check };
      return this.#write(plan, request, check);
    });
    // What kept the folder's files back may be gone with this.
    if (result.kind === 'done' && result.written && this.#shippedProblems.length > 0) await this.reloadShipped();
    return result;
  }

  async #write(plan: TemplatePlan, { dryRun = false, author }: TemplateRequest, check?: TemplateCheck): Promise<TemplateChangeResult> {
    const { state, added, kind } = plan;
    const { name, published, trial } = state;
    const template = this.#stock.loaded.view(name, state, added);
    if (!dryRun) {
      if (!(await this.#stock.commit(state, added))) return this.#conflict(name);
      if (kind !== 'draft') {
        const detail = { ...(added !== undefined && { note: added.note }), ...(trial !== undefined && { trialUntilMs: trial.untilMs }) };
        const broken = check === undefined || check.broken.length === 0 ? {} : { broken: check.broken.length };
        this.#parts.listener?.({ kind, template: name, version: published, author, detail: { ...detail, ...broken } });
      }
    }
    return { kind: 'done', ...(template !== undefined && { template }), written: !dryRun, ...(check !== undefined && { check }) };
  }

  /** Of a template that is deleted nobody can know the revision: it begins as one that never was. */
  #revision(name: string): number {
    return this.get(name)?.revision ?? 0;
  }

  #unchanged(name: string): TemplateChangeResult {
    const template = this.get(name);
    return { kind: 'done', ...(template !== undefined && { template }), written: false };
  }

  #conflict(name: string): TemplateChangeResult {
    const current = this.get(name);
    return { kind: 'conflict', ...(current !== undefined && { current }) };
  }

  #basis(name: string, author: string): PlanBasis {
    return { name, loaded: this.#stock.loaded, next: this.#stock.nextState(name, author), nowMs: this.#parts.clock.now() };
  }

  async #checked(
    changes: ReadonlyMap<string, string | undefined>,
  ): Promise<{ readonly next?: ServedTemplates; readonly check: TemplateCheck }> {
    const next = this.#stock.with(changes);
    if (isServed(next)) return { next, check: await this.#checker.check(this.#stock.served, next, [...changes.keys()]) };
    const machines = new Set([...changes.keys()].flatMap((name) => this.usage(name).machines));
    return {
      check: { machines: machines.size, rendered: 0, problems: next, problemsLeftOut: 0, broken: [...machines].slice(0, maxBroken) },
    };
  }

  /** Also profiles that no machine has, and templates that go into no menu. */
  #usersOf(name: string): readonly string[] {
    const { profiles, partialOf } = this.usage(name);
    return [...profiles.map((profile) => `profile ${profile}`), ...partialOf.map((other) => `template ${other}`)];
  }

  async #side(name: string, reference: DiffReference): Promise<DiffSide | Refused> {
    const { loaded } = this.#stock;
    if (!loaded.exists(name)) return noTemplate(name);
    const view = this.get(name);
    const sides = {
      draft: { text: view?.draft?.text, label: 'draft' },
      published: { text: view?.text, label: view?.version === 0 ? 'shipped' : `version ${view?.version}` },
      shipped: { text: loaded.shipped.get(name), label: 'shipped' },
    };
    const { text, label } =
      typeof reference === 'number'
        ? { text: (await this.version(name, reference))?.text, label: reference === 0 ? 'shipped' : `version ${reference}` }
        : sides[reference];
    return text === undefined
      ? refused('not-found', `of ${name} there is no ${reference === 0 ? 'shipped file' : label}`)
      : { text, label };
  }

  #tell(kind: TemplateNotice['kind'], template: string, detail: TemplateNotice['detail']): void {
    this.#parts.listener?.({ kind, template, author: itself, detail });
  }
}

function entryOf({ text, ...entry }: TemplateVersion): TemplateVersionEntry {
  return { ...entry, characters: text.length };
}

function noTemplate(name: string): Refused {
  return refused('not-found', `there is no template ${name}`);
}

/** A reason that begins with a place in a template, as an editor shows it. */
function problemsIn(reason: string, machine: string): readonly TemplateProblem[] {
  const [, template, line, message] = /^(\S+\.hbs):(\d+): ([^]*?)(?: \(machine [^)]*\))?$/.exec(reason) ?? [];
  return template === undefined || message === undefined ? [] : [{ template, line: Number(line), machine, message }];
}
