import { exhausted, Failure, spend } from './budget.ts';
import type { Budget } from './budget.ts';
import { parsePattern } from './pattern-syntax.ts';
import type { PatternNode } from './pattern-syntax.ts';

/*
 * Regular expressions as CEL means them (those of RE2: found anywhere in the text, no look-around, no back references), matched in
 * time that grows with the text times the pattern and no faster: all ways through the pattern are walked at once (Thompson, 1968).
 * JavaScript's own can take for ever over `(a+)+b`.
 */

const maxInstructions = 1024;
const keptPrograms = 64;

type Instruction =
  | { readonly op: 'letter'; readonly test: (code: number) => boolean }
  | { readonly op: 'split'; first: number; second: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'begin' | 'end' | 'found' };

type Program = readonly Instruction[];

const programs = new Map<string, Program | string>();

/** What is wrong with a pattern; nothing when it can be used. */
export function patternProblem(pattern: string): string | undefined {
  const program = programOf(pattern);
  return typeof program === 'string' ? program : undefined;
}

export function matchesPattern(text: string, pattern: string, budget: Budget): boolean | Failure {
  const program = programOf(pattern);
  return typeof program === 'string' ? new Failure(program) : run(program, text, budget);
}

function programOf(pattern: string): Program | string {
  const known = programs.get(pattern);
  if (known !== undefined) return known;
  const parsed = parsePattern(pattern);
  const program = typeof parsed === 'string' ? `the pattern ${JSON.stringify(pattern.slice(0, 64))}: ${parsed}` : compile(parsed);
  if (programs.size >= keptPrograms) programs.clear();
  programs.set(pattern, program);
  return program;
}

function compile(node: PatternNode): Program | string {
  const program: Instruction[] = [];
  emit(node, program);
  program.push({ op: 'found' });
  return program.length > maxInstructions ? `a pattern of more than ${maxInstructions} steps: shorten it, or its {repetitions}` : program;
}

function emit(node: PatternNode, program: Instruction[]): void {
  if (program.length > maxInstructions) return;
  switch (node.kind) {
    case 'letter':
      program.push({ op: 'letter', test: node.test });
      return;
    case 'begin':
    case 'end':
      program.push({ op: node.kind });
      return;
    case 'sequence':
      for (const part of node.parts) emit(part, program);
      return;
    case 'either':
      emitEither(node.ways, program);
      return;
    case 'repeat':
      emitRepeat(node, program);
  }
}

function emitEither(ways: readonly PatternNode[], program: Instruction[]): void {
  const jumps: { op: 'jump'; to: number }[] = [];
  for (const [index, way] of ways.entries()) {
    const split = { op: 'split' as const, first: program.length + 1, second: 0 };
    if (index < ways.length - 1) program.push(split);
    emit(way, program);
    if (index === ways.length - 1) break;
    const jump = { op: 'jump' as const, to: 0 };
    program.push(jump);
    jumps.push(jump);
    split.second = program.length;
  }
  for (const jump of jumps) jump.to = program.length;
}

function emitRepeat({ node, least, most }: Extract<PatternNode, { kind: 'repeat' }>, program: Instruction[]): void {
  for (let times = 0; times < least; times++) {
    const before = program.length;
    emit(node, program);
    if (program.length === before) break; // of nothing, once is enough
  }
  if (most === Infinity) {
    const start = program.length;
    const split = { op: 'split' as const, first: start + 1, second: 0 };
    program.push(split);
    emit(node, program);
    program.push({ op: 'jump', to: start });
    split.second = program.length;
    return;
  }
  const splits: { op: 'split'; first: number; second: number }[] = [];
  for (let times = least; times < most && program.length <= maxInstructions; times++) {
    const split = { op: 'split' as const, first: program.length + 1, second: 0 };
    program.push(split);
    splits.push(split);
    emit(node, program);
  }
  for (const split of splits) split.second = program.length;
}

function run(program: Program, text: string, budget: Budget): boolean | Failure {
  const seenAt = new Int32Array(program.length).fill(-1);
  let states: number[] = [];
  for (let at = 0; at <= text.length; at++) {
    const here: number[] = [];
    for (const state of [...states, 0]) if (follow(program, state, at, text.length, seenAt, here)) return true;
    if (!spend(budget, 1 + (here.length >> 1))) return exhausted;
    states = [];
    const code = at < text.length ? text.charCodeAt(at) : -1;
    for (const state of here) {
      const instruction = program[state];
      if (instruction?.op === 'letter' && code >= 0 && instruction.test(code)) states.push(state + 1);
    }
  }
  return false;
}

/** Puts what waits for a letter at `at` into `here`; true when the end of the pattern is reached. */
function follow(program: Program, from: number, at: number, length: number, seenAt: Int32Array, here: number[]): boolean {
  const open = [from];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (seenAt[state] === at) continue;
    seenAt[state] = at;
    const instruction = program[state];
    if (instruction === undefined) continue;
    if (instruction.op === 'found') return true;
    if (instruction.op === 'letter') here.push(state);
    else if (instruction.op === 'jump') open.push(instruction.to);
    else if (instruction.op === 'split') open.push(instruction.second, instruction.first);
    else if (instruction.op === 'begin' ? at === 0 : at === length) open.push(state + 1);
  }
  return false;
}
