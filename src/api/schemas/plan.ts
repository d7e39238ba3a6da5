import { Type } from 'typebox';
import type { Static } from 'typebox';
import { maxVmCount } from '../../machines/vm-schemas.ts';
import { listOf, objectName, oneOf, optional, shape, text } from './fields.ts';
import { reasonSchema, vmName } from './vm.ts';

export const planActions = ['start', 'stop', 'migrate', 'move', 'wait', 'keep', 'error'] as const;

export const planSchema = shape(
  'What would be done now. Nothing is changed by asking.',
  {
    steps: listOf(
      'VM by VM.',
      shape('What becomes of one VM.', {
        action: oneOf('What is done.', planActions),
        vm: vmName('With which VM.'),
        environment: objectName('Its kind.', 'worker'),
        host: optional(objectName('Where it is to be.', 'post02')),
        from: optional(objectName('Where it is now, if it moves.', 'post01')),
        reason: text('Why.', 'worker wants 3, 2 run', 4096),
        reasons: listOf('Host by host, why this one and not the others.', reasonSchema),
      }),
    ),
    notes: listOf('What else is to be said.', reasonSchema),
  },
  {
    steps: [
      {
        action: 'start',
        vm: 'worker-18',
        environment: 'worker',
        host: 'post02',
        reason: 'worker wants 3, 2 run',
        reasons: [
          { about: 'post02', verdict: 'chosen', reason: '2048 MiB free, no worker yet' },
          { about: 'post01', verdict: 'refused', reason: 'it is draining' },
        ],
      },
    ],
    notes: [{ about: 'post01', verdict: 'note', reason: 'if it failed, 1 VM would find no place' }],
  },
);
export type PlanResource = Static<typeof planSchema>;

const wanted = { minimum: 0, maximum: maxVmCount, examples: [5] };
export const planQuerySchema = shape('With what.', {
  count: optional(Type.Integer({ ...wanted, description: 'As if so many were wanted.' })),
});
export const scaleSchema = shape(
  'How many.',
  { count: Type.Integer({ ...wanted, description: 'So many VMs are wanted, between the environment’s min and max.' }) },
  { count: 5 },
);
