const collator = new Intl.Collator('en', { numeric: true });

/** The order that people expect of names: `node2` before `node10`. Names that count as equal keep an order by their letters. */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return compareNames(a.name, b.name);
}

export function compareNames(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}
