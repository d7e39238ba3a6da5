import { setImmediate as nextTurn } from 'node:timers/promises';
import { type BootFacts, renderSubject } from './boot-facts.ts';
import { checkMenus } from './menu-rendering.ts';
import { type TemplateProblem, TemplatesError } from './template-error.ts';
import { TemplateSet } from './template-set.ts';

/** Gives DHCP its turn after this many renderings of a check. */
const renderingsPerTurn = 4;

/** The templates that new attempts are made from: always a whole set, and only one that renders for every machine takes over. */
export class TemplateShelf {
  readonly #folder: string;
  readonly #facts: BootFacts;
  #current: TemplateSet;
  /** Reloads wait for each other: an older state of the folder must not win over a newer one. */
  #lastReload: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, facts: BootFacts, current: TemplateSet) {
    this.#folder = folder;
    this.#facts = facts;
    this.#current = current;
  }

  /** @throws TemplatesError where a template cannot be parsed; Error where the folder cannot be read */
  static async open(folder: string, facts: BootFacts): Promise<TemplateShelf> {
    const templates = await TemplateSet.read(folder);
    if (!(templates instanceof TemplateSet)) throw new TemplatesError(templates);
    return new TemplateShelf(folder, facts, templates);
  }

  get current(): TemplateSet {
    return this.#current;
  }

  /** Renders the menus of every machine, for each of its NICs. An image that is not published yet is no problem of templates. */
  async checkAll(templates: TemplateSet = this.#current): Promise<readonly TemplateProblem[]> {
    const problems: TemplateProblem[] = [];
    let renderings = 0;
    for (const machine of this.#facts.objects.machines) {
      for (const { mac } of machine.nics) {
        if (++renderings % renderingsPerTurn === 0) await nextTurn();
        const subject = renderSubject(this.#facts, machine, mac, { standIn: true });
        if (typeof subject === 'string') problems.push({ template: '', line: 0, machine: machine.name, message: subject });
        else problems.push(...checkMenus(templates, subject));
      }
    }
    // Two NICs of one machine fail alike.
    return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()];
  }

  /** Reads the folder anew; where anything is wrong with it, the set of before keeps serving. */
  reload(): Promise<readonly TemplateProblem[]> {
    const reloaded = this.#lastReload.then(async () => {
      const templates = await TemplateSet.read(this.#folder);
      return templates instanceof TemplateSet ? this.replace(templates) : templates;
    });
    this.#lastReload = reloaded.catch(() => {});
    return reloaded;
  }

  async replace(templates: TemplateSet): Promise<readonly TemplateProblem[]> {
    if (templates.sha256 === this.#current.sha256) return [];
    const problems = await this.checkAll(templates);
    if (problems.length === 0) this.#current = templates;
    return problems;
  }
}
