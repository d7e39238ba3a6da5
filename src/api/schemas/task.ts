import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, oneOf, optional, shape, standing, text, time } from './fields.ts';
import { pageOf, pageQuery } from './page.ts';
import { problemSchema } from './problem.ts';

export const taskStates = ['running', 'done', 'failed', 'cancelled'] as const;

export const taskSchema = shape(
  'Long work that a request began.',
  {
    id: text('Its number.', 't-01J8ZC'),
    kind: text('What it does.', 'image.verify'),
    object: text('With which object.', 'image/dom0@3', 4096),
    ...standing('Where it stands.', taskStates),
    createdAt: time('When it was asked for.'),
    createdBy: text('Who asked.', 'anna'),
    progress: shape('How far it is.', {
      done: count('So much is done.', 200),
      total: optional(count('Of so much.', 18_431)),
      unit: text('Of what.', 'contents'),
    }),
    result: optional(Type.Unknown({ description: 'What came out of it.', examples: [{ problems: [] }] })),
    problem: optional(problemSchema),
  },
  {
    id: 't-01J8ZC',
    kind: 'image.verify',
    object: 'image/dom0@3',
    state: 'running',
    reason: 'reading contents',
    since: '2026-03-01T09:30:00.000Z',
    createdAt: '2026-03-01T09:30:00.000Z',
    createdBy: 'anna',
    progress: { done: 200, total: 18_431, unit: 'contents' },
  },
);
export type TaskResource = Static<typeof taskSchema>;
export const taskPageSchema = pageOf('tasks, newest first', taskSchema);
export const taskQuerySchema = shape('Which tasks.', { ...pageQuery, state: optional(oneOf('In this state.', taskStates)) });
