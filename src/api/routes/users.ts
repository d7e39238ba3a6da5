import type { User } from '../account-store.ts';
import { isSocketOwner } from '../authenticator.ts';
import type { Api, ApiParts } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { sendTagged } from '../etag.ts';
import { pageOfItems } from '../listing.ts';
import { ProblemError } from '../problems.ts';
import { actorOf, note } from '../request-context.ts';
import { shape } from '../schemas/fields.ts';
import { dryRunQuery } from '../schemas/page.ts';
import { userCreateSchema, userName, userPageSchema, userPatchSchema, userQuerySchema, userSchema } from '../schemas/user.ts';
import { Turns } from '../turns.ts';
import type { UserResource } from '../schemas/user.ts';
import { answers, answersNothing, base, nameParam } from './describe.ts';
import { notFound } from './outcomes.ts';

const tags = ['users'];
const params = shape('Which user.', { name: userName });
const dryRun = shape('How to change it.', dryRunQuery);
const access = { role: 'admin', noun: 'users' } as const;
/** As many as there may be. */
const userLimit = 1000;

export function addUserRoutes(app: Api, plane: ServicePlane, { authenticator, hasher }: ApiParts): void {
  const { accounts, clock } = plane;
  const find = async (name: string): Promise<User> => {
    const user = await accounts.user(name);
    if (user === undefined) throw notFound('user', name);
    return user;
  };
  // Two admins who demote each other at once must not leave nobody.
  const turns = new Turns();
  const keepOneAdmin = async (name: string): Promise<void> => {
    const others = (await accounts.users()).filter((user) => user.name !== name && user.role === 'admin' && !user.disabled);
    if (others.length === 0) throw new ProblemError('conflict', `${name} is the last admin: make another one first.`);
  };

  app.get(
    `${base}/users`,
    {
      config: { access },
      schema: { operationId: 'listUsers', summary: 'List who may log in', tags, querystring: userQuerySchema, ...answers(userPageSchema) },
    },
    async ({ query }) => pageOfItems((await accounts.users()).map(userResource), query, ({ name }) => name),
  );

  app.get(
    `${base}/users/${nameParam}`,
    { config: { access }, schema: { operationId: 'getUser', summary: 'Show a user', tags, params, ...answers(userSchema) } },
    async (request, reply) => sendTagged(request, reply, userResource(await find(request.params.name))),
  );

  app.post(
    `${base}/users`,
    {
      config: { access, action: 'user.create', secret: true },
      schema: {
        operationId: 'createUser',
        summary: 'Add a user',
        tags,
        querystring: dryRun,
        body: userCreateSchema,
        ...answers(userSchema, 201),
      },
    },
    async (request, reply) => {
      const { name, role, password } = request.body;
      note(request, `user/${name}`, { role });
      if (isSocketOwner(name)) throw new ProblemError('conflict', `${name} is whoever comes in over the socket: take another name.`);
      const users = await accounts.users();
      if (users.some((user) => user.name === name)) throw alreadyThere(name);
      if (users.length >= userLimit) throw new ProblemError('conflict', `There are ${userLimit} users already.`);
      const nowMs = clock.now();
      const isDry = request.query.dryRun === true;
      const passwordHash = isDry ? '' : await hasher.hash(password);
      const user: User = { name, role, passwordHash, disabled: false, createdMs: nowMs, updatedMs: nowMs };
      if (!isDry && !(await accounts.addUser(user))) throw alreadyThere(name);
      void reply.code(isDry ? 200 : 201).header('location', `${base}/users/${name}`);
      return sendTagged(request, reply, userResource(user));
    },
  );

  app.patch(
    `${base}/users/${nameParam}`,
    {
      // Their own password everybody may change: the handler looks closer.
      config: { access: { role: 'viewer', noun: 'users' }, action: 'user.edit', secret: true },
      schema: {
        operationId: 'editUser',
        summary: 'Change a user; their sessions end. Other users, and roles, are for admins',
        tags,
        params,
        querystring: dryRun,
        body: userPatchSchema,
        ...answers(userSchema),
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { role, disabled, password, currentPassword } = request.body;
      const actor = actorOf(request);
      note(request, `user/${name}`, {
        ...(role !== undefined && { role }),
        ...(disabled !== undefined && { disabled }),
        ...(password !== undefined && { password: 'changed' }),
      });
      const isOwn = actor.via === 'session' && actor.user === name;
      const isOwnPassword = isOwn && role === undefined && disabled === undefined;
      if (actor.role !== 'admin' && !isOwnPassword)
        throw new ProblemError('forbidden', 'This takes the role admin; your own password you may change by a session.');
      const seen = await find(name);
      if (isOwn && password !== undefined && !(await authenticator.isPassword(seen, currentPassword ?? '')))
        throw new ProblemError('forbidden', 'The present password is wrong.', {
          errors: [{ pointer: '/currentPassword', detail: 'is not your password' }],
        });
      const isDry = request.query.dryRun === true;
      const passwordHash = password === undefined || isDry ? undefined : await hasher.hash(password);
      const after = await turns.run(async () => {
        const before = await find(name);
        const changed = {
          ...before,
          ...(role !== undefined && { role }),
          ...(disabled !== undefined && { disabled }),
          ...(passwordHash !== undefined && { passwordHash }),
          updatedMs: clock.now(),
        };
        if (before.role === 'admin' && !before.disabled && (changed.role !== 'admin' || changed.disabled)) await keepOneAdmin(name);
        if (!isDry && !(await accounts.updateUser(changed))) throw notFound('user', name);
        return changed;
      });
      return sendTagged(request, reply, userResource(after));
    },
  );

  app.delete(
    `${base}/users/${nameParam}`,
    {
      config: { access, action: 'user.delete' },
      schema: {
        operationId: 'deleteUser',
        summary: 'Delete a user with their sessions and tokens',
        tags,
        params,
        querystring: dryRun,
        ...answersNothing('They are gone.'),
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      await turns.run(async () => {
        const user = await find(name);
        if (user.role === 'admin' && !user.disabled) await keepOneAdmin(name);
        if (request.query.dryRun !== true && !(await accounts.deleteUser(name))) throw notFound('user', name);
      });
      return reply.code(204).send();
    },
  );
}

export function userResource({ name, role, disabled, createdMs, updatedMs }: User): UserResource {
  return { name, role, disabled, createdAt: new Date(createdMs).toISOString(), updatedAt: new Date(updatedMs).toISOString() };
}

function alreadyThere(name: string): ProblemError {
  return new ProblemError('conflict', `There is a user ${name} already.`);
}
