/**
 * What is new in the end of a text that grows, of which an earlier end was seen. Both ends are of bounded length: where nothing
 * of the earlier one is left, more was written between than is shown, and `isWhole` is false.
 */
export function newPart(before: string, now: string): { readonly isWhole: boolean; readonly text: string } {
  // A bounded number of bytes may begin in the middle of a letter.
  const seen = before.replace(/^\ufffd+/, '');
  const text = now.replace(/^\ufffd+/, '');
  for (let at = 0; at < seen.length; at++) {
    const left = seen.length - at;
    if (seen[at] === text[0] && left <= text.length && text.startsWith(seen.slice(at))) return { isWhole: true, text: text.slice(left) };
  }
  return { isWhole: seen === '', text };
}
