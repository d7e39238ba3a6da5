type LetterTest = (code: number) => boolean;

export type PatternNode =
  | { readonly kind: 'letter'; readonly test: LetterTest }
  | { readonly kind: 'begin' | 'end' }
  | { readonly kind: 'sequence'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'either'; readonly ways: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly node: PatternNode; readonly least: number; readonly most: number };

const maxLetters = 256;
const maxTimes = 64;
const maxDepth = 16;

const isDigit: LetterTest = (code) => code >= 48 && code <= 57;
const isWord: LetterTest = (code) => isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
const isSpace: LetterTest = (code) => code === 32 || (code >= 9 && code <= 13 && code !== 11);
const classes: Readonly<Record<string, LetterTest>> = {
  d: isDigit,
  w: isWord,
  s: isSpace,
  D: (code) => !isDigit(code),
  W: (code) => !isWord(code),
  S: (code) => !isSpace(code),
};
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9 };

/** A pattern as a tree, or what is wrong with it. */
export function parsePattern(pattern: string): PatternNode | string {
  if (pattern.length > maxLetters) return `it is longer than ${maxLetters} letters`;
  const reader = new PatternReader(pattern);
  try {
    return reader.read();
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}

class PatternError extends Error {}

class PatternReader {
  readonly #pattern: string;
  #at = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  read(): PatternNode {
    const node = this.#either();
    if (this.#at < this.#pattern.length) throw this.#wrong('a ) without its (');
    return node;
  }

  #either(): PatternNode {
    if (++this.#depth > maxDepth) throw this.#wrong(`groups are nested more than ${maxDepth} deep`);
    const ways = [this.#sequence()];
    while (this.#take('|')) ways.push(this.#sequence());
    this.#depth--;
    return ways.length === 1 && ways[0] !== undefined ? ways[0] : { kind: 'either', ways };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#pattern.length && this.#next() !== '|' && this.#next() !== ')') parts.push(this.#repeated());
    return { kind: 'sequence', parts };
  }

  #repeated(): PatternNode {
    const node = this.#atom();
    const times = this.#times();
    if (times === undefined) return node;
    this.#take('?'); // lazy or greedy: the answer is the same
    if ('*+?{'.includes(this.#next() || 'end')) throw this.#wrong('a repetition of a repetition: put a group around the first');
    return { kind: 'repeat', node, ...times };
  }

  #times(): { least: number; most: number } | undefined {
    if (this.#take('*')) return { least: 0, most: Infinity };
    if (this.#take('+')) return { least: 1, most: Infinity };
    if (this.#take('?')) return { least: 0, most: 1 };
    if (this.#next() !== '{') return undefined;
    const [whole, from, comma, to] = /^\{(\d{1,3})(,?)(\d{0,3})\}/.exec(this.#pattern.slice(this.#at)) ?? [];
    if (whole === undefined) throw this.#wrong('a { that is no repetition such as {3} or {1,5}: write \\{ for the letter');
    this.#at += whole.length;
    const least = Number(from);
    const most = to !== '' ? Number(to) : comma === '' ? least : Infinity;
    if (most < least || least > maxTimes || (most !== Infinity && most > maxTimes))
      throw this.#wrong(`a repetition of more than ${maxTimes} times, or of less than none`);
    return { least, most };
  }

  #atom(): PatternNode {
    const letter = this.#pattern.charAt(this.#at++);
    if (letter === '(') return this.#group();
    if (letter === '[') return { kind: 'letter', test: this.#class() };
    if (letter === '.') return { kind: 'letter', test: (code) => code !== 10 };
    if (letter === '^') return { kind: 'begin' };
    if (letter === '$') return { kind: 'end' };
    if (letter === '\\') return { kind: 'letter', test: testOf(this.#escaped()) };
    if ('*+?{'.includes(letter)) throw this.#wrong(`nothing to repeat before ${letter}`);
    return { kind: 'letter', test: is(letter.charCodeAt(0)) };
  }

  #group(): PatternNode {
    if (this.#take('?') && !this.#take(':')) throw this.#wrong('look-around and named groups are not there: use (...) or (?:...)');
    const node = this.#either();
    if (!this.#take(')')) throw this.#wrong('a ( without its )');
    return node;
  }

  /** A code, or a class such as \d. */
  #escaped(): number | LetterTest {
    const letter = this.#pattern.charAt(this.#at++);
    if (letter === '') throw this.#wrong('it ends in a backslash');
    const known = classes[letter] ?? controls[letter];
    if (known !== undefined) return known;
    if (/[A-Za-z0-9]/.test(letter)) throw this.#wrong(`\\${letter} is not there`);
    return letter.charCodeAt(0);
  }

  #class(): LetterTest {
    const negated = this.#take('^');
    const tests: LetterTest[] = [];
    for (let first = true; first || this.#next() !== ']'; first = false) {
      if (this.#at >= this.#pattern.length) throw this.#wrong('a [ without its ]');
      tests.push(this.#classItem());
    }
    this.#at++;
    return (code) => tests.some((test) => test(code)) !== negated;
  }

  #classItem(): LetterTest {
    const from = this.#classLetter();
    if (typeof from !== 'number' || this.#next() !== '-' || this.#pattern.charAt(this.#at + 1) === ']') return testOf(from);
    this.#at++;
    const to = this.#classLetter();
    if (typeof to !== 'number' || to < from) throw this.#wrong('a range of letters that goes backwards');
    return (code) => code >= from && code <= to;
  }

  #classLetter(): number | LetterTest {
    const letter = this.#pattern.charAt(this.#at++);
    if (letter === '[' && this.#next() === ':') throw this.#wrong('[:names:] are not there: write the letters, such as [a-z]');
    return letter === '\\' ? this.#escaped() : letter.charCodeAt(0);
  }

  #next(): string {
    return this.#pattern.charAt(this.#at);
  }

  #take(letter: string): boolean {
    if (this.#next() !== letter) return false;
    this.#at++;
    return true;
  }

  #wrong(what: string): PatternError {
    return new PatternError(`${what} (letter ${this.#at})`);
  }
}

function is(wanted: number): LetterTest {
  return (code) => code === wanted;
}

function testOf(letter: number | LetterTest): LetterTest {
  return typeof letter === 'number' ? is(letter) : letter;
}
