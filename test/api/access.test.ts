import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { User } from '../../src/api/account-store.ts';
import type { Who } from './api-rig.ts';
import { ApiRig } from './api-rig.ts';

let rig: ApiRig;
beforeAll(async () => {
  rig = await ApiRig.start({ streams: 0, withManager: true });
});
afterAll(async () => {
  await rig.close();
});
/** Who may do what: a route that is missing here fails the test below. */
const matrix: Readonly<Record<'nobody' | 'viewer' | 'operator' | 'admin', string>> = {
  nobody: 'getHealth getOpenApi explainProblem login setUp',
  viewer: `
    listMachines getMachine explainMachine listMachineFiles listProfiles getProfile listSubnets getSubnet
    listTemplates getTemplate listTemplateVersions getTemplateVersion diffTemplate renderTemplate checkTemplate
    exportObjects diffObjects listBoots getBoot listEvents streamEvents listLeases listImages getImage
    listTasks getTask getSession logout listTokens createToken deleteToken
    listEnvironments getEnvironment planEnvironment listRoles getRole listTriggers getTrigger checkTrigger
    listHosts getHost listHostProperties listProperties listVms getVm explainVm listCommands getCommand getManager planAll`,
  operator: `
    createMachine editMachine deleteMachine assignMachine releaseMachine ignoreMachine bootMachineOnce cancelBootOnce
    assignMachines releaseMachines ignoreMachines bootMachinesOnce deleteMachines importMachines
    createProfile replaceProfile deleteProfile createSubnet replaceSubnet deleteSubnet applyObjects
    saveDraft discardDraft deleteTemplate publishTemplate confirmTemplate rollBackTemplate restoreTemplate
    deleteLease deleteImage verifyImage cancelTask
    createEnvironment replaceEnvironment deleteEnvironment scaleEnvironment pauseEnvironment resumeEnvironment
    createRole replaceRole deleteRole createTrigger replaceTrigger deleteTrigger
    drainHost drainHosts activateHost activateHosts setHostRole rebootHost confirmHostDead queryHost
    shutDownVm destroyVm rebootVm pauseVm unpauseVm migrateVm clearVm readVmConsole
    cancelCommand holdManager releaseManager`,
  // A user's own password is the exception: editUser looks closer than at the role.
  admin: 'listUsers getUser createUser editUser deleteUser listAudit',
};

function routesOf(role: keyof typeof matrix): readonly string[] {
  return matrix[role].trim().split(/\s+/);
}

const ranks = ['nobody', 'viewer', 'operator', 'admin'] as const;

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly required?: boolean; readonly example?: unknown }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly example?: object }>> };
}

async function operations(): Promise<{ readonly method: string; readonly url: string; readonly operation: Operation }[]> {
  await rig.api.ready();
  const { paths } = JSON.parse(JSON.stringify(rig.api.swagger())) as { paths: Record<string, Record<string, Operation>> };
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => {
      const query = (operation.parameters ?? [])
        .filter((each) => each.in === 'query' && each.required === true)
        .map(({ name }) => `${name}=nobody`);
      return { method: method.toUpperCase(), url: `${path.replaceAll(/\{\w+\}/g, 'nothing0')}?${query.join('&')}`, operation };
    }),
  );
}

describe('roles', () => {
  it('are told for every route, and for no other', async () => {
    const told = ranks.flatMap(routesOf);
    expect((await operations()).map(({ operation }) => operation.operationId).sort()).toEqual(told.toSorted());
  });

  it.each(ranks)('let %s do what the table says, and nothing else', async (who: Who) => {
    const refused: string[] = [];
    for (const { method, url, operation } of await operations()) {
      const body = Object.values(operation.requestBody?.content ?? {})[0]?.example;
      const dry = url.includes(':') || method === 'GET' || /session|setup|draft$/.test(url) ? '' : '&dryRun=true';
      const answer = await rig.ask(method, url + (operation.operationId === 'verifyImage' ? '' : dry), {
        as: who,
        ...(body !== undefined && { body }),
      });
      const type = answer.statusCode < 400 ? '' : answer.json<{ type: string }>().type;
      if (/not-logged-in|forbidden$/.test(type) && operation.operationId !== 'setUp') refused.push(operation.operationId);
    }
    const rank = ranks.indexOf(who);
    const wanted = ranks.filter((_, index) => index > rank).flatMap(routesOf);
    // The token of the test makes none.
    expect(refused.sort()).toEqual([...wanted, ...(rank > 0 ? ['createToken'] : [])].sort());
  });

  it('of nobody get 401 with a challenge (RFC 9110 11.6.1)', async () => {
    const answer = await rig.ask('GET', '/machines', { as: 'nobody' });
    expect([answer.statusCode, answer.headers['www-authenticate']]).toEqual([401, 'Bearer']);
  });
});

async function userOf(name: string): Promise<User> {
  const user = await rig.store.accounts.user(name);
  if (user === undefined) throw new Error(`the rig has no user ${name}`);
  return user;
}

describe('tokens', () => {
  it('are confined to their scopes: write holds read', async () => {
    rig.tokens.set('nobody', await rig.addToken('operator', ['machines:read', 'profiles:write']));
    const asked = async (method: string, path: string, body?: object): Promise<number> =>
      (await rig.ask(method, path, { as: 'nobody', ...(body !== undefined && { body }) })).statusCode;
    expect(await asked('GET', '/machines')).toBe(200);
    expect(await asked('POST', '/machines/post01:release')).toBe(403);
    expect(await asked('GET', '/profiles')).toBe(200);
    expect(await asked('POST', '/profiles?dryRun=true', { name: 'p9', loaders: { bios: 'x' } })).toBe(200);
    expect(await asked('GET', '/subnets')).toBe(403);
    expect(await asked('GET', '/session')).toBe(200);
    rig.tokens.delete('nobody');
  });

  it.each(['Bearer vd_wrong', 'Bearer ', 'Basic cm9vdDpyb290', 'vd_x', 'Bearer a b'])(
    'that are none get 401: %s',
    async (authorization) => {
      const answer = await rig.ask('GET', '/machines', { as: 'nobody', headers: { authorization } });
      expect(answer.statusCode).toBe(401);
    },
  );

  it('end in time, with their owner, and where the owner is locked out', async () => {
    const { accounts } = rig.store;
    rig.tokens.set('nobody', await rig.addToken('viewer'));
    const user = await userOf('viewer');
    await accounts.updateUser({ ...user, disabled: true });
    expect((await rig.ask('GET', '/machines', { as: 'nobody' })).statusCode).toBe(401);
    await accounts.updateUser({ ...user, disabled: false });
    expect((await rig.ask('GET', '/machines', { as: 'nobody' })).statusCode).toBe(200);
    rig.tokens.delete('nobody');
  });

  it('lose what their owner loses: the lesser of both roles counts', async () => {
    const { accounts } = rig.store;
    const user = await userOf('operator');
    await accounts.updateUser({ ...user, role: 'viewer' });
    expect((await rig.ask('POST', '/machines/post01:release', { as: 'operator' })).statusCode).toBe(403);
    await accounts.updateUser({ ...user, role: 'operator' });
  });
});
