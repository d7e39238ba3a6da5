import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, listOf, objectName, oneOf, optional, shape, yes } from './fields.ts';
import { hostSchema } from './host.ts';
import { problemSchema } from './problem.ts';

export const hostsSchema = shape(
  'Which hosts.',
  {
    hosts: Type.Array(objectName('The name of its machine.', 'post01'), {
      description: 'Their names; one that is said twice counts once.',
      minItems: 1,
      maxItems: 10_000,
    }),
  },
  { hosts: ['post01', 'post02'] },
);

/** Host by host: nothing is left out in silence. */
export const hostBulkResultSchema = shape(
  'What became of each host.',
  {
    dryRun: yes('Whether nothing was changed.'),
    done: count('How many were changed.', 2),
    unchanged: count('How many were as asked for already.', 0),
    refused: count('How many were not changed.', 0),
    items: listOf(
      'In the order of the request.',
      shape('One host.', {
        name: objectName('Which.', 'post01'),
        status: Type.Integer({ description: 'As the same request for this host alone would have been answered.', examples: [200] }),
        outcome: oneOf('What became of it.', ['done', 'unchanged', 'refused']),
        host: optional(hostSchema),
        problem: optional(problemSchema),
      }),
    ),
  },
  { dryRun: false, done: 1, unchanged: 0, refused: 0, items: [{ name: 'post01', status: 200, outcome: 'done' }] },
);
export type HostBulkResult = Static<typeof hostBulkResultSchema>;
