import cookie from '@fastify/cookie';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify from 'fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Api } from './api.ts';
import { controlAccess } from './access-control.ts';
import { keepAuditTrail } from './audit-trail.ts';
import { Authenticator } from './authenticator.ts';
import type { ControlPlane, ServicePlane } from './control-plane.ts';
import { EventStreams } from './event-stream.ts';
import { keepAnswers } from './idempotency.ts';
import { checkJsonExtent } from './json-body.ts';
import { LoginLimit } from './login-limit.ts';
import { openApiOptions } from './open-api.ts';
import { PasswordHasher } from './password.ts';
import { ProblemError, problemBody, problemOf } from './problems.ts';
import { RouteTable } from './route-table.ts';
import { addRoutes } from './routes/all-routes.ts';
import { eventResource } from './routes/event-resource.ts';
import { shape } from './schemas/fields.ts';
import { compileValidator } from './validation.ts';

export interface ApiOptions {
  /** Who is at the other end of a unix socket; `undefined` on any other connection. */
  readonly peerUid?: (socket: Socket) => number | undefined;
  /** Of this process. */
  readonly ownUid?: number;
  /** Clients that follow the events at once. */
  readonly streams?: number;
  /** Of virtdom, for /health and the OpenAPI document. */
  readonly version?: string;
}

const noQuery = shape('Nothing.', {});
const bodyLimit = 64 * 1024;
const maxParamLength = 300;

/**
 * The REST API without a listener, with the routes that the plane has parts for. Nothing of the plane is touched before the
 * first request.
 */
export async function buildApi(plane: ServicePlane | ControlPlane, options: ApiOptions = {}): Promise<Api> {
  const hasher = plane.hasher ?? new PasswordHasher();
  const authenticator = new Authenticator({
    accounts: plane.accounts,
    hasher,
    limit: new LoginLimit(plane.clock),
    clock: plane.clock,
    ownUid: options.ownUid ?? process.getuid?.() ?? -1,
  });
  const streams = new EventStreams({ events: plane.events, clock: plane.clock, limit: options.streams ?? 200, resourceOf: eventResource });
  const table = new RouteTable();
  const app = fastify({
    logger: false,
    bodyLimit,
    routerOptions: { maxParamLength, ignoreTrailingSlash: false },
    genReqId: () => `req-${randomBytes(6).toString('hex')}`,
    frameworkErrors: (error, request, reply) => void answerProblem(error, request, reply),
  }).withTypeProvider<TypeBoxTypeProvider>();

  app.setValidatorCompiler(compileValidator);
  // Answers are made field by field in the routes; the tests compare each with its schema.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  app.removeContentTypeParser('text/plain');
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser<string>(['application/json', 'application/merge-patch+json'], { parseAs: 'string' }, (request, body, done) => {
    checkJsonExtent(body);
    return parseJson(request, body, done);
  });
  app.addHook('onRoute', (route) => {
    table.add(route);
    // Whoever asks a route for a dry run that has none must not get a wet one.
    route.schema = { querystring: noQuery, ...route.schema };
  });
  app.setErrorHandler(answerProblem);
  app.setNotFoundHandler((request, reply) => answerProblem(table.notFound(request.method, request.url), request, reply));

  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({ 'x-request-id': request.id, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  });
  app.addHook('onResponse', async (request, reply) => {
    plane.log.info(
      {
        requestId: request.id,
        method: request.method,
        path: pathOf(request.originalUrl),
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        actor: request.actor?.name,
      },
      'request',
    );
  });
  app.addHook('preValidation', async (request) => {
    const { config, schema } = request.routeOptions;
    if (config.emptyBody === true) request.body ??= {};
    if (schema?.body === undefined && request.body !== undefined && !isEmpty(request.body))
      throw new ProblemError('invalid-request', 'This route takes no body.');
  });
  await app.register(cookie);
  keepAuditTrail(app, { audit: () => plane.audit, events: () => plane.events, clock: plane.clock, log: plane.log });
  controlAccess(app, { authenticator, peerUid: options.peerUid ?? (() => undefined) });
  keepAnswers(app, { store: plane.idempotency, clock: plane.clock, log: plane.log });
  const version = options.version ?? '0.0.0';
  await app.register(swagger, openApiOptions(version));
  addRoutes(app, plane, { authenticator, hasher, streams, version });
  app.addHook('preClose', async () => streams.close());
  return app;

  function answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    let problem = problemOf(error);
    if (problem === undefined) {
      plane.log.error({ err: error, requestId: request.id, method: request.method, path: pathOf(request.originalUrl) }, 'a request failed');
      problem = isOfStore(error)
        ? new ProblemError('unavailable', 'The database failed: try again when it is back. virtdom status says how it is.')
        : new ProblemError('internal', 'virtdom failed; its log says why, under the requestId.');
    }
    const { headers = {} } = problem.parts;
    return reply
      .code(problem.status)
      .headers({ 'x-request-id': request.id, ...headers })
      .type('application/problem+json; charset=utf-8')
      .send(JSON.stringify(problemBody(problem, pathOf(request.originalUrl), request.id)));
  }
}

/** A database that does not answer is no fault of ours, and comes back. */
function isOfStore(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return error instanceof Error && typeof code === 'string' && code.startsWith('store-');
}

function isEmpty(body: unknown): boolean {
  return typeof body === 'object' && body !== null && Object.keys(body).length === 0;
}

/** Without the query, which is of no use here and might hold anything. */
function pathOf(url: string): string {
  return url.split('?', 1)[0]?.slice(0, 1024) ?? '';
}
