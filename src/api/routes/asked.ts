import type { FastifyRequest } from 'fastify';
import type { Asked, AskedBy, ManagerControl } from '../../manager/manager-control.ts';
import type { ServicePlane } from '../control-plane.ts';
import { isDryRun } from '../idempotency.ts';
import { ProblemError } from '../problems.ts';
import { actorOf } from '../request-context.ts';
import { sentence } from './wording.ts';

/** @throws ProblemError where this process runs no VM manager */
export function managerOf({ manager }: Pick<ServicePlane, 'manager'>): ManagerControl {
  if (manager !== undefined) return manager;
  throw new ProblemError(
    'manager-off',
    'The VM manager does not run in this process: set manager.run to inside in virtdom.yaml, or ask the process that runs virtdom manager, by --server unix:/run/virtdom/manager.sock.',
  );
}

export function askedBy(request: FastifyRequest): AskedBy {
  return { author: actorOf(request).name, ...(isDryRun(request) && { dryRun: true }) };
}

export interface Answered<Result> {
  readonly result: Result;
  /** For the resource: what follows from what was asked. */
  readonly told: { readonly notes?: string[] };
}

/** What the manager did. @throws ProblemError where it did not */
export function answered<Result>(asked: Asked<Result>): Answered<Result> {
  if (asked.kind === 'not-found') throw new ProblemError('not-found', `There is no ${asked.what}.`);
  if (asked.kind === 'refused') throw new ProblemError('refused', sentence(asked.reason));
  const { result, notes = [] } = asked;
  return { result, told: notes.length === 0 ? {} : { notes: notes.map(sentence) } };
}
