import { ConfigError } from './documents/problems.ts';
import type { Log } from './log.ts';
import { applyDocuments } from './machines/apply.ts';
import type { ObjectBook } from './machines/object-book.ts';
import { objectKinds } from './machines/object-schemas.ts';
import { readObjectsFile } from './machines/objects-file.ts';

export interface FirstObjectsParts {
  readonly objects: ObjectBook;
  /** The file of subnets, profiles and machines that virtdom.yaml names. */
  readonly file: string;
  /** virtdom.yaml. */
  readonly namedBy: string;
  readonly log: Log;
}

/** Whose changes they are that nobody asked for. */
const itself = 'virtdom';

/**
 * Takes a file of objects over into a database that has none; of one that has some, says only whether the file differs.
 * @returns whether the database begins with this file now
 * @throws ConfigError where an empty database would begin with a file that is wrong
 */
export async function takeOverFirstObjects({ objects, file, namedBy, log }: FirstObjectsParts): Promise<boolean> {
  const isEmpty = objectKinds.every((kind) => objects.current.list(kind).length === 0);
  const { documents, problems, placeOf } = readObjectsFile(file, { ifMissing: `objects in ${namedBy} names it` });
  if (!isEmpty) {
    const compared = problems.length > 0 ? undefined : await applyDocuments(objects, documents, { author: itself, dryRun: true });
    const differs = compared?.kind !== 'done' || compared.objects.some(({ outcome }) => outcome !== 'unchanged');
    if (differs)
      log.info(
        { file, next: `virtdom diff -f ${file}` },
        'the object file differs from the database, which counts; nothing is done about it',
      );
    return false;
  }
  if (problems.length > 0) throw new ConfigError(problems);
  const taken = await applyDocuments(objects, documents, { author: itself });
  if (taken.kind === 'invalid') {
    const nowhere = { file, line: 0, column: 0 };
    throw new ConfigError(
      taken.problems.map(({ kind, name, pointer, detail }) => ({
        ...(placeOf(kind, name, pointer) ?? nowhere),
        path: `${kind} ${name}`,
        message: detail,
      })),
    );
  }
  // Another server on the same database was quicker with the same file.
  if (taken.kind === 'conflict') return false;
  log.info({ file, objects: taken.objects.length }, 'objects are taken over into the database, which counts from now on');
  return true;
}
