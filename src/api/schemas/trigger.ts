import { Type } from 'typebox';
import type { Static } from 'typebox';
import { triggerFields } from './documents.ts';
import { anything, changed, listOf, objectName, oneOf, optional, shape, text, time, yes } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';

const fieldsExample = {
  name: 'more-workers',
  expr: "environments['worker'].running < 4 && agents.exists(a, a.properties.load > 8.0)",
  cmd: { command: 'scale', environment: 'worker', by: 1 },
  ticks: 60,
};
const results = ['true', 'false', 'error'] as const;

export const evaluationSchema = shape(
  'What came out when it was asked last.',
  {
    at: time('When.'),
    result: oneOf('What came out.', results),
    reason: text('Why it did not fire, or what it did.', 'false: agents.exists(…) is false', 4096),
    inputs: anything('What `expr` read, by path.', { "environments['worker'].running": 2 }),
    agents: optional(
      listOf(
        'Of `forEach: agent`: what came out for each.',
        shape('An agent.', {
          agent: objectName('Which.', 'post01'),
          result: oneOf('What came out.', results),
          reason: text('Why.', 'load is 0.4', 4096),
        }),
      ),
    ),
  },
  {
    at: '2026-03-01T09:30:00.000Z',
    result: 'false',
    reason: 'false: agents.exists(…) is false',
    inputs: { "environments['worker'].running": 2 },
  },
);
export type EvaluationResource = Static<typeof evaluationSchema>;

export const triggerSchema = shape(
  'Something to do when an expression becomes true.',
  {
    ...triggerFields,
    lastEvaluation: optional(evaluationSchema),
    lastFired: optional(
      shape('When it did something last: apart from when it was asked last.', {
        at: time('When.'),
        agent: optional(objectName('For which agent.', 'post01')),
        outcome: text('What came of it.', 'worker scaled from 2 to 3', 4096),
      }),
    ),
    nextAt: optional(time('When it is asked again.')),
    ...changed,
  },
  { ...fieldsExample, nextAt: '2026-03-01T09:31:00.000Z', revision: 4, updatedAt: '2026-02-14T10:00:00.000Z', updatedBy: 'anna' },
);
export type TriggerResource = Static<typeof triggerSchema>;
export const triggerPageSchema = pageOf('triggers', triggerSchema);
export const triggerQuerySchema = shape('Which triggers.', {
  ...pageQuery,
  ...totalQuery,
  paused: optional(Type.Boolean({ description: 'Only those that are paused, or only those that are not.', examples: [false] })),
  q: optional(text('A text that the name or the expression holds.', 'worker')),
  sort: optional(text('name, updatedAt or firedAt, falling with a dash before it.', 'name')),
});

/** For POST and PUT: the whole trigger as a person writes it. */
export const triggerWriteSchema = shape('A trigger as a whole. What is left out has its default.', triggerFields, fieldsExample);

export const triggerCheckSchema = shape(
  'What is wrong with a trigger, and what it would say now.',
  {
    valid: yes('Whether it could be saved.'),
    problems: listOf(
      'What is wrong with which value.',
      shape('One wrong value.', {
        pointer: text('Where it stands (RFC 6901).', '/expr', 4096),
        detail: text('What is wrong with it.', 'unknown name agnets at column 1', 8192),
      }),
    ),
    evaluation: optional(evaluationSchema),
  },
  { valid: false, problems: [{ pointer: '/expr', detail: 'unknown name agnets at column 1' }] },
);
export type TriggerCheck = Static<typeof triggerCheckSchema>;
