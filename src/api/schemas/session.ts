import { Type } from 'typebox';
import type { Static } from 'typebox';
import { listOf, oneOf, optional, shape, text, time } from './fields.ts';
import { role } from './user.ts';

export const loginSchema = shape(
  'Who logs in.',
  {
    name: text('The user.', 'anna', 63),
    password: Type.String({ description: 'Their password.', maxLength: 1024, examples: ['correct horse battery'] }),
  },
  { name: 'anna', password: 'correct horse battery' },
);
export type Login = Static<typeof loginSchema>;

export const sessionSchema = shape(
  'Who you are, and how you came in.',
  {
    actor: text('As the audit log names you.', 'anna'),
    user: optional(text('The user, where there is one.', 'anna')),
    via: oneOf('How you came in.', ['socket', 'session', 'token']),
    role,
    scopes: listOf('What a token is confined to; none for all that the role may.', text('A scope.', 'machines:read')),
    createdAt: optional(time('When you logged in.')),
    expiresAt: optional(time('When you are logged out if you do nothing.')),
  },
  {
    actor: 'anna',
    user: 'anna',
    via: 'session',
    role: 'operator',
    scopes: [],
    createdAt: '2026-03-01T09:30:00.000Z',
    expiresAt: '2026-03-01T21:30:00.000Z',
  },
);
export type SessionResource = Static<typeof sessionSchema>;
