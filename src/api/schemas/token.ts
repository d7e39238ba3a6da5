import { Type } from 'typebox';
import type { Static } from 'typebox';
import { listOf, optional, shape, text, time } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';
import { role } from './user.ts';

/** What a token may be confined to: a noun of the API, a colon, `read` or `write` (which holds read). */
export const scopePattern = '^[a-z]+:(?:read|write)$';
const scope = Type.String({ description: 'A noun, a colon, read or write.', pattern: scopePattern, examples: ['machines:read'] });

const token = {
  id: text('Its public name.', 'k7f3q2'),
  name: text('What it is for.', 'ci'),
  owner: text('Whose it is.', 'anna'),
  role,
  scopes: listOf('What it is confined to; none for all that its role may.', scope, 64),
  createdAt: time('When it was made.'),
  expiresAt: time('When it ends.'),
  lastUsedAt: optional(time('When it was used last, to the minute.')),
};
const example = {
  id: 'k7f3q2',
  name: 'ci',
  owner: 'anna',
  role: 'operator',
  scopes: ['machines:read'],
  createdAt: '2026-03-01T09:30:00.000Z',
  expiresAt: '2026-06-01T09:30:00.000Z',
};
export const tokenSchema = shape('A token for programs. The token itself is not kept.', token, example);
export type TokenResource = Static<typeof tokenSchema>;
export const tokenPageSchema = pageOf('tokens', tokenSchema);
export const tokenQuerySchema = shape('Which tokens.', { ...pageQuery, ...totalQuery });

export const tokenCreateSchema = shape(
  'A token to make: of your own role or less.',
  {
    name: Type.String({ description: 'What it is for.', pattern: '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$', examples: ['ci'] }),
    role: optional(role),
    scopes: optional(token.scopes),
    expiresInSeconds: Type.Integer({
      minimum: 60,
      maximum: 31_622_400,
      description: 'How long it lives, at most a year.',
      examples: [7_776_000],
    }),
  },
  { name: 'ci', role: 'operator', scopes: ['machines:read'], expiresInSeconds: 7_776_000 },
);
export type TokenCreate = Static<typeof tokenCreateSchema>;

export const tokenCreatedSchema = shape(
  'The token, shown this once.',
  { ...token, token: text('What programs send as `Authorization: Bearer`.', 'vd_bm90LWEtcmVhbC10b2tlbi1qdXN0LWFuLWV4YW1wbGU') },
  { ...example, token: 'vd_bm90LWEtcmVhbC10b2tlbi1qdXN0LWFuLWV4YW1wbGU' },
);
export type TokenCreated = Static<typeof tokenCreatedSchema>;
