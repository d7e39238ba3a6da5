import { formatProblem, type TemplateProblem, TemplatesError } from '../boot/template-error.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { isServed, LoadedTemplates, served } from './loaded-templates.ts';
import { readShipped } from './shipped-templates.ts';
import type { ServedTemplates } from './template-check.ts';
import type { TemplateState, TemplateStore, TemplateVersion } from './template-store.ts';
import type { TemplateUser } from './template-user.ts';
import type { TemplateNotice } from './template-view.ts';
import { TrialTimers } from './trial-timers.ts';

export interface TemplateStockParts {
  readonly store: TemplateStore;
  /** Of the shipped files. */
  readonly folder: string;
  readonly user: TemplateUser;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of what happened once it is durable. Must not throw. */
  readonly listener?: (notice: TemplateNotice) => void;
}

/** In the name of nobody: a trial that ran out, a file of the folder. */
export const itself = 'virtdom';
const trialRetryMs = 5_000;

/** What there is and what of it is served: takes over what the database has taken, here and on other servers, and ends trials. */
export class TemplateStock {
  readonly loaded: LoadedTemplates;
  readonly #parts: TemplateStockParts;
  readonly #trials: TrialTimers;
  #served: ServedTemplates;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(parts: TemplateStockParts, loaded: LoadedTemplates, nowServed: ServedTemplates) {
    this.#parts = parts;
    this.loaded = loaded;
    this.#served = nowServed;
    this.#trials = new TrialTimers(parts.clock, (name) => void this.exclusively(() => this.#endTrial(name)));
    this.#setTrials();
    parts.store.follow(() => {
      this.exclusively(() => this.reload()).catch((error: unknown) => {
        parts.log.error({ err: error }, 'what another server changed of the templates cannot be read');
      });
    });
  }

  /** @throws TemplatesError where a shipped file cannot be parsed; Error where the folder or the store cannot be read */
  static async open(parts: TemplateStockParts): Promise<TemplateStock> {
    const { store, folder, clock, log } = parts;
    const loaded = new LoadedTemplates(await readShipped(folder), await store.load());
    for (const { name, trial } of loaded.states.values())
      if (trial !== undefined && trial.untilMs <= clock.now()) await goBack(parts, loaded, name);
    const all = served(loaded.texts());
    if (isServed(all)) return new TemplateStock(parts, loaded, all);
    // It was parsed before it was published, by another release of ours perhaps. The machines must boot.
    const shipped = served(loaded.shipped);
    if (!isServed(shipped)) throw new TemplatesError(shipped);
    log.error({ problems: all.map(formatProblem) }, 'a published template cannot be parsed: only the shipped ones are served');
    return new TemplateStock(parts, loaded, shipped);
  }

  get served(): ServedTemplates {
    return this.#served;
  }

  /** One change of what is served at a time: each is checked against what the one before left. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  /** What would be served with these texts; `undefined` takes one away. */
  with(changes: ReadonlyMap<string, string | undefined>): ServedTemplates | readonly TemplateProblem[] {
    return this.loaded.with(changes, this.#served.set);
  }

  /** The state that follows the one that is there. */
  nextState(name: string, author: string): TemplateState {
    const state = this.loaded.states.get(name);
    return { published: 0, ...state, name, revision: (state?.revision ?? 0) + 1, updatedMs: this.#parts.clock.now(), updatedBy: author };
  }

  /** Writes a state and serves what follows from it. @returns false where somebody else was quicker; theirs is loaded then */
  async commit(state: TemplateState, added?: TemplateVersion): Promise<boolean> {
    const outcome = await this.#parts.store.commit({ state, ...(added !== undefined && { added }) });
    if (outcome.kind === 'conflict') {
      await this.reload();
      return false;
    }
    this.loaded.take(state, added);
    this.#trials.set(state.name, this.loaded.states.get(state.name)?.trial?.untilMs);
    this.#serve();
    return true;
  }

  setShipped(shipped: ReadonlyMap<string, string>): void {
    this.loaded.setShipped(shipped);
    this.#serve();
  }

  async reload(): Promise<void> {
    this.loaded.load(await this.#parts.store.load());
    this.#setTrials();
    this.#serve();
  }

  async close(): Promise<void> {
    this.#trials.close();
    await this.#turn;
  }

  #setTrials(): void {
    for (const { name, trial } of this.loaded.states.values()) this.#trials.set(name, trial?.untilMs);
  }

  #serve(): void {
    const next = served(this.loaded.texts(), this.#served.set);
    if (!isServed(next)) {
      this.#parts.log.error({ problems: next.map(formatProblem) }, 'a template cannot be parsed: what was served before stays');
      return;
    }
    if (next.set.sha256 === this.#served.set.sha256) return;
    this.#served = next;
    this.#parts.user.use(next.set);
  }

  async #endTrial(name: string): Promise<void> {
    const { clock, log, listener } = this.#parts;
    const trial = this.loaded.states.get(name)?.trial;
    if (trial === undefined) return;
    if (trial.untilMs > clock.now()) {
      this.#trials.set(name, trial.untilMs);
      return;
    }
    try {
      const wentBack = await goBack(this.#parts, this.loaded, name);
      this.#setTrials();
      this.#serve();
      if (wentBack)
        log.warn({ template: name, version: trial.backTo }, 'the trial of a template ended without being confirmed: it went back');
      if (wentBack) listener?.({ kind: 'trial-ended', template: name, version: trial.backTo, author: itself, detail: {} });
    } catch (error) {
      log.error({ err: error, template: name }, 'a trial is over, and going back cannot be written: it is tried again');
      this.#trials.set(name, clock.now() + trialRetryMs);
    }
  }
}

/** @returns false where somebody else was quicker */
async function goBack({ store, clock }: TemplateStockParts, loaded: LoadedTemplates, name: string): Promise<boolean> {
  const state = loaded.states.get(name);
  if (state?.trial === undefined) return false;
  const { trial, ...rest } = state;
  const next = { ...rest, published: trial.backTo, revision: state.revision + 1, updatedMs: clock.now(), updatedBy: itself };
  const outcome = await store.commit({ state: next });
  if (outcome.kind === 'conflict') loaded.load(await store.load());
  else loaded.take(next);
  return outcome.kind === 'done';
}
