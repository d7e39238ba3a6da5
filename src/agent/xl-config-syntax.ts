/** A value of xl.cfg(5): numbers, strings, and lists of strings. */
export type XlValue = number | string | readonly string[];
export type XlSettings = ReadonlyMap<string, XlValue>;
export type XlSyntax =
  | { readonly kind: 'settings'; readonly settings: XlSettings }
  | { readonly kind: 'malformed'; readonly reason: string };

interface Token {
  readonly kind: 'name' | 'number' | 'string' | 'mark' | 'end-of-line';
  readonly text: string;
  readonly line: number;
}

const tokenForm =
  /([ \t\r]+)|(#[^\n]*)|(\n|;)|([a-z][a-z0-9_]*)|(0x[0-9a-f]{1,8}|[0-9]{1,9})(?![0-9a-zA-Z_])|("(?:[^"\\\n]|\\["'\\])*"|'(?:[^'\\\n]|\\["'\\])*')|([=[\],])/y;

/**
 * The part of libxlu's configuration language that templates write: `name = value`, one a line or between semicolons. What it
 * accepts is written anew by `formatXlSettings`, so that xl reads exactly what was checked.
 */
export function parseXlSettings(text: string): XlSyntax {
  const tokens = tokenize(text);
  if (typeof tokens === 'string') return { kind: 'malformed', reason: tokens };
  const settings = new Map<string, XlValue>();
  let at = 0;
  const next = (): Token | undefined => tokens[at++];
  while (at < tokens.length) {
    const name = next();
    if (name === undefined || name.kind === 'end-of-line') continue;
    if (name.kind !== 'name') return malformed(name, 'the name of a setting');
    const equals = next();
    if (equals?.text !== '=') return malformed(equals ?? name, `= behind ${name.text}`);
    const value = readValue(next);
    if (value === undefined) return malformed(name, `a number, a string or a list of strings as ${name.text}`);
    if (settings.has(name.text)) return malformed(name, `${name.text} only once`);
    settings.set(name.text, value);
    const end = next();
    if (end !== undefined && end.kind !== 'end-of-line') return malformed(end, `the end of the line behind ${name.text}`);
  }
  return { kind: 'settings', settings };
}

export function formatXlSettings(settings: XlSettings): string {
  return [...settings].map(([name, value]) => `${name} = ${formatValue(value)}\n`).join('');
}

function tokenize(text: string): Token[] | string {
  const tokens: Token[] = [];
  let line = 1;
  const form = new RegExp(tokenForm);
  while (form.lastIndex < text.length) {
    const from = form.lastIndex;
    const found = form.exec(text);
    if (found === null) return `line ${line}: what begins with ${JSON.stringify(text.slice(from, from + 12))} is not understood`;
    const [whole, , , end, name, number, string, mark] = found;
    if (end !== undefined) tokens.push({ kind: 'end-of-line', text: '', line });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name, line });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, line });
    else if (string !== undefined) tokens.push({ kind: 'string', text: string.slice(1, -1).replaceAll(/\\(.)/g, '$1'), line });
    else if (mark !== undefined) tokens.push({ kind: 'mark', text: mark, line });
    if (whole === '\n') line++;
  }
  return tokens;
}

function readValue(next: () => Token | undefined): XlValue | undefined {
  const first = next();
  if (first?.kind === 'number') return Number(first.text);
  if (first?.kind === 'string') return first.text;
  if (first?.text !== '[') return undefined;
  const items: string[] = [];
  let wantsItem = true;
  for (let token = next(); token !== undefined; token = next()) {
    if (token.kind === 'end-of-line') continue;
    if (token.kind === 'mark' && token.text === ']') return items;
    if (wantsItem && token.kind === 'string') items.push(token.text);
    else if (wantsItem || token.text !== ',' || token.kind !== 'mark') return undefined;
    wantsItem = !wantsItem;
  }
  return undefined;
}

function malformed(token: Token, expected: string): XlSyntax {
  return { kind: 'malformed', reason: `line ${token.line}: expected ${expected}` };
}

function formatValue(value: XlValue): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return quoted(value);
  return `[ ${value.map(quoted).join(', ')} ]`;
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
