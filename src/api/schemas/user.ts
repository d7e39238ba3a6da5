import { Type } from 'typebox';
import type { Static } from 'typebox';
import { oneOf, optional, shape, text, time, yes } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';

export const roles = ['viewer', 'operator', 'admin'] as const;
export const role = oneOf('viewer reads; operator also changes machines, templates and boots; admin also users and settings.', roles);

export const userName = Type.String({ description: 'What they log in as.', pattern: '^[a-z][a-z0-9._-]{0,62}$', examples: ['anna'] });
/** Long ones are hashed whole, so the limit is against load only. */
export const password = Type.String({
  description: 'At least 12 characters.',
  minLength: 12,
  maxLength: 1024,
  examples: ['correct horse battery'],
});

export const userSchema = shape(
  'Somebody who may log in.',
  {
    name: userName,
    role,
    disabled: yes('Whether they are locked out.'),
    createdAt: time('When they were added.'),
    updatedAt: time('When they were changed last.'),
  },
  { name: 'anna', role: 'operator', disabled: false, createdAt: '2026-02-01T08:00:00.000Z', updatedAt: '2026-02-01T08:00:00.000Z' },
);
export type UserResource = Static<typeof userSchema>;
export const userPageSchema = pageOf('users', userSchema);
export const userQuerySchema = shape('Which users.', { ...pageQuery, ...totalQuery });

export const userCreateSchema = shape(
  'A user to add.',
  { name: userName, role, password },
  { name: 'anna', role: 'operator', password: 'correct horse battery' },
);
export type UserCreate = Static<typeof userCreateSchema>;
export const userPatchSchema = shape(
  'Changes of a user. Their sessions end. Everybody may change their own password, which takes the present one.',
  {
    role: optional(role),
    disabled: optional(Type.Boolean({ description: 'Locks them out.', examples: [false] })),
    password: optional(password),
    currentPassword: optional(
      Type.String({ description: 'For their own password.', maxLength: 1024, examples: ['correct horse battery'] }),
    ),
  },
  { role: 'viewer' },
  { minProperties: 1 },
);
export type UserPatch = Static<typeof userPatchSchema>;

export const setupSchema = shape(
  'Makes the first admin. The token stands in the link that virtdom wrote where only root may read.',
  { token: text('Of the link.', 'pY3kQ8…', 128), name: userName, password },
  { token: 'c2VjcmV0LW9mLXRoZS1saW5r', name: 'anna', password: 'correct horse battery' },
);
