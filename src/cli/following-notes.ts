import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

/** What the service says of a change beside the changed thing, and whether it was one. */
export function tellFollowing(terminal: Terminal, { notes = [] }: { readonly notes?: readonly string[] }, dryRun: true | undefined): void {
  for (const note of notes) terminal.error(`${printable(note)}\n`);
  if (dryRun === true) terminal.error('dry run: nothing was changed\n');
}
