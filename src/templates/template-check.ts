import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { formatProblem, type TemplateProblem } from '../boot/template-error.ts';
import type { TemplateSet } from '../boot/template-set.ts';
import type { Clock } from '../clock.ts';
import { type GrubCheck, isGrubScript } from './grub-script.ts';
import { partsOf, wholesOf } from './partials.ts';
import type { TemplateUser } from './template-user.ts';

/** What a text would do to the machines that use it. */
export interface TemplateCheck {
  /** How many machines get files that the template goes into, itself or as a partial. */
  readonly machines: number;
  /** How many of them get all those files. */
  readonly rendered: number;
  /** What is wrong, by template, line, variable and machine; the first of them where there are too many. */
  readonly problems: readonly TemplateProblem[];
  readonly problemsLeftOut: number;
  /** Machines that would lose a file that they get now. */
  readonly broken: readonly string[];
  /** GRUB's own word on the scripts; absent where the template goes into none. */
  readonly grub?: GrubReport;
}

export type GrubReport =
  /** Scripts that differ in nothing but a machine's name and addresses count as one. */
  | { readonly kind: 'checked'; readonly scripts: number; readonly leftOut: number }
  | { readonly kind: 'not-checked'; readonly reason: string };

/** A whole state of the templates. */
export interface ServedTemplates {
  readonly texts: ReadonlyMap<string, string>;
  readonly set: TemplateSet;
}

export interface TemplateCheckerParts {
  readonly user: TemplateUser;
  readonly grubCheck: GrubCheck;
  readonly clock: Clock;
}

const maxProblems = 200;
const maxBroken = 1_000;
const maxScripts = 200;
const maxGrubMs = 20_000;
/** Gives DHCP its turn after this many renderings. */
const renderingsPerTurn = 4;

interface Findings {
  readonly machines: ReadonlySet<string>;
  readonly problems: readonly TemplateProblem[];
  readonly grub?: GrubReport;
}

/** Renders templates for all who use them before anybody is served from them. */
export class TemplateChecker {
  readonly #parts: TemplateCheckerParts;

  constructor(parts: TemplateCheckerParts) {
    this.#parts = parts;
  }

  /** @param changed the templates in which `next` differs from `now` */
  async check(now: ServedTemplates, next: ServedTemplates, changed: readonly string[]): Promise<TemplateCheck> {
    const found = await this.#find(next, changed);
    const { machines, problems, grub } = found;
    const failing = new Set(problems.map(({ machine }) => machine));
    return {
      machines: machines.size,
      rendered: [...machines].filter((machine) => !failing.has(machine)).length,
      problems: problems.slice(0, maxProblems),
      problemsLeftOut: Math.max(0, problems.length - maxProblems),
      broken: problems.length === 0 ? [] : await this.#broken(now, changed, problems),
      ...(grub !== undefined && { grub }),
    };
  }

  /** A machine that fails for a reason that it fails for already is not broken by this. */
  async #broken(now: ServedTemplates, changed: readonly string[], problems: readonly TemplateProblem[]): Promise<readonly string[]> {
    const before = new Set((await this.#find(now, changed)).problems.map(keyOf));
    const broken = new Set<string>();
    for (const problem of problems)
      if (problem.machine !== undefined && !before.has(keyOf(problem)) && broken.size < maxBroken) broken.add(problem.machine);
    return [...broken];
  }

  async #find({ texts, set }: ServedTemplates, changed: readonly string[]): Promise<Findings> {
    const { user } = this.#parts;
    const wholes = wholesOf(set, changed);
    const parts = new Set([...wholes].flatMap((name) => [...partsOf(set, name)].map((part) => `${part}.hbs`)));
    const machines = new Set<string>();
    const scripts = new Map<string, Set<string>>();
    for (const use of user.uses()) {
      for (const menu of use.templates) {
        if (!wholes.has(menu)) continue;
        for (const machine of use.machines) machines.add(machine);
        if (isGrubScript(menu)) scripts.set(menu, new Set([...(scripts.get(menu) ?? []), ...use.machines]));
      }
    }
    const all = machines.size === 0 ? [] : await user.check(set, wholes);
    const problems = all.filter(({ template }) => parts.has(template));
    if (scripts.size === 0) return { machines, problems };
    const grub = await this.#grub({ texts, set }, scripts);
    return { machines, problems: [...problems, ...grub.problems], grub: grub.report };
  }

  async #grub(
    { texts, set }: ServedTemplates,
    scripts: ReadonlyMap<string, ReadonlySet<string>>,
  ): Promise<{ readonly report: GrubReport; readonly problems: readonly TemplateProblem[] }> {
    const { grubCheck, clock } = this.#parts;
    const problems: TemplateProblem[] = [];
    const endMs = clock.monotonic() + maxGrubMs;
    let checked = 0;
    let leftOut = 0;
    for (const [menu, machines] of scripts) {
      for (const { text, of } of await this.#shapes(menu, machines, set)) {
        if (checked >= maxScripts || clock.monotonic() > endMs) {
          leftOut++;
          continue;
        }
        const verdict = await grubCheck(text);
        if (verdict.kind === 'not-checked') return { report: verdict, problems: [] };
        checked++;
        if (verdict.kind === 'sound') continue;
        const rendered = text.split('\n')[(verdict.line ?? 0) - 1]?.trim();
        const place = { template: `${menu}.hbs`, line: lineOf(rendered, texts.get(menu) ?? '') };
        const where = verdict.line === undefined ? '' : ` at line ${verdict.line} of the rendered file (${(rendered ?? '').slice(0, 120)})`;
        for (const machine of of) problems.push({ ...place, machine, message: `GRUB cannot read it: ${verdict.message}${where}` });
      }
    }
    return { report: { kind: 'checked', scripts: checked, leftOut }, problems };
  }

  /** Ten thousand machines of one profile differ in their names and addresses, which no syntax depends on. */
  async #shapes(
    menu: string,
    machines: ReadonlySet<string>,
    set: TemplateSet,
  ): Promise<readonly { readonly text: string; readonly of: readonly string[] }[]> {
    const shapes = new Map<string, { readonly text: string; readonly of: string[] }>();
    let renderings = 0;
    for (const machine of machines) {
      if (++renderings % renderingsPerTurn === 0) await nextTurn();
      const preview = this.#parts.user.preview(machine, menu, set);
      // What cannot be rendered is said by then, and an image that is not published yet is no fault of a template.
      if (preview.kind !== 'files') continue;
      for (const file of preview.files) {
        if (file.template !== menu) continue;
        const text = Buffer.from(file.bytes).toString();
        const shape = shapeOf(text, machine);
        const same = shapes.get(shape);
        if (same === undefined) shapes.set(shape, { text, of: [machine] });
        else same.of.push(machine);
      }
    }
    return [...shapes.values()];
  }
}

export function problemsOfBroken({ problems, broken }: TemplateCheck): readonly TemplateProblem[] {
  const names = new Set(broken);
  return problems.filter(({ machine }) => machine !== undefined && names.has(machine));
}

/** Why a text is not published. */
export function brokenReason(name: string, check: TemplateCheck): string {
  const { broken, machines } = check;
  const shown = problemsOfBroken(check).slice(0, 5);
  const told = new Set(shown.map(({ machine }) => machine));
  const others = broken.filter((machine) => !told.has(machine));
  const more = others.length > 0 ? [`and ${others.slice(0, 20).join(', ')}${others.length > 20 ? ', ...' : ''}`] : [];
  const lines = [...shown.map(formatProblem), ...more];
  return [`${name} would break ${broken.length} of ${machines} machines; correct it, or force it:`, ...lines].join('\n');
}

function keyOf({ template, machine, variable, message }: TemplateProblem): string {
  return JSON.stringify([template, machine, variable, message.replace(/ at line \d+ of the rendered file.*$/s, '')]);
}

function shapeOf(text: string, machine: string): string {
  const bare = text
    .replaceAll(machine, '{name}')
    .replaceAll(/\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b/gi, '{mac}')
    .replaceAll(/\b\d{1,3}(?:\.\d{1,3}){3}\b/g, '{address}');
  return createHash('sha256').update(bare).digest('base64');
}

/** Where the template has this very line; its first one where the line was made from values. */
function lineOf(rendered: string | undefined, text: string): number {
  if (rendered === undefined || rendered === '') return 1;
  const index = text.split('\n').findIndex((line) => line.trim() === rendered);
  return index === -1 ? 1 : index + 1;
}
