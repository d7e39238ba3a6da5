import { randomBytes } from 'node:crypto';
import { isAtMost } from '../access.ts';
import type { ApiToken } from '../account-store.ts';
import { secretHash, tokenPrefix } from '../authenticator.ts';
import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { pageOfItems } from '../listing.ts';
import { ProblemError } from '../problems.ts';
import { actorOf, note } from '../request-context.ts';
import { shape, text } from '../schemas/fields.ts';
import { dryRunQuery } from '../schemas/page.ts';
import { tokenCreateSchema, tokenCreatedSchema, tokenPageSchema, tokenQuerySchema } from '../schemas/token.ts';
import type { TokenResource } from '../schemas/token.ts';
import { answers, answersNothing, base } from './describe.ts';
import { notFound } from './outcomes.ts';

const tags = ['tokens'];
const access = { role: 'viewer', noun: 'tokens' } as const;
const dryRun = shape('How to change it.', dryRunQuery);
/** Of one owner. */
const tokenLimit = 200;

/** Admins see and end all tokens, others their own. A token makes no tokens: it would outlive itself. */
export function addTokenRoutes(app: Api, plane: ServicePlane): void {
  const { accounts, clock } = plane;

  app.get(
    `${base}/tokens`,
    {
      config: { access },
      schema: {
        operationId: 'listTokens',
        summary: 'List tokens: your own, for admins all',
        tags,
        querystring: tokenQuerySchema,
        ...answers(tokenPageSchema),
      },
    },
    async (request) => {
      const actor = actorOf(request);
      const tokens = (await accounts.tokens()).filter(({ owner }) => actor.role === 'admin' || owner === actor.user);
      return pageOfItems(tokens.map(tokenResource), request.query, ({ name, id }) => `${name} ${id}`);
    },
  );

  app.post(
    `${base}/tokens`,
    {
      config: { access, action: 'token.create', secret: true },
      schema: {
        operationId: 'createToken',
        summary: 'Make a token of your own role or less; it is shown this once',
        tags,
        querystring: dryRun,
        body: tokenCreateSchema,
        ...answers(tokenCreatedSchema, 201),
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { name, scopes = [], expiresInSeconds } = request.body;
      const role = request.body.role ?? actor.role;
      const owner = actor.user ?? actor.name;
      note(request, `token/${name}`, { role, scopes, expiresInSeconds });
      if (actor.via === 'token') throw new ProblemError('forbidden', 'A token makes no tokens: log in, or use the socket.');
      if (!isAtMost(role, actor.role))
        throw new ProblemError('forbidden', `You have the role ${actor.role}, and make no token of ${role}.`);
      if ((await accounts.tokens()).filter((each) => each.owner === owner).length >= tokenLimit)
        throw new ProblemError('conflict', `${owner} has ${tokenLimit} tokens already: delete some.`);
      const nowMs = clock.now();
      const token = `${tokenPrefix}${randomBytes(32).toString('base64url')}`;
      const kept: ApiToken = {
        id: randomBytes(6).toString('hex'),
        hash: secretHash(token),
        name,
        owner,
        role,
        scopes,
        createdMs: nowMs,
        expiresMs: nowMs + expiresInSeconds * 1000,
      };
      if (request.query.dryRun === true) return reply.code(200).send({ ...tokenResource(kept), token: tokenPrefix });
      if (!(await accounts.addToken(kept))) throw new Error('two tokens are alike');
      note(request, `token/${kept.id}`, { name, role, scopes, expiresInSeconds });
      return reply
        .code(201)
        .header('location', `${base}/tokens/${kept.id}`)
        .send({ ...tokenResource(kept), token });
    },
  );

  app.delete(
    `${base}/tokens/:id`,
    {
      config: { access, action: 'token.delete' },
      schema: {
        operationId: 'deleteToken',
        summary: 'End a token',
        tags,
        params: shape('Which token.', { id: text('Its public name.', 'k7f3q2', 64) }),
        querystring: dryRun,
        ...answersNothing('It counts no more.'),
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { id } = request.params;
      const token = (await accounts.tokens()).find((each) => each.id === id);
      // One of somebody else is none: who may not see it must not learn of it.
      if (token === undefined || (actor.role !== 'admin' && token.owner !== actor.user)) throw notFound('token', id);
      if (request.query.dryRun !== true) await accounts.deleteToken(id);
      return reply.code(204).send();
    },
  );
}

function tokenResource({ id, name, owner, role, scopes, createdMs, expiresMs, lastUsedMs }: ApiToken): TokenResource {
  return {
    id,
    name,
    owner,
    role,
    scopes: [...scopes],
    createdAt: new Date(createdMs).toISOString(),
    expiresAt: new Date(expiresMs).toISOString(),
    ...(lastUsedMs !== undefined && { lastUsedAt: new Date(lastUsedMs).toISOString() }),
  };
}
