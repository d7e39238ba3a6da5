import type { ApplyResult, DiffResult } from '../api/schemas/apply.ts';
import { printable } from './printable.ts';
import type { View } from './output.ts';
import type { Terminal } from './terminal.ts';

type ObjectChange = DiffResult['objects'][number];

export const changeView: View<ObjectChange> = {
  columns: [
    { head: 'OBJECT', cell: objectTitle },
    { head: 'OUTCOME', cell: ({ outcome }) => outcome },
    { head: 'FIELDS', cell: ({ changes = [] }) => changes.map(({ pointer }) => pointer).join(',') },
  ],
  name: objectTitle,
};

/** A line for each object that is not as it was, and one that counts them. */
export function summarizeChanges(terminal: Terminal, result: ApplyResult): void {
  for (const object of result.objects) {
    if (object.outcome !== 'unchanged') terminal.out(`${printable(`${objectTitle(object)} ${object.outcome}`)}\n`);
  }
  const { created, changed, unchanged, deleted, dryRun } = result;
  terminal.error(
    `${created} created, ${changed} changed, ${deleted} deleted, ${unchanged} unchanged${dryRun ? ' (dry run: nothing was written)' : ''}\n`,
  );
}

/** What would become of an object: its title, and below it each field with a minus for what is there and a plus for what comes. */
export function describeChange(object: ObjectChange): string {
  const lines = [`${objectTitle(object)}: ${object.outcome}`];
  for (const { pointer, from, to } of object.changes ?? []) {
    if (from !== undefined) lines.push(`  - ${pointer}: ${JSON.stringify(from)}`);
    if (to !== undefined) lines.push(`  + ${pointer}: ${JSON.stringify(to)}`);
  }
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function objectTitle({ kind, name }: ObjectChange): string {
  return `${kind.toLowerCase()}/${name}`;
}
