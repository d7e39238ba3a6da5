import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Socket } from 'node:net';
import { refusalOf } from './access.ts';
import type { Authenticator } from './authenticator.ts';
import { ProblemError } from './problems.ts';
import './request-context.ts';

export interface AccessControlParts {
  readonly authenticator: Authenticator;
  /** Of the other end, where it is a unix socket of ours. */
  readonly peerUid: (socket: Socket) => number | undefined;
}

/** Finds out who asks, and whether they may, before anything of the request's body is read. */
export function controlAccess(app: FastifyInstance, { authenticator, peerUid }: AccessControlParts): void {
  app.decorateRequest('actor', undefined);
  app.addHook('onRoute', (route) => {
    if (route.config?.access === undefined) throw new Error(`${String(route.method)} ${route.url} does not say who may use it`);
  });
  app.addHook('onRequest', async (request) => {
    const { access } = request.routeOptions.config;
    // No route: whoever asks learns that from the handler of what is not found.
    if (access === undefined) return;
    request.actor = await authenticator.authenticate({
      authorization: request.headers.authorization,
      sessionCookie: request.cookies[sessionCookieName(request)],
      peerUid: isFromProgram(request) ? peerUid(request.raw.socket) : undefined,
    });
    const isRead = request.method === 'GET' || request.method === 'HEAD' || request.routeOptions.config.reads === true;
    if (request.actor?.via === 'session' && request.method !== 'GET' && request.method !== 'HEAD') checkOrigin(request);
    if (access.role === 'nobody') return;
    if (request.actor === undefined)
      throw new ProblemError('not-logged-in', 'Log in, or send a token.', { headers: { 'www-authenticate': 'Bearer' } });
    const refusal = refusalOf(request.actor, access, isRead, request.routeOptions.config.ownAffair === true);
    if (refusal !== undefined) throw new ProblemError('forbidden', refusal);
  });
}

/** `__Host-` makes browsers insist on TLS, on the whole host and on no other (RFC 6265bis 4.1.3.2). */
export function sessionCookieName(request: FastifyRequest): string {
  return isEncrypted(request) ? '__Host-virtdom' : 'virtdom-session';
}

export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, value: string): void {
  void reply.setCookie(sessionCookieName(request), value, { path: '/', httpOnly: true, sameSite: 'strict', secure: isEncrypted(request) });
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  void reply.clearCookie(sessionCookieName(request), { path: '/', httpOnly: true, sameSite: 'strict', secure: isEncrypted(request) });
}

function isEncrypted(request: FastifyRequest): boolean {
  return (request.raw.socket as { readonly encrypted?: boolean }).encrypted === true;
}

/**
 * A browser that reaches the socket through something that forwards to it must not be taken for root: programs name the host
 * `localhost` without a port and send nothing of what only browsers send.
 */
function isFromProgram({ headers }: FastifyRequest): boolean {
  return headers.host === 'localhost' && headers.origin === undefined && headers['sec-fetch-site'] === undefined;
}

/** Another site's page may send our cookie with its own form: it cannot send our Origin, nor a header of its own choice. */
function checkOrigin({ headers }: FastifyRequest): void {
  if (headers['x-virtdom-request'] !== undefined) return;
  const { origin, host } = headers;
  if (origin !== undefined && host !== undefined && URL.canParse(origin) && new URL(origin).host === host) return;
  throw new ProblemError('foreign-origin', 'A change by a session needs an Origin header of this service, or X-Virtdom-Request.');
}
