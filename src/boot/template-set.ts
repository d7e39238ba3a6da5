import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Handlebars from 'handlebars';
import { effortFault } from './template-effort.ts';
import { TemplateError, type TemplateProblem } from './template-error.ts';
import { templateHelpers } from './template-helpers.ts';
import {
  type ParsedTemplate,
  TemplateInterpreter,
  type TemplateLimits,
  templateLimits,
  type TemplateValue,
} from './template-interpreter.ts';

const suffix = '.hbs';

interface KeptTemplate extends ParsedTemplate {
  readonly text: string;
  /** The names of the templates that it asks for itself. */
  readonly partials: ReadonlySet<string>;
}

/** One consistent state of all templates. It never changes: a new state is a new set. */
export class TemplateSet {
  /** Of all texts together: two sets with one hash render alike. */
  readonly sha256: string;
  readonly #templates: ReadonlyMap<string, KeptTemplate>;
  readonly #limits: TemplateLimits;

  private constructor(templates: ReadonlyMap<string, KeptTemplate>, sha256: string, limits: TemplateLimits) {
    this.#templates = templates;
    this.sha256 = sha256;
    this.#limits = limits;
  }

  /**
   * Parses texts by name, such as `menu.lst`. Every template can be a partial of every other.
   * @param known a set with the same texts among its own: those need not be parsed again
   * @returns the set, or all problems at once
   */
  static parse(
    texts: ReadonlyMap<string, string>,
    limits: TemplateLimits = templateLimits,
    known?: TemplateSet,
  ): TemplateSet | readonly TemplateProblem[] {
    const problems: TemplateProblem[] = [];
    const templates = new Map<string, KeptTemplate>();
    const hash = createHash('sha256');
    for (const [name, text] of [...texts].sort(([left], [right]) => (left < right ? -1 : 1))) {
      const file = `${name}${suffix}`;
      hash.update(JSON.stringify([name, text]));
      const kept = known === undefined ? undefined : known.#templates.get(name);
      const effort = kept?.text === text ? undefined : effortFault(text);
      if (effort !== undefined) problems.push({ template: file, ...effort });
      if (effort !== undefined) continue;
      try {
        templates.set(name, kept?.text === text ? kept : parsed(name, text));
      } catch (error) {
        problems.push(parseProblem(file, error as Error));
      }
    }
    return problems.length > 0 ? problems : new TemplateSet(templates, hash.digest('hex'), limits);
  }

  /** @throws Error where the folder cannot be read. */
  static async read(folder: string): Promise<TemplateSet | readonly TemplateProblem[]> {
    const files = (await readdir(folder)).filter((file) => file.endsWith(suffix));
    const texts = await Promise.all(
      files.map(async (file) => [file.slice(0, -suffix.length), await readFile(join(folder, file), 'utf8')] as const),
    );
    return TemplateSet.parse(new Map(texts));
  }

  get names(): readonly string[] {
    return [...this.#templates.keys()];
  }

  has(name: string): boolean {
    return this.#templates.has(name);
  }

  /** The names of the templates that one asks for itself, whether there are such or not. */
  partialsOf(name: string): ReadonlySet<string> {
    return this.#templates.get(name)?.partials ?? new Set();
  }

  /** @throws TemplateError with template, line and variable. */
  render(name: string, context: TemplateValue): string {
    const template = this.#templates.get(name);
    if (template === undefined) {
      const known = this.names.join(', ');
      throw new TemplateError(`there is no such template; there are ${known === '' ? 'none' : known}`, {
        template: `${name}${suffix}`,
        line: 1,
      });
    }
    return new TemplateInterpreter(template, this.#templates, templateHelpers, this.#limits).render(context);
  }
}

function parsed(name: string, text: string): KeptTemplate {
  const file = `${name}${suffix}`;
  const program = Handlebars.parse(text, { srcName: file });
  const partials = new Set<string>();
  class PartialNames extends Handlebars.Visitor {
    override PartialStatement(node: hbs.AST.PartialStatement): void {
      if (node.name.type === 'PathExpression') partials.add(node.name.original);
    }
  }
  new PartialNames().accept(program);
  return { name, file, program, text, partials };
}

function parseProblem(template: string, error: Error): TemplateProblem {
  const byHandlebars = error as Error & { lineNumber?: number };
  const line = byHandlebars.lineNumber ?? Number(/line (\d+)/.exec(error.message)?.[1] ?? 1);
  return { template, line, message: error.message.replace(/^Parse error on line \d+:\s*/, '').replaceAll('\n', ' ') };
}
