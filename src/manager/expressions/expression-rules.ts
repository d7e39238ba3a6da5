import type { ASTNode } from '@marcbachmann/cel-js';
import { didYouMean } from '../../documents/problems.ts';
import { callable, functions, loops, methods } from './expression-functions.ts';
import { operandsOf } from './expression-reads.ts';
import { patternProblem } from './pattern.ts';

export interface BrokenRule {
  readonly offset: number;
  readonly detail: string;
}

/** What the language has, and expressions here may not: everything at once. */
export function brokenRules(root: ASTNode): BrokenRule[] {
  const broken: BrokenRule[] = [];
  const walk = (node: ASTNode, loop: string | undefined): void => {
    const detail = problemOf(node, loop);
    if (detail !== undefined) broken.push({ offset: node.start, detail });
    const isLoop = node.op === 'rcall' && loops.has(node.args[0]);
    for (const [index, operand] of operandsOf(node).entries()) walk(operand, isLoop && index > 0 ? node.args[0] : loop);
  };
  walk(root, undefined);
  return broken;
}

function problemOf(node: ASTNode, loop: string | undefined): string | undefined {
  if (node.op === 'rcall') return callProblem(node, loop);
  if (node.op === 'map') return 'maps are not written in expressions here';
  if (node.op === 'id' && (node.args === 'cel' || node.args === 'google')) return `there is no variable ${node.args}`;
  if (node.op === 'call' && node.args[0] !== 'has' && !Object.hasOwn(functions, node.args[0])) return unknownCall(node.args[0]);
  if (node.op === 'value' && node.args !== null && typeof node.args === 'object')
    return 'expected a number, a text, true, false or null: bytes and unsigned numbers are not there';
  return undefined;
}

function callProblem(node: Extract<ASTNode, { op: 'rcall' }>, loop: string | undefined): string | undefined {
  const [name, , args] = node.args;
  if (loops.has(name)) {
    if (args[0]?.op !== 'id') return `${name}(): its first argument names the element, as in ${name}(a, ...)`;
    return loop === undefined ? undefined : `${name}() inside ${loop}(): loops within loops are not there; use in, or a field that counts`;
  }
  if (!Object.hasOwn(methods, name)) return unknownCall(name);
  const [pattern] = args;
  if (name !== 'matches' || pattern === undefined) return undefined;
  if (pattern.op !== 'value' || typeof pattern.args !== 'string')
    return 'matches(): the pattern stands in the expression itself, as a text';
  return patternProblem(pattern.args);
}

function unknownCall(name: string): string {
  return `there is no ${name}()${didYouMean(name, callable) || `; there are ${callable.join(', ')}`}`;
}
