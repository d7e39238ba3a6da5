import type { TSchema } from 'typebox';
import { problemSchema } from '../schemas/problem.ts';

export const base = '/api/v1';
/** A name in a path ends where an action begins: /machines/post01:boot. */
export const nameParam = ':name(^[^:/]+)';

const problems = {
  default: { description: 'What went wrong.', content: { 'application/problem+json': { schema: problemSchema } } },
};

/** What a route answers: one success, or a problem. */
export function answers(schema: TSchema, status: number = 200): { readonly response: Readonly<Record<string, object>> } {
  return { response: { [status]: schema, ...problems } };
}

export function answersNothing(description: string): { readonly response: Readonly<Record<string, object>> } {
  return { response: { 204: { type: 'null', description }, ...problems } };
}
