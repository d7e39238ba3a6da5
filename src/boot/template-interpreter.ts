import { TemplateError } from './template-error.ts';

/** What a template may hold: plain data, read by own properties only. */
export type TemplateValue = string | number | boolean | readonly TemplateValue[] | { readonly [name: string]: TemplateValue };

/** A template after parsing: its file name for errors, and Handlebars' syntax tree. */
export interface ParsedTemplate {
  readonly name: string;
  /** As people know it: `menu.lst.hbs`. */
  readonly file: string;
  readonly program: hbs.AST.Program;
}

/** A helper gets resolved values; as a block also what stands inside. It throws Error to refuse a value. */
export type TemplateHelper = (values: readonly TemplateValue[], body: string | undefined) => TemplateValue;

export interface TemplateLimits {
  /** Nodes that one rendering may visit: bounds its time. */
  readonly steps: number;
  readonly outputCharacters: number;
  /** Partials within partials. */
  readonly partialDepth: number;
}

export const templateLimits: TemplateLimits = { steps: 20_000, outputCharacters: 256 * 1024, partialDepth: 16 };

/** Blocks within blocks, through all partials: the stack holds ten times as many. */
const maxNesting = 300;

interface Scope {
  readonly value: TemplateValue;
  readonly parent?: Scope;
  readonly data: Readonly<Record<string, TemplateValue>>;
  readonly blockParams: Readonly<Record<string, TemplateValue>>;
}

/**
 * Renders one template by walking its syntax tree. Handlebars' own compiler is not used: it renders a missing variable in
 * an argument as nothing, a record as "[object Object]", and cannot be stopped. Here each path must lead to a value, only
 * own properties are read, and steps, output and nesting are bounded.
 */
export class TemplateInterpreter {
  readonly #partials: ReadonlyMap<string, ParsedTemplate>;
  readonly #helpers: ReadonlyMap<string, TemplateHelper>;
  readonly #limits: TemplateLimits;
  #template: ParsedTemplate;
  #line = 1;
  #steps = 0;
  #characters = 0;
  #depth = 0;
  #nesting = 0;

  constructor(
    template: ParsedTemplate,
    partials: ReadonlyMap<string, ParsedTemplate>,
    helpers: ReadonlyMap<string, TemplateHelper>,
    limits: TemplateLimits = templateLimits,
  ) {
    this.#template = template;
    this.#partials = partials;
    this.#helpers = helpers;
    this.#limits = limits;
  }

  /** @throws TemplateError with template, line and variable. */
  render(root: TemplateValue): string {
    return this.#program(this.#template.program, { value: root, data: { root }, blockParams: {} });
  }

  #program(program: hbs.AST.Program, scope: Scope): string {
    if (++this.#nesting > maxNesting) throw this.#error(`more than ${maxNesting} blocks and partials within each other`);
    const text = program.body.map((statement) => this.#statement(statement, scope)).join('');
    this.#nesting--;
    return text;
  }

  #statement(node: hbs.AST.Statement, scope: Scope): string {
    this.#step(node);
    switch (node.type) {
      case 'ContentStatement':
        return this.#emit((node as hbs.AST.ContentStatement).value);
      case 'CommentStatement':
        return '';
      case 'MustacheStatement':
        return this.#emit(this.#mustache(node as hbs.AST.MustacheStatement, scope));
      case 'BlockStatement':
        return this.#block(node as hbs.AST.BlockStatement, scope);
      case 'PartialStatement':
        return this.#partial(node as hbs.AST.PartialStatement, scope);
      default:
        throw this.#error(`${node.type} is not supported here: use partials in files of their own`);
    }
  }

  #mustache(node: hbs.AST.MustacheStatement, scope: Scope): string {
    const name = sourceOf(node.path);
    const value = this.#expression({ ...node, type: 'SubExpression' }, scope);
    const text = this.#printed(name, value);
    // A line break in a value is a menu line of somebody else's making. Only the operator's own text may have one.
    if (name !== 'verbatim' && /[\0\r\n]/.test(text)) throw this.#error(`${name} holds a line break or NUL`, name);
    return text;
  }

  #printed(name: string, value: TemplateValue): string {
    if (typeof value === 'object') throw this.#error(`${name} is ${kindOf(value)}, not a text, number or boolean`, name);
    return String(value);
  }

  #block(node: hbs.AST.BlockStatement, scope: Scope): string {
    const name = node.path.original;
    const inverse = (): string => ((node.inverse as hbs.AST.Program | undefined) === undefined ? '' : this.#program(node.inverse, scope));
    const program = node.program as hbs.AST.Program | undefined;
    if (program === undefined) throw this.#error(`{{^${name}}} is not supported: write {{#unless}}`);
    const main = (inner: Scope = scope): string => this.#program(program, inner);
    switch (name) {
      case 'if':
      case 'unless': {
        const value = this.#only(node, scope);
        if (isRecord(value)) throw this.#error(`{{#${name}}} got a record`, sourceOf(node.params[0]));
        return isTruthy(value) === (name === 'if') ? main() : inverse();
      }
      case 'each':
        return this.#each(node, scope, main, inverse);
      case 'with': {
        const value = this.#only(node, scope);
        return main({ value, parent: scope, data: scope.data, blockParams: named(program.blockParams, [value], scope) });
      }
      default: {
        const helper = this.#helpers.get(name);
        if (helper === undefined)
          throw this.#error(`there is no block {{#${name}}}: for a condition write {{#if}}, for a list {{#each}}`, name);
        const values = node.params.map((param) => this.#expression(param, scope));
        const before = this.#characters;
        const body = main();
        this.#characters = before;
        this.#line = node.loc.start.line;
        return this.#emit(this.#printed(name, this.#call(name, helper, values, body)));
      }
    }
  }

  #each(node: hbs.AST.BlockStatement, scope: Scope, main: (inner: Scope) => string, inverse: () => string): string {
    const value = this.#only(node, scope);
    if (typeof value !== 'object')
      throw this.#error(`{{#each}} needs a list, and ${sourceOf(node.params[0])} is ${kindOf(value)}`, sourceOf(node.params[0]));
    const items: readonly (readonly [number | string, TemplateValue])[] = isList(value) ? [...value.entries()] : Object.entries(value);
    if (items.length === 0) return inverse();
    return items
      .map(([key, item], index) => {
        this.#step(node);
        const data = { ...scope.data, key, index, first: index === 0, last: index === items.length - 1 };
        return main({ value: item, parent: scope, data, blockParams: named(node.program.blockParams, [item, key], scope) });
      })
      .join('');
  }

  #partial(node: hbs.AST.PartialStatement, scope: Scope): string {
    if (node.name.type !== 'PathExpression') throw this.#error('the name of a partial must stand in the template itself');
    const name = sourceOf(node.name);
    const partial = this.#partials.get(name);
    if (partial === undefined) throw this.#error(`there is no partial ${name}`, name);
    if (this.#depth >= this.#limits.partialDepth)
      throw this.#error(`more than ${this.#limits.partialDepth} partials within each other`, name);
    const [own] = node.params;
    const value = own === undefined ? scope.value : this.#expression(own, scope);
    const hash = Object.fromEntries(pairsOf(node.hash).map((pair) => [pair.key, this.#expression(pair.value, scope)]));
    const merged = Object.keys(hash).length === 0 ? value : { ...(isRecord(value) ? value : {}), ...hash };

    const caller = { template: this.#template, line: this.#line };
    this.#template = partial;
    this.#depth++;
    const text = this.#program(partial.program, { ...scope, value: merged, blockParams: {} });
    this.#depth--;
    this.#template = caller.template;
    this.#line = caller.line;
    return node.indent === '' ? text : indented(text, node.indent);
  }

  /** A literal, a path that must lead somewhere, or a call of a helper. */
  #expression(node: hbs.AST.Expression, scope: Scope): TemplateValue {
    this.#step(node);
    switch (node.type) {
      case 'StringLiteral':
      case 'NumberLiteral':
      case 'BooleanLiteral':
        return (node as hbs.AST.StringLiteral).value;
      case 'PathExpression': {
        const path = node as hbs.AST.PathExpression;
        const found = this.#lookUp(path, scope);
        if (found === undefined) throw this.#error(`${path.original} is missing`, path.original);
        return found;
      }
      case 'SubExpression':
        return this.#subExpression(node as hbs.AST.SubExpression, scope);
      default:
        throw this.#error(`${node.type} cannot stand here`);
    }
  }

  #subExpression(node: hbs.AST.SubExpression, scope: Scope): TemplateValue {
    const { path, params } = node;
    const name = sourceOf(path);
    if (pairsOf(node.hash).length > 0) throw this.#error(`helper ${name} takes no named values`, name);
    if (name === 'has') return this.#optional(params[0], scope) !== undefined;
    if (name === 'default') {
      const [wanted, fallback] = params;
      if (wanted === undefined || fallback === undefined) throw this.#error('default needs a path and a value');
      return this.#optional(wanted, scope) ?? this.#expression(fallback, scope);
    }
    const helper = this.#helpers.get(name);
    if (helper !== undefined) {
      const values = params.map((param) => this.#expression(param, scope));
      return this.#call(name, helper, values, undefined);
    }
    if (params.length > 0) throw this.#error(`there is no helper ${name}`, name);
    return this.#expression(path, scope);
  }

  /** For `has` and `default`: the one place where a path may lead nowhere. A text is taken as a path from the root. */
  #optional(node: hbs.AST.Expression | undefined, scope: Scope): TemplateValue | undefined {
    if (node?.type === 'PathExpression') return this.#lookUp(node as hbs.AST.PathExpression, scope);
    if (node?.type !== 'StringLiteral') throw this.#error('has and default need a path, such as parameters.timeout');
    return ownPath(scope.data['root'] ?? {}, (node as hbs.AST.StringLiteral).value.split('.'));
  }

  #lookUp(path: hbs.AST.PathExpression, scope: Scope): TemplateValue | undefined {
    const [first = '', ...rest] = path.parts;
    if (path.data) return ownPath(scope.data, path.parts);
    const isThis = /^(?:this|\.\/|\.\.)/.test(path.original);
    if (!isThis && path.depth === 0 && Object.hasOwn(scope.blockParams, first)) return ownPath(scope.blockParams[first] ?? {}, rest);
    let from: Scope | undefined = scope;
    for (let level = 0; level < path.depth; level++) from = from?.parent;
    return from === undefined ? undefined : ownPath(from.value, path.parts);
  }

  #only(node: hbs.AST.BlockStatement, scope: Scope): TemplateValue {
    const [param, ...more] = node.params;
    if (param === undefined || more.length > 0) throw this.#error(`{{#${node.path.original}}} needs exactly one value`);
    return this.#expression(param, scope);
  }

  #call(name: string, helper: TemplateHelper, values: readonly TemplateValue[], body: string | undefined): TemplateValue {
    try {
      return helper(values, body);
    } catch (error) {
      throw this.#error(`${name}: ${(error as Error).message}`, name);
    }
  }

  #step(node: hbs.AST.Node): void {
    this.#line = node.loc.start.line;
    if (++this.#steps > this.#limits.steps) throw this.#error(`the template takes more than ${this.#limits.steps} steps`);
  }

  #emit(text: string): string {
    this.#characters += text.length;
    if (this.#characters > this.#limits.outputCharacters)
      throw this.#error(`the file grows beyond ${this.#limits.outputCharacters} characters`);
    return text;
  }

  #error(message: string, variable?: string): TemplateError {
    return new TemplateError(message, { template: this.#template.file, line: this.#line, ...(variable !== undefined && { variable }) });
  }
}

/** As Handlebars indents a partial that stands alone on its line. */
function indented(text: string, indent: string): string {
  const lines = text.split('\n');
  return lines.map((line, index) => (line === '' && index === lines.length - 1 ? '' : indent + line)).join('\n');
}

function ownPath(from: TemplateValue, parts: readonly string[]): TemplateValue | undefined {
  let value: TemplateValue | undefined = from;
  for (const part of parts) {
    if (typeof value !== 'object' || !Object.hasOwn(value, part)) return undefined;
    value = (value as Readonly<Record<string, TemplateValue | undefined>>)[part];
  }
  return value;
}

function named(names: readonly string[] | undefined, values: readonly TemplateValue[], scope: Scope): Scope['blockParams'] {
  const pairs = (names ?? []).flatMap((name, index) => {
    const value = values[index];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...scope.blockParams, ...Object.fromEntries(pairs) };
}

function pairsOf(hash: hbs.AST.Hash | undefined): readonly hbs.AST.HashPair[] {
  return hash?.pairs ?? [];
}

function isList(value: TemplateValue): value is readonly TemplateValue[] {
  return Array.isArray(value);
}

function isRecord(value: TemplateValue): value is { readonly [name: string]: TemplateValue } {
  return typeof value === 'object' && !Array.isArray(value);
}

/** As Handlebars sees it: an empty text, zero and an empty list are false. */
export function isTruthy(value: TemplateValue): boolean {
  return isList(value) ? value.length > 0 : Boolean(value);
}

function kindOf(value: TemplateValue): string {
  return typeof value === 'object' ? (Array.isArray(value) ? 'a list' : 'a record') : `a ${typeof value}`;
}

function sourceOf(node: hbs.AST.Expression | undefined): string {
  return node === undefined ? '' : `${(node as hbs.AST.PathExpression | hbs.AST.NumberLiteral).original}`;
}
