/** A word, a quoted text without its quotes, or a mark that ends something. */
export interface IscToken {
  readonly kind: 'word' | 'quoted' | '{' | '}' | ';';
  readonly text: string;
  readonly line: number;
  readonly unterminated?: true;
}

/** Splits dhcpd.conf into its tokens, one pass, comments left out. Commas stay in their words. */
export class IscTokens {
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  next(): IscToken | undefined {
    this.#skipBlank();
    const letter = this.#text[this.#at];
    const line = this.#line;
    if (letter === undefined) return undefined;
    if (letter === '{' || letter === '}' || letter === ';') {
      this.#at++;
      return { kind: letter, text: letter, line };
    }
    return letter === '"' ? this.#quoted(line) : this.#word(line);
  }

  #skipBlank(): void {
    for (let letter = this.#text[this.#at]; letter !== undefined; letter = this.#text[this.#at]) {
      if (letter === '#') {
        const end = this.#text.indexOf('\n', this.#at);
        this.#at = end < 0 ? this.#text.length : end;
      } else if (letter === '\n') {
        this.#line++;
        this.#at++;
      } else if (/\s/.test(letter)) this.#at++;
      else return;
    }
  }

  #quoted(line: number): IscToken {
    let text = '';
    let from = this.#at + 1;
    for (let at = from; at < this.#text.length; at++) {
      const letter = this.#text[at];
      if (letter === '\n') this.#line++;
      if (letter === '\\') {
        text += this.#text.slice(from, at);
        from = at + 1;
        at++;
      } else if (letter === '"') {
        this.#at = at + 1;
        return { kind: 'quoted', text: text + this.#text.slice(from, at), line };
      }
    }
    this.#at = this.#text.length;
    return { kind: 'quoted', text: text + this.#text.slice(from), line, unterminated: true };
  }

  #word(line: number): IscToken {
    const start = this.#at;
    while (this.#at < this.#text.length && !/[\s{};"#]/.test(this.#text[this.#at] ?? '')) this.#at++;
    return { kind: 'word', text: this.#text.slice(start, this.#at), line };
  }
}
