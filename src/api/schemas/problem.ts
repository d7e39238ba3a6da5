import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, listOf, optional, shape, text } from './fields.ts';

/** In characters: how much of a text that a client itself has sent is told back to it. */
export const mostTold = { detail: 8192, pointer: 4096, object: 1024 };

/** RFC 9457. */
export const problemSchema = shape(
  'What went wrong: `application/problem+json` (RFC 9457).',
  {
    type: text('Which kind of problem: an address in the documentation.', 'https://virtdom.example/problems#invalid-request'),
    title: text('The kind of problem in words.', 'Invalid request'),
    status: Type.Integer({ minimum: 400, maximum: 599, description: 'The HTTP status.', examples: [400] }),
    detail: optional(
      text('What failed, on which object, and what to do next.', 'machine post01: profile dom1 does not exist', mostTold.detail),
    ),
    instance: optional(text('The path that was asked for.', '/api/v1/machines/post01', mostTold.pointer)),
    errors: optional(
      listOf(
        'What is wrong with which value.',
        shape('One wrong value.', {
          pointer: text(
            'Where it stands in the body (RFC 6901), or `?name` for a parameter of the query.',
            '/nics/0/mac',
            mostTold.pointer,
          ),
          detail: text('What is wrong with it.', 'expected a MAC address such as 52:54:00:00:00:01', mostTold.detail),
          object: optional(text('The object that it stands in, where the body holds several.', 'machine/post01', mostTold.object)),
        }),
      ),
    ),
    requestId: text('Names this request in the logs and in the audit log.', 'req-1f'),
    current: optional(
      listOf(
        'For a conflict: what stands there now.',
        shape('An object as it is now.', {
          object: text('Which object.', 'profile/dom0', mostTold.object),
          revision: count('Its revision; 0 where there is none.', 5),
          etag: optional(text('Its ETag.', '"5"')),
          updatedBy: optional(text('Who changed it last.', 'anna')),
          updatedAt: optional(text('When.', '2026-03-01T09:30:00.000Z')),
          reason: optional(text('Where it is not the revision that is in the way.', 'MAC 52:54:00:00:00:01 is of post02')),
        }),
      ),
    ),
  },
  {
    type: 'https://virtdom.example/problems#invalid-request',
    title: 'Invalid request',
    status: 400,
    detail: 'The body is not what this route expects.',
    instance: '/api/v1/machines',
    errors: [{ pointer: '/nics/0/mac', detail: 'expected a MAC address such as 52:54:00:00:00:01' }],
    requestId: 'req-1f',
  },
);
export type ProblemResource = Static<typeof problemSchema>;
