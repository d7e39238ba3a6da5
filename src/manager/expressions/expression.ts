import { EvaluationError, ParseError, TypeError as CelTypeError } from '@marcbachmann/cel-js';
import type { ASTNode } from '@marcbachmann/cel-js';
import { didYouMean } from '../../documents/problems.ts';
import { Failure } from './budget.ts';
import type { Budget } from './budget.ts';
import { Evaluation } from './evaluate.ts';
import type { Context } from './evaluate.ts';
import { readsOf } from './expression-reads.ts';
import type { ReadPath } from './expression-reads.ts';
import { brokenRules } from './expression-rules.ts';
import { environmentOf, limits, wordsOf } from './expression-types.ts';
import type { Kinds } from './expression-types.ts';

export interface ExpressionProblem {
  /** In letters from the beginning of the text. */
  readonly offset: number;
  /** From 1. */
  readonly line: number;
  readonly detail: string;
}

export type ExpressionOutcome =
  | { readonly kind: 'value'; readonly value: unknown }
  /** Something that it reads is not there or of another type, or the budget is used up. */
  | { readonly kind: 'error'; readonly reason: string };

export interface Expression {
  readonly text: string;
  /** CEL's name of the type: `bool`, or `dyn` where it is only known when it is evaluated. */
  readonly type: string;
  readonly reads: readonly ReadPath[];
  /** Whole numbers that CEL counts with are bigints in the value; numbers of the context stay as they are. Never throws. */
  evaluate(context: Context, budget: Budget): ExpressionOutcome;
}

export type Compiled =
  | { readonly kind: 'compiled'; readonly expression: Expression }
  | { readonly kind: 'refused'; readonly problems: readonly ExpressionProblem[] };

/** Checks a CEL expression as far as it can be checked without values: its size, names, types, calls and patterns. */
export function compileExpression(text: string, kinds: Kinds): Compiled {
  const refused = (problems: readonly { offset: number; detail: string }[]): Compiled => ({
    kind: 'refused',
    problems: problems.map(({ offset, detail }) => ({ offset, line: lineOf(text, offset), detail })),
  });
  if (text.length > limits.letters)
    return refused([{ offset: limits.letters, detail: `an expression has at most ${limits.letters} letters, this one ${text.length}` }]);
  const environment = environmentOf(kinds);
  let ast: ASTNode;
  try {
    const parsed = environment.parse(text);
    ast = parsed.ast;
    const broken = brokenRules(ast);
    if (broken.length > 0) return refused(broken);
    const checked = parsed.check();
    if (!checked.valid) return refused([problemOf(checked.error, kinds)]);
    return { kind: 'compiled', expression: new CheckedExpression(text, checked.type ?? 'dyn', ast) };
  } catch (error) {
    return refused([problemOf(error, kinds)]);
  }
}

class CheckedExpression implements Expression {
  readonly text: string;
  readonly type: string;
  readonly reads: readonly ReadPath[];
  readonly #ast: ASTNode;

  constructor(text: string, type: string, ast: ASTNode) {
    this.text = text;
    this.type = type;
    this.#ast = ast;
    this.reads = readsOf(ast);
  }

  evaluate(context: Context, budget: Budget): ExpressionOutcome {
    const value = new Evaluation(context, budget).run(this.#ast);
    return value instanceof Failure ? { kind: 'error', reason: value.reason } : { kind: 'value', value };
  }
}

function problemOf(error: unknown, kinds: Kinds): { offset: number; detail: string } {
  if (!(error instanceof ParseError || error instanceof CelTypeError || error instanceof EvaluationError)) throw error;
  const offset = error.range?.start ?? 0;
  const word = /^(?:No such key|Unknown variable): (.*)$/s.exec(error.summary)?.[1];
  if (error.code === 'unknown_variable')
    return {
      offset,
      detail: `there is no variable ${word}${didYouMean(word ?? '', Object.keys(kinds)) || `; there are ${Object.keys(kinds).join(', ')}`}`,
    };
  if (error.code === 'no_such_key') return { offset, detail: `there is no field ${word}${didYouMean(word ?? '', wordsOf(kinds))}` };
  if (error.code === 'limit_exceeded') return { offset, detail: `too large: ${limitText(error.summary)}` };
  return { offset, detail: error.summary };
}

function limitText(summary: string): string {
  if (summary.includes('maxDepth')) return `nested at most ${limits.depth} deep`;
  if (summary.includes('maxAstNodes')) return `at most ${limits.nodes} names, values and operators`;
  if (summary.includes('maxListElements')) return `at most ${limits.listElements} elements in a list`;
  return summary.includes('maxMapEntries') ? 'maps are not written in expressions here' : `at most ${limits.callArguments} arguments`;
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
