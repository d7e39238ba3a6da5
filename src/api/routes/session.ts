import { clearSessionCookie, setSessionCookie } from '../access-control.ts';
import type { Actor } from '../access.ts';
import type { Api, ApiParts } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { ProblemError } from '../problems.ts';
import { actorOf } from '../request-context.ts';
import { loginSchema, sessionSchema } from '../schemas/session.ts';
import type { SessionResource } from '../schemas/session.ts';
import { setupSchema, userSchema } from '../schemas/user.ts';
import { answers, answersNothing, base } from './describe.ts';
import { userResource } from './users.ts';

const tags = ['session'];

export function addSessionRoutes(app: Api, plane: ServicePlane, { authenticator }: ApiParts): void {
  app.get(
    `${base}/session`,
    {
      config: { access: { role: 'viewer', noun: 'session' }, ownAffair: true },
      schema: { operationId: 'getSession', summary: 'Who you are, and what you may', tags, ...answers(sessionSchema) },
    },
    (request) => sessionResource(actorOf(request)),
  );

  app.post(
    `${base}/session`,
    {
      config: { access: { role: 'nobody', noun: 'session' }, action: 'session.login', secret: true },
      schema: { operationId: 'login', summary: 'Log in; sets the session cookie', tags, body: loginSchema, ...answers(sessionSchema, 201) },
    },
    async (request, reply) => {
      const { name, password } = request.body;
      request.auditNotes = [{ action: 'session.login', object: `user/${name}` }];
      refuseForeignPage(request.headers);
      const from = request.raw.socket.remoteAddress ?? 'socket';
      const { cookie, actor } = await authenticator.login(name, password, from);
      request.actor = actor;
      setSessionCookie(request, reply, cookie);
      return reply.code(201).send(sessionResource(actor));
    },
  );

  app.delete(
    `${base}/session`,
    {
      config: { access: { role: 'viewer', noun: 'session' }, ownAffair: true, action: 'session.logout' },
      schema: { operationId: 'logout', summary: 'Log out', tags, ...answersNothing('You are logged out.') },
    },
    async (request, reply) => {
      const { credential } = actorOf(request);
      if (credential.kind !== 'session') throw new ProblemError('conflict', 'You came in without a session: there is none to end.');
      await plane.accounts.deleteSession(credential.hash);
      clearSessionCookie(request, reply);
      return reply.code(204).send();
    },
  );

  app.post(
    `${base}/setup`,
    {
      config: { access: { role: 'nobody', noun: 'setup' }, action: 'setup.first-admin', secret: true },
      schema: {
        operationId: 'setUp',
        summary: 'Make the first admin with the one-time link',
        tags,
        body: setupSchema,
        ...answers(userSchema, 201),
      },
    },
    async (request, reply) => {
      const { token, name, password } = request.body;
      request.auditNotes = [{ action: 'setup.first-admin', object: `user/${name}` }];
      if (plane.firstAdmin === undefined) throw new ProblemError('forbidden', 'There is a user already: log in.');
      const user = await plane.firstAdmin.redeem(token, name, password);
      return reply.code(201).send(userResource(user));
    },
  );
}

/** Nobody is to be logged in as somebody else by a page of another site. */
function refuseForeignPage({ origin, host }: { readonly origin?: string | undefined; readonly host?: string | undefined }): void {
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) return;
  throw new ProblemError('foreign-origin', 'A page of another site may not log in here.');
}

function sessionResource({ name, user, via, role, scopes, createdMs, expiresMs }: Actor): SessionResource {
  return {
    actor: name,
    ...(user !== undefined && { user }),
    via,
    role,
    scopes: [...scopes],
    ...(createdMs !== undefined && { createdAt: new Date(createdMs).toISOString() }),
    ...(expiresMs !== undefined && { expiresAt: new Date(expiresMs).toISOString() }),
  };
}
