/**
 * A path pattern as a regular expression: `*` stays within a name, `**` crosses folders, `{a,b/c}` is either.
 * Names that begin with a dot are names like others.
 */
export function globExpression(pattern: string): RegExp {
  let depth = 0;
  const source = pattern.replaceAll(/\*\*\/|\*\*|\*|[{},]|[.+?^$()|[\]\\]/g, (token) => {
    switch (token) {
      case '**/':
        return '(?:.*/)?';
      case '**':
        return '.*';
      case '*':
        return '[^/]*';
      case '{':
        depth++;
        return '(?:';
      case '}':
        depth--;
        return ')';
      case ',':
        return depth > 0 ? '|' : ',';
      default:
        return `\\${token}`;
    }
  });
  if (depth !== 0) throw new RangeError(`the braces of ${pattern} do not match`);
  return new RegExp(`^${source}$`, 's');
}
