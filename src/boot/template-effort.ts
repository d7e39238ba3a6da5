/** What Handlebars needs to parse a text grows with these, with the last two by their square. Menus have a tenth of it. */
const maxCharacters = 16_384;
const maxBlocks = 250;
const maxParentheses = 250;

/**
 * Says why a text is not even parsed: it would hold up everybody else for longer than a moment. What stands between the
 * mustaches costs nothing.
 */
export function effortFault(text: string): { readonly line: number; readonly message: string } | undefined {
  let characters = 0;
  let blocks = 0;
  let parentheses = 0;
  for (let open = text.indexOf('{{'); open !== -1;) {
    let at = open + 2;
    if (!isEscaped(text, open)) {
      const comment = /^~?!(?:--)?/.exec(text.slice(at, at + 4))?.[0];
      if (comment !== undefined) at = endOfComment(text, at, comment);
      else {
        if (/^~?\s*(?:#|\^|else\b)/.test(text.slice(at, at + 64))) blocks++;
        const start = at;
        for (; at < text.length && !text.startsWith('}}', at); at++) {
          if (text[at] === '(') parentheses++;
          else at = endOfLiteral(text, at);
        }
        characters += at - start;
      }
    }
    const fault = faultOf(characters, blocks, parentheses);
    if (fault !== undefined) return { line: text.slice(0, open).split('\n').length, message: fault };
    open = text.indexOf('{{', at);
  }
  return undefined;
}

function faultOf(characters: number, blocks: number, parentheses: number): string | undefined {
  if (characters > maxCharacters)
    return `the text has more than ${maxCharacters} characters within mustaches: put parts of it into partials`;
  if (blocks > maxBlocks) return `the text has more than ${maxBlocks} blocks: put parts of it into partials`;
  return parentheses > maxParentheses ? `the text has more than ${maxParentheses} parentheses within mustaches` : undefined;
}

/** `\{{` is text, `\\{{` is a backslash and a mustache. */
function isEscaped(text: string, open: number): boolean {
  return text[open - 1] === '\\' && text[open - 2] !== '\\';
}

function endOfComment(text: string, at: number, mark: string): number {
  const end = mark.endsWith('--') ? /--~?\}\}/g : /\}\}/g;
  end.lastIndex = at + mark.length;
  return end.exec(text) === null ? text.length : end.lastIndex;
}

/** Texts in quotes and names in brackets may hold what ends a mustache elsewhere. */
const literals: Readonly<Record<string, RegExp>> = { '"': /"(?:\\["]|[^"])*"/y, "'": /'(?:\\[']|[^'])*'/y, '[': /\[[^\]]*\]/y };

/** The last character of one that begins here; `at` itself where none does. */
function endOfLiteral(text: string, at: number): number {
  const literal = literals[text[at] ?? ''];
  if (literal === undefined) return at;
  literal.lastIndex = at;
  return literal.test(text) ? literal.lastIndex - 1 : text.length;
}
