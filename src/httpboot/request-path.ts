/**
 * The path of a request target (RFC 9112 3.2: origin or absolute form), percent-decoded once, without its query.
 * `undefined` where it is no path, no valid percent-encoding or UTF-8, or holds control characters: NUL ends a path in
 * C, CR and LF end lines in logs and headers. What `..` means is left to the tree.
 */
export function requestPath(target: string): string | undefined {
  const path = /^(?:https?:\/\/[^/?#]*)?(\/[^?#]*)/i.exec(target)?.[1];
  if (path === undefined) return undefined;
  try {
    const decoded = decodeURIComponent(path);
    return /\p{Cc}/u.test(decoded) ? undefined : decoded;
  } catch {
    return undefined;
  }
}
