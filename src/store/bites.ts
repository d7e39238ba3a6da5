/** SQLite allows 32766 variables a statement, PostgreSQL 65535: no row here has more than nine. */
const rowsAStatement = 500;

/** The same things in their order, as many at a time as one statement takes. */
export function bites<Thing>(things: readonly Thing[]): Thing[][] {
  const starts = Array.from({ length: Math.ceil(things.length / rowsAStatement) }, (_, i) => i * rowsAStatement);
  return starts.map((start) => things.slice(start, start + rowsAStatement));
}
