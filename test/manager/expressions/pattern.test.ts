import { describe, expect, it } from 'vitest';
import { newBudget } from '../../../src/manager/expressions/budget.ts';
import { matchesPattern, patternProblem } from '../../../src/manager/expressions/pattern.ts';

const patterns = [
  '',
  'a',
  '^a',
  'a$',
  '^$',
  '^a*$',
  'a+b',
  'ab?c',
  '(ab|cd)+e',
  '(?:a|b)c',
  '[abc]x',
  '[^abc]x',
  '[a-c0-9_]+$',
  '[]a]',
  '[a-]',
  '[\\d-]+',
  '\\d{2,3}x',
  'a{2}',
  'a{2,}b',
  '^(a|)b$',
  '.',
  '^.$',
  'a.c',
  '\\.',
  '\\w+\\s\\W',
  '\\S\\D',
  'a|b|',
  '(a*)*b',
  '(a|b)*abb$',
  '^(?:post|lxb)[0-9]{2}$',
  'a*?b',
  '(^a|b$)',
  'x*',
  '\\t\\n',
  '(a{1,2}){2}$',
  '\\$\\^',
];
const texts = [
  '',
  'a',
  'b',
  'ab',
  'abc',
  'ac',
  'aab',
  'aaab',
  'cdab',
  'abcde',
  'cde',
  'dx',
  'ax',
  '0_9',
  '12x',
  '1234x',
  'a.c',
  'a\nc',
  '\n',
  'foo bar',
  'post01',
  'lxb7',
  'abb',
  'aabb',
  ']',
  '-',
  '5-5',
  '$^',
  '\t\n',
  'a b',
  'ä x',
  '😀',
];

describe('a pattern', () => {
  it.each(patterns)('%j says of each text what JavaScript says', (pattern) => {
    const ours = texts.map((text) => matchesPattern(text, pattern, newBudget()));
    // `[]a]` is a class of ] and a to RE2, and empty to JavaScript.
    const theirs = new RegExp(pattern === '[]a]' ? '[\\]a]' : pattern);
    expect(ours).toEqual(texts.map((text) => theirs.test(text)));
  });

  it('says what JavaScript says of random ones', () => {
    let seed = 11;
    const next = (most: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % most;
    const random = (depth: number): string => {
      const atom =
        depth === 0 || next(3) > 0 ? (['a', 'b', '.', '[ab]', '[^a]'][next(5)] ?? '') : `(${random(depth - 1)}|${random(depth - 1)})`;
      const times = ['', '', '*', '+', '?', '{1,2}'][next(6)] ?? '';
      return `${atom}${times}${next(2) === 0 ? '' : random(Math.max(0, depth - 1))}`;
    };
    for (let run = 0; run < 2000; run++) {
      const pattern = `${next(4) === 0 ? '^' : ''}${random(2)}${next(4) === 0 ? '$' : ''}`;
      const text = Array.from({ length: next(8) }, () => ['a', 'b', 'c'][next(3)]).join('');
      expect([pattern, text, matchesPattern(text, pattern, newBudget())]).toEqual([pattern, text, new RegExp(pattern).test(text)]);
    }
  });

  it.each([
    ['(a', 'a ( without its )'],
    ['a)', 'a ) without its ('],
    ['[a', 'a [ without its ]'],
    ['[z-a]', 'a range of letters that goes backwards'],
    ['*a', 'nothing to repeat before *'],
    ['a**', 'a repetition of a repetition'],
    ['a{', 'a { that is no repetition'],
    ['a{2,1}', 'a repetition of more than 64 times, or of less than none'],
    ['a{65}', 'a repetition of more than 64 times'],
    ['(?=a)', 'look-around and named groups are not there'],
    ['(?<x>a)', 'look-around and named groups are not there'],
    ['(a)\\1', '\\1 is not there'],
    ['\\bx', '\\b is not there'],
    ['\\', 'it ends in a backslash'],
    ['[[:alpha:]]', '[:names:] are not there'],
    ['a'.repeat(257), 'it is longer than 256 letters'],
    [`${'('.repeat(20)}${')'.repeat(20)}`, 'nested more than 16 deep'],
    ['((a{64}){64}){64}', 'a pattern of more than 1024 steps'],
  ])('%.40s is refused: %s', (pattern, problem) => {
    expect(patternProblem(pattern)).toContain(problem);
  });

  it('is put together in no time where it repeats nothing', () => {
    const began = performance.now();
    expect(patternProblem(`${'('.repeat(12)}${'){64}'.repeat(12)}`)).toBeUndefined();
    expect(performance.now() - began).toBeLessThan(200);
  });

  it('gives up when its budget is used up (Thompson: time grows with text times pattern, and no faster)', () => {
    const text = 'a'.repeat(20_000);
    const budget = newBudget();
    expect(matchesPattern(text, '(a+)+b', budget)).toBe(false);
    expect(matchesPattern(text, '(a+)+b', newBudget(1000))).toMatchObject({ fatal: true });
  });
});
