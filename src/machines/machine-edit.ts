import { isRecord } from '../documents/check-shape.ts';
import type { Intention } from './bulk-change.ts';
import { diffDocuments } from './diff-documents.ts';
import { mergePatch } from './merge-patch.ts';
import type { ObjectProblem } from './object-book.ts';
import type { ObjectSnapshot } from './object-state.ts';
import type { ObjectDocument } from './object-store.ts';

/** What a merge patch makes of a machine. */
export function edited(
  snapshot: ObjectSnapshot,
  name: string,
  patch: Readonly<Record<string, unknown>>,
  wantedRevision: number | undefined,
): Intention {
  const stored = snapshot.find('Machine', name);
  if (stored === undefined) return { kind: 'not-found' };
  const revision = wantedRevision ?? stored.revision;
  const merged = mergePatch(stored.document, patch);
  const fields = isRecord(merged) ? merged : {};
  const newName = fields['name'];
  const problems: ObjectProblem[] = [];
  const blame = (pointer: string, detail: string): void => void problems.push({ kind: 'Machine', name, pointer, detail });
  if (typeof newName !== 'string') blame('/name', 'expected a name');
  if (fields['kind'] !== 'Machine') blame('/kind', 'expected Machine');
  const waiting = newName === name ? undefined : snapshot.oneShots.get(name);
  if (waiting !== undefined) blame('/name', `expected no new name while a boot by ${waiting.profile} waits for it: cancel that first`);
  if (problems.length > 0 || typeof newName !== 'string') return { kind: 'invalid', problems };
  const document: ObjectDocument = { ...fields, kind: 'Machine', name: newName };
  if (revision === stored.revision && diffDocuments(stored.document, document).length === 0) return { kind: 'unchanged' };
  if (newName === name) return { kind: 'change', changes: [{ kind: 'Machine', name, revision, document }] };
  return {
    kind: 'change',
    changes: [
      { kind: 'Machine', name, revision },
      { kind: 'Machine', name: newName, revision: 0, document },
    ],
  };
}
