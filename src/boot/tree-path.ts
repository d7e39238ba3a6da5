/** The longest path that any loader asks for is far below this. */
const maxPathLength = 1024;

/**
 * The one form of a path in the boot tree: a leading slash, single slashes, no `.` segments. Loaders write
 * `pxegrub`, `//pxegrub` and `/./pxegrub` and mean one file.
 * @returns `undefined` for a path that tries to leave the tree or holds what no boot file has in its name: `..`, a
 *   backslash, a percent sign (decoded before, or meant to be decoded twice), NUL and other control characters
 */
export function normalTreePath(path: string): string | undefined {
  if (path.length > maxPathLength || /[\p{Cc}\\%]/u.test(path)) return undefined;
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  return segments.length === 0 || segments.includes('..') ? undefined : `/${segments.join('/')}`;
}

/** The tree path of a boot file as DHCP names it: a path, or a URL of ours. */
export function treePathOfBootFile(file: string): string | undefined {
  return normalTreePath(file.replace(/^[a-z]+:\/\/[^/]*/i, ''));
}

/** A path or a sentence with one, for people and logs: without the boot token that `/by-token/TOKEN/` may hold. */
export function withoutToken(text: string): string {
  return text.replaceAll(/(by-token\/+)[^/\s:]+/g, '$1<boot-token>');
}
