/** A place in a file, counted from 1 as editors do. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface ConfigProblem extends SourcePosition {
  /** Which value: `dhcp.port`, `Subnet lab: pool`. Empty where the file as a whole is meant. */
  readonly path: string;
  /** What was expected and what was found instead. */
  readonly message: string;
}

/** Everything that is wrong with a configuration, all at once; its message is the text to show, a line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'config';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    const inOrder = sortProblems(problems);
    super(inOrder.map(formatProblem).join('\n'), options);
    this.problems = inOrder;
  }
}

/** File by file as they come, each by its lines. */
function sortProblems(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const files = [...new Set(problems.map(({ file }) => file))];
  return files.flatMap((file) => problems.filter((problem) => problem.file === file).sort(byLine));
}

/** `lab.yaml:12:9: Machine post01: profile: expected ...` */
function formatProblem({ file, line, column, path, message }: ConfigProblem): string {
  const place = line > 0 ? `${file}:${line}:${column}` : file;
  return path === '' ? `${place}: ${message}` : `${place}: ${path}: ${message}`;
}

function byLine(a: ConfigProblem, b: ConfigProblem): number {
  return a.line - b.line || a.column - b.column;
}

/** The known word that `word` was probably meant to be: at most a third of its letters differ. */
function nearestWord(word: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest;
}

/** `(did you mean port?)` or nothing, with a space before it. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const nearest = nearestWord(word, known);
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
}

/** Levenshtein's distance, one row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
