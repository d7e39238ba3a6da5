import { ProblemError } from './problems.ts';

/** Where a page ended, as text that clients hand back and do not look into. */
export function cursorOf(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** @throws ProblemError where it is none of ours. */
export function positionOf(cursor: string, kinds: readonly ('string' | 'number')[]): readonly (string | number)[] {
  let position: unknown;
  try {
    position = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    throw wrongCursor();
  }
  const fits =
    Array.isArray(position) &&
    position.length === kinds.length &&
    position.every((part, index) => typeof part === kinds[index] && (typeof part !== 'number' || Number.isSafeInteger(part)));
  if (!fits) throw wrongCursor();
  return position as (string | number)[];
}

export function wrongCursor(): ProblemError {
  return new ProblemError('invalid-request', 'The cursor is of no page of this listing: begin without one.', {
    errors: [{ pointer: '?cursor', detail: 'is not the nextCursor of an earlier page' }],
  });
}
