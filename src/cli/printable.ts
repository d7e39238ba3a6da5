/*
 * Names, reasons and texts come from the network. On a terminal an escape sequence in one of them could rewrite what a person
 * reads, and the direction marks of Unicode could turn it round.
 */

const newlineOrTab = '\n\t';
// C0, DEL, C1, direction marks, line separators, the byte order mark.
const unsafe = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;
const plain = /^[\u0020-\u007e]*$/;

/** One line of text with nothing in it that a terminal acts on: `\x1b` is shown as it is written here. */
export function printable(text: string): string {
  return plain.test(text) ? text : text.replaceAll(unsafe, escaped);
}

/** The same for text of several lines. */
export function printableLines(text: string): string {
  return text.replaceAll(unsafe, (letter) => (newlineOrTab.includes(letter) ? letter : escaped(letter)));
}

function escaped(letter: string): string {
  const code = letter.charCodeAt(0);
  if (letter === '\n') return String.raw`\n`;
  if (letter === '\t') return String.raw`\t`;
  if (letter === '\r') return String.raw`\r`;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

const letters = new Intl.Segmenter('en', { granularity: 'grapheme' });
// East Asian wide and fullwidth forms, and emoji (UAX #11).
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;
const marksOnly = /^\p{Mark}+$/u;

/** How many columns of a terminal a text takes. */
export function displayWidth(text: string): number {
  if (plain.test(text)) return text.length;
  let width = 0;
  for (const { segment } of letters.segment(text)) width += widthOf(segment);
  return width;
}

/** The beginning of a text that fits into so many columns, ending in … where something is missing. */
export function truncate(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let width = 0;
  let kept = '';
  for (const { segment } of letters.segment(text)) {
    width += widthOf(segment);
    if (width > columns - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

function widthOf(letter: string): number {
  return marksOnly.test(letter) ? 0 : wide.test(letter) ? 2 : 1;
}
