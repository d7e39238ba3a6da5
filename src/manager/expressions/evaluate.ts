import type { ASTNode, BinaryOperator } from '@marcbachmann/cel-js';
import { exhausted, Failure, spend } from './budget.ts';
import type { Budget } from './budget.ts';
import { functions, methods, typeName } from './expression-functions.ts';
import { binary, negate } from './expression-operators.ts';

/** Plain JSON: what variables and fields hold. */
export type Context = Readonly<Record<string, unknown>>;

/** The variable of a loop, before those around it. */
interface Scope {
  readonly name: string;
  readonly value: unknown;
  readonly outer?: Scope;
}

type NodeOf<Op extends ASTNode['op']> = Extract<ASTNode, { op: Op }>;
type Loop = NodeOf<'rcall'>;

/**
 * The value of a checked expression, or why it has none. Never throws, and costs no more than the budget: what has been spent is gone,
 * also where it failed.
 */
export class Evaluation {
  readonly #context: Context;
  readonly #budget: Budget;

  constructor(context: Context, budget: Budget) {
    this.#context = context;
    this.#budget = budget;
  }

  run(node: ASTNode, scope?: Scope): unknown {
    if (!spend(this.#budget, 1)) return exhausted;
    switch (node.op) {
      case 'value':
        return node.args;
      case 'id':
        return this.#variable(node.args, scope);
      case '.':
        return this.#field(node, scope);
      case '[]':
        return this.#element(node, scope);
      case 'call':
        return node.args[0] === 'has' ? this.#has(node.args[1][0], scope) : this.#call(functions, node.args[0], node.args[1], scope, node);
      case 'rcall':
        return this.#method(node, scope);
      case 'list':
        return this.#all(node.args, scope);
      case '?:':
        return this.#choice(node, scope);
      case '&&':
        return this.#logical(node, false, scope);
      case '||':
        return this.#logical(node, true, scope);
      case '!_':
        return this.#not(node.args, scope);
      case '-_': {
        const value = this.run(node.args, scope);
        return value instanceof Failure ? value : negate(value);
      }
      case '.?':
      case '[?]':
      case 'map':
        return new Failure(`${textOf(node)}: this is not part of the language here`);
      case '==':
      case '!=':
      case '<':
      case '<=':
      case '>':
      case '>=':
      case 'in':
      case '+':
      case '-':
      case '*':
      case '/':
      case '%':
        return this.#binary(node, scope);
    }
  }

  #variable(name: string, scope?: Scope): unknown {
    for (let each = scope; each !== undefined; each = each.outer) if (each.name === name) return each.value;
    return Object.hasOwn(this.#context, name) ? this.#context[name] : new Failure(`${name} is not there`);
  }

  #field(node: NodeOf<'.'>, scope?: Scope): unknown {
    const [of, name] = node.args;
    const value = this.run(of, scope);
    if (value instanceof Failure) return value;
    return fieldOf(value, name) ?? missing(node, scope);
  }

  #element(node: NodeOf<'[]'>, scope?: Scope): unknown {
    const value = this.run(node.args[0], scope);
    if (value instanceof Failure) return value;
    const key = this.run(node.args[1], scope);
    if (key instanceof Failure) return key;
    if (typeof key === 'string') return fieldOf(value, key) ?? missing(node, scope);
    if (!Array.isArray(value) || (typeof key !== 'bigint' && typeof key !== 'number'))
      return new Failure(`${textOf(node)}: ${typeName(value)} has no element by ${typeName(key)}`);
    return (value[Number(key)] as unknown) ?? missing(node, scope);
  }

  #has(node: ASTNode | undefined, scope?: Scope): unknown {
    if (node?.op !== '.') return new Failure('has(): expected a field such as agent.properties.load');
    const value = this.run(node.args[0], scope);
    return value instanceof Failure ? value : fieldOf(value, node.args[1]) !== undefined;
  }

  #call(table: typeof functions, name: string, args: readonly ASTNode[], scope: Scope | undefined, node: ASTNode): unknown {
    const known = Object.hasOwn(table, name) ? table[name] : undefined;
    if (known === undefined) return new Failure(`${name}() is not there`);
    const values = this.#all(args, scope);
    if (values instanceof Failure) return values;
    const outcome = known(values, this.#budget);
    return outcome instanceof Failure && !outcome.fatal ? new Failure(`${textOf(node)}: ${outcome.reason}`) : outcome;
  }

  #all(nodes: readonly ASTNode[], scope?: Scope): unknown[] | Failure {
    const values: unknown[] = [];
    for (const node of nodes) {
      const value = this.run(node, scope);
      if (value instanceof Failure) return value;
      values.push(value);
    }
    return values;
  }

  #binary(node: NodeOf<BinaryOperator>, scope?: Scope): unknown {
    const [leftNode, rightNode] = node.args;
    const left = this.run(leftNode, scope);
    if (left instanceof Failure) return left;
    const right = this.run(rightNode, scope);
    if (right instanceof Failure) return right;
    const outcome = binary(node.op, left, right, this.#budget);
    return outcome instanceof Failure && !outcome.fatal ? new Failure(`${textOf(node)}: ${outcome.reason}`) : outcome;
  }

  #not(node: ASTNode, scope?: Scope): unknown {
    const value = this.#bool(node, scope);
    return typeof value === 'boolean' ? !value : value;
  }

  #choice(node: NodeOf<'?:'>, scope?: Scope): unknown {
    const [condition, yes, no] = node.args;
    const value = this.#bool(condition, scope);
    if (value instanceof Failure) return value;
    return this.run(value ? yes : no, scope);
  }

  /** `decided` on either side decides, whatever became of the other (CEL, "Logical Operators"). */
  #logical(node: NodeOf<'&&' | '||'>, decided: boolean, scope?: Scope): boolean | Failure {
    const left = this.#bool(node.args[0], scope);
    if (left === decided) return decided;
    const right = this.#bool(node.args[1], scope);
    if (right === decided || !(left instanceof Failure)) return right;
    return right instanceof Failure && right.fatal ? right : left;
  }

  #bool(node: ASTNode, scope?: Scope): boolean | Failure {
    const value = this.run(node, scope);
    if (typeof value === 'boolean' || value instanceof Failure) return value;
    return new Failure(`${textOf(node)}: expected true or false, found ${typeName(value)}`);
  }

  #method(node: NodeOf<'rcall'>, scope?: Scope): unknown {
    const [name, receiver, args] = node.args;
    switch (name) {
      case 'all':
        return this.#quantifier(node, false, scope);
      case 'exists':
        return this.#quantifier(node, true, scope);
      case 'exists_one':
        return this.#existsOne(node, scope);
      case 'filter':
      case 'map':
        return this.#collect(node, scope);
      default:
        return this.#call(methods, name, [receiver, ...args], scope, node);
    }
  }

  #elements(node: Loop, scope?: Scope): readonly unknown[] | Failure {
    const value = this.run(node.args[1], scope);
    if (value instanceof Failure) return value;
    if (Array.isArray(value)) return value;
    if (typeof value !== 'object' || value === null)
      return new Failure(`${textOf(node)}: expected a list or a map, found ${typeName(value)}`);
    return Object.keys(value);
  }

  /** One element that gives `decided` decides, also where others have no value. */
  #quantifier(node: Loop, decided: boolean, scope?: Scope): boolean | Failure {
    const elements = this.#elements(node, scope);
    if (elements instanceof Failure) return elements;
    let failure: Failure | undefined;
    for (const element of elements) {
      const value = this.#bool(body(node, 1), inner(node, element, scope));
      if (value === decided) return decided;
      if (value instanceof Failure) failure ??= value;
      if (value instanceof Failure && value.fatal) return value;
    }
    return failure ?? !decided;
  }

  #existsOne(node: Loop, scope?: Scope): boolean | Failure {
    const elements = this.#elements(node, scope);
    if (elements instanceof Failure) return elements;
    let found = 0;
    for (const element of elements) {
      const value = this.#bool(body(node, 1), inner(node, element, scope));
      if (value instanceof Failure) return value;
      if (value) found++;
    }
    return found === 1;
  }

  /** `filter(x, wanted)`, `map(x, value)`, `map(x, wanted, value)`. */
  #collect(node: Loop, scope?: Scope): unknown[] | Failure {
    const elements = this.#elements(node, scope);
    if (elements instanceof Failure) return elements;
    const isFilter = node.args[0] === 'filter';
    const wanted = isFilter || node.args[2].length > 2 ? body(node, 1) : undefined;
    const result = isFilter ? undefined : body(node, node.args[2].length - 1);
    const collected: unknown[] = [];
    for (const element of elements) {
      const within = inner(node, element, scope);
      const isWanted = wanted === undefined || this.#bool(wanted, within);
      if (isWanted instanceof Failure) return isWanted;
      if (!isWanted) continue;
      const value = result === undefined ? element : this.run(result, within);
      if (value instanceof Failure) return value;
      collected.push(value);
    }
    return collected;
  }
}

function body(node: Loop, index: number): ASTNode {
  return node.args[2][index] ?? node;
}

function inner(node: Loop, value: unknown, outer?: Scope): Scope {
  const [variable] = node.args[2];
  const name = variable?.op === 'id' ? variable.args : '';
  return outer === undefined ? { name, value } : { name, value, outer };
}

/** Own fields only: nothing of JavaScript is reached. */
function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return undefined;
  return value[name as never];
}

function missing(node: ASTNode, scope?: Scope): Failure {
  const who = fieldOf(scope?.value, 'name');
  const whose = typeof who === 'string' && scope !== undefined ? ` (${scope.name} is ${who})` : '';
  return new Failure(`${textOf(node)} is not there${whose}`);
}

function textOf(node: ASTNode): string {
  const text = node.input.slice(node.start, node.end).replaceAll(/\s+/g, ' ');
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
