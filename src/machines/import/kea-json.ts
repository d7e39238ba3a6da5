/** A value of Kea's JSON with the line that it begins on. */
export type KeaValue =
  | { readonly kind: 'block'; readonly line: number; readonly members: ReadonlyMap<string, KeaValue> }
  | { readonly kind: 'list'; readonly line: number; readonly items: readonly KeaValue[] }
  | { readonly kind: 'scalar'; readonly line: number; readonly value: string | number | boolean | null };

export class KeaSyntaxError extends Error {
  override readonly name = 'KeaSyntaxError';
  readonly code = 'kea-syntax';
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

const maxDepth = 64;

/** Reads JSON as Kea takes it: with `//`, `#` and block comments and commas too many. Throws KeaSyntaxError and nothing else. */
export function parseKeaJson(text: string): KeaValue {
  return new Parser(text).parse();
}

class Parser {
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): KeaValue {
    const value = this.#value(0);
    this.#skipBlank();
    if (this.#at < this.#text.length) throw this.#wrong('expected the end of the file');
    return value;
  }

  #value(depth: number): KeaValue {
    this.#skipBlank();
    if (depth > maxDepth) throw this.#wrong(`expected at most ${maxDepth} blocks and lists in each other`);
    const line = this.#line;
    const letter = this.#text[this.#at];
    if (letter === '{') return { kind: 'block', line, members: this.#members(depth) };
    if (letter === '[') return { kind: 'list', line, items: this.#items(depth) };
    return { kind: 'scalar', line, value: letter === '"' ? this.#string() : this.#literal() };
  }

  #members(depth: number): Map<string, KeaValue> {
    const members = new Map<string, KeaValue>();
    this.#at++;
    while (!this.#ends('}')) {
      if (this.#text[this.#at] !== '"') throw this.#wrong('expected a key in quotes');
      const key = this.#string();
      this.#skipBlank();
      if (this.#text[this.#at] !== ':') throw this.#wrong(`expected : after "${key.slice(0, 40)}"`);
      this.#at++;
      members.set(key, this.#value(depth + 1));
      this.#comma('}');
    }
    return members;
  }

  #items(depth: number): KeaValue[] {
    const items: KeaValue[] = [];
    this.#at++;
    while (!this.#ends(']')) {
      items.push(this.#value(depth + 1));
      this.#comma(']');
    }
    return items;
  }

  #ends(mark: string): boolean {
    this.#skipBlank();
    if (this.#at >= this.#text.length) throw this.#wrong(`expected ${mark} before the end of the file`);
    if (this.#text[this.#at] !== mark) return false;
    this.#at++;
    return true;
  }

  #comma(mark: string): void {
    this.#skipBlank();
    if (this.#text[this.#at] === ',') this.#at++;
    else if (this.#text[this.#at] !== mark) throw this.#wrong(`expected , or ${mark}`);
  }

  #string(): string {
    const start = this.#at;
    for (let at = start + 1; at < this.#text.length; at++) {
      const letter = this.#text[at];
      if (letter === '\n') break;
      if (letter === '\\') at++;
      if (letter !== '"') continue;
      this.#at = at + 1;
      try {
        return JSON.parse(this.#text.slice(start, at + 1)) as string;
      } catch {
        break;
      }
    }
    throw this.#wrong('expected a text in quotes with its end on the same line');
  }

  #literal(): number | boolean | null {
    const start = this.#at;
    while (/[\w.+-]/.test(this.#text[this.#at] ?? '')) this.#at++;
    const word = this.#text.slice(start, this.#at);
    if (word === 'true' || word === 'false') return word === 'true';
    if (word === 'null') return null;
    if (word === '' || word.length > 40 || !/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(word)) throw this.#wrong('expected a value');
    return Number(word);
  }

  #skipBlank(): void {
    for (let letter = this.#text[this.#at]; letter !== undefined; letter = this.#text[this.#at]) {
      const two = this.#text.slice(this.#at, this.#at + 2);
      if (letter === '\n') {
        this.#line++;
        this.#at++;
      } else if (letter === '#' || two === '//') {
        const end = this.#text.indexOf('\n', this.#at);
        this.#at = end < 0 ? this.#text.length : end;
      } else if (two === '/*') this.#skipComment();
      else if (/\s/.test(letter)) this.#at++;
      else return;
    }
  }

  #skipComment(): void {
    const end = this.#text.indexOf('*/', this.#at + 2);
    if (end < 0) throw this.#wrong('expected */ at the end of a comment');
    for (let at = this.#at; at < end; at++) if (this.#text[at] === '\n') this.#line++;
    this.#at = end + 2;
  }

  #wrong(expected: string): KeaSyntaxError {
    const found = this.#text.slice(this.#at, this.#at + 20).split('\n')[0] ?? '';
    return new KeaSyntaxError(this.#line, `${expected}, found ${found === '' ? 'nothing' : JSON.stringify(found)}`);
  }
}
