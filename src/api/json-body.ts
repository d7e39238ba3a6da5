import { ProblemError } from './problems.ts';

/** No object of ours is nested so deep; what goes through bodies does so by calling itself. */
const maxDepth = 64;
/** 10,000 machines with their NICs and labels have less than half of it. */
const maxValues = 500_000;

/**
 * Looks through JSON before it is parsed: a few megabytes of brackets or of short values would hold the control thread for
 * seconds, in the parser and in every check after it.
 * @throws ProblemError where it is nested too deep or holds too many values
 */
export function checkJsonExtent(text: string): void {
  let depth = 0;
  let values = 1;
  for (let index = 0; index < text.length; index++) {
    const letter = text[index];
    if (letter === '"') index = endOfString(text, index);
    else if (letter === ',') values++;
    else if (letter === '[' || letter === '{') {
      depth++;
      values++;
      if (depth > maxDepth) throw new ProblemError('invalid-request', `The body is nested deeper than ${maxDepth} levels.`);
    } else if (letter === ']' || letter === '}') depth--;
    if (values > maxValues) throw new ProblemError('too-large', `The body holds more than ${maxValues} values: send it in parts.`);
  }
}

/** Where the string that begins here ends; behind the text where it does not. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0) {
    let before = end - 1;
    while (text[before] === '\\') before--;
    if ((end - before) % 2 === 1) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}
