const collator = new Intl.Collator('en', { numeric: true });

/** `worker-2` before `worker-10`; names that count as equal by their letters, so that there is only one order. */
export function compareNames(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}
