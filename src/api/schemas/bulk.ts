import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, listOf, objectName, oneOf, optional, shape, yes } from './fields.ts';
import { machineSchema } from './machine.ts';
import { problemSchema } from './problem.ts';

/** Item by item: nothing is left out in silence. */
export const bulkResultSchema = shape(
  'What became of each machine.',
  {
    atomic: yes('Whether it was all or nothing.'),
    dryRun: yes('Whether nothing was written.'),
    done: count('How many were changed.', 19),
    unchanged: count('How many were as asked for already.', 0),
    refused: count('How many were not changed.', 1),
    items: listOf(
      'In the order of the selection.',
      shape('One machine.', {
        name: objectName('Which.', 'post01'),
        status: Type.Integer({ description: 'As the same request for this machine alone would have been answered.', examples: [200] }),
        outcome: oneOf('What became of it; `undone` where another one of an atomic request failed.', [
          'done',
          'unchanged',
          'refused',
          'undone',
        ]),
        machine: optional(machineSchema),
        problem: optional(problemSchema),
      }),
    ),
  },
  { atomic: false, dryRun: false, done: 1, unchanged: 0, refused: 0, items: [{ name: 'post01', status: 200, outcome: 'done' }] },
);
export type BulkResult = Static<typeof bulkResultSchema>;
