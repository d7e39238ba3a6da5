import type { ItemResult } from '../../machines/bulk-change.ts';
import type { CommitOutcome, ObjectProblem } from '../../machines/object-book.ts';
import type { ObjectKind } from '../../machines/object-schemas.ts';
import type { ObjectConflict } from '../../machines/object-store.ts';
import { changedMeanwhile } from '../etag.ts';
import { ProblemError } from '../problems.ts';

export function objectKey(kind: ObjectKind, name: string): string {
  return `${kind.toLowerCase()}/${name}`;
}

export function notFound(what: string, name: string): ProblemError {
  return new ProblemError('not-found', `There is no ${what} ${name}.`);
}

/** @param own the one object that the request is about: its problems need no name */
export function invalidObject(problems: readonly ObjectProblem[], own?: string): ProblemError {
  const errors = problems.map(({ kind, name, pointer, detail }) => {
    const object = objectKey(kind, name);
    return { pointer, detail, ...(object !== own && { object }) };
  });
  const [first] = errors;
  const where =
    first === undefined ? '' : ` ${first.object ?? own ?? ''}${first.pointer === '' ? '' : ` ${first.pointer}`}: ${first.detail}.`;
  const more = errors.length > 1 ? ` ${errors.length - 1} more under errors.` : '';
  return new ProblemError('invalid-object', `Nothing was changed.${where}${more}`, { errors });
}

export function conflictProblem(conflicts: readonly ObjectConflict[]): ProblemError {
  const current = conflicts.map(({ kind, name, ...rest }) => ({ object: objectKey(kind, name), ...rest }));
  const [first] = current;
  if (first?.reason === undefined) return changedMeanwhile(current);
  const problem = changedMeanwhile(current);
  return new ProblemError('conflict', `${first.object}: ${first.reason}.`, problem.parts);
}

export function alreadyThere(kind: ObjectKind, name: string, conflicts: readonly ObjectConflict[]): ProblemError {
  const { parts } = changedMeanwhile(conflicts.map((conflict) => ({ ...conflict, object: objectKey(conflict.kind, conflict.name) })));
  const [first] = conflicts;
  const detail =
    first?.reason === undefined ? `There is a ${kind.toLowerCase()} ${name} already: change it, or take another name.` : `${first.reason}.`;
  return new ProblemError('conflict', detail, parts);
}

/** @throws ProblemError for all but what is done */
export function doneOf(outcome: CommitOutcome, own: string): Extract<CommitOutcome, { kind: 'done' }> {
  if (outcome.kind === 'invalid') throw invalidObject(outcome.problems, own);
  if (outcome.kind === 'conflict') throw conflictProblem(outcome.conflicts);
  return outcome;
}

/** Why one machine was not changed; nothing where it was, or was as wanted. */
export function itemProblem(item: ItemResult, isNew = false): ProblemError | undefined {
  const own = objectKey('Machine', item.name);
  switch (item.outcome) {
    case 'done':
    case 'unchanged':
      return undefined;
    case 'not-found':
      return notFound('machine or waiting client', item.name);
    case 'invalid':
      return invalidObject(item.problems ?? [], own);
    case 'conflict': {
      const conflicts = item.conflict === undefined ? [] : [item.conflict];
      return isNew ? alreadyThere('Machine', item.name, conflicts) : conflictProblem(conflicts);
    }
    case 'held-back':
      return new ProblemError(
        'conflict',
        `${item.name} was left as it is, since others could not be changed and all or none was asked for.`,
      );
  }
}
