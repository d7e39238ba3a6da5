import type { ConfigProblem } from '../documents/problems.ts';
import type { ValuePath } from '../documents/yaml-source.ts';
import { ApiProblem } from './api-problem.ts';
import { DocumentError } from './cli-error.ts';
import type { WrittenObject } from './document-source.ts';

/** Runs a request that sends documents: where the service blames values in them, says file and line of each. */
export async function blamingLines<Result>(objects: readonly WrittenObject[], request: () => Promise<Result>): Promise<Result> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof ApiProblem) throw locate(error, objects);
    throw error;
  }
}

/** What is wrong with a value of a written object, with file and line. */
export function blame({ kind, name, source }: WrittenObject, pointer: string, detail: string): ConfigProblem {
  return problemAt({ kind, name, source }, parsePointer(pointer), detail);
}

function problemAt({ kind, name, source }: Omit<WrittenObject, 'document'>, path: ValuePath, message: string): ConfigProblem {
  const title = [`${kind} ${name}`, ...(path.length === 0 ? [] : [path.join('.')])].join(': ');
  return { ...source.positionOf(path), path: title, message };
}

function locate(problem: ApiProblem, objects: readonly WrittenObject[]): Error {
  const { errors = [] } = problem.body;
  const located = errors.flatMap(({ pointer = '', detail = '', object }): ConfigProblem[] => {
    const steps = parsePointer(pointer);
    const indexed = steps[0] === 'documents' && typeof steps[1] === 'number';
    const named = objects.find(({ kind, name }) => object?.toLowerCase() === `${kind}/${name}`.toLowerCase());
    const target = named ?? (indexed ? objects[steps[1] as number] : objects.length === 1 ? objects[0] : undefined);
    if (target === undefined) return [];
    return [problemAt(target, indexed ? steps.slice(2) : steps, detail)];
  });
  // All or none: half a list would hide the rest.
  return errors.length > 0 && located.length === errors.length ? new DocumentError(located, { cause: problem }) : problem;
}

/** RFC 6901; numbers stay numbers, as positions in lists. */
function parsePointer(pointer: string): ValuePath {
  if (!pointer.startsWith('/')) return [];
  return pointer
    .slice(1)
    .split('/')
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step.replaceAll('~1', '/').replaceAll('~0', '~')));
}
