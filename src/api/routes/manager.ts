import type { ManagerControl, ManagerStatus } from '../../manager/manager-control.ts';
import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { note } from '../request-context.ts';
import { shape } from '../schemas/fields.ts';
import { holdSchema, managerSchema } from '../schemas/manager.ts';
import type { ManagerResource } from '../schemas/manager.ts';
import { dryRunQuery } from '../schemas/page.ts';
import { planSchema } from '../schemas/plan.ts';
import { answered, askedBy, managerOf } from './asked.ts';
import { answers, base } from './describe.ts';
import { planResource } from './plan-resource.ts';
import { sentence, timeOf } from './wording.ts';

const tags = ['manager'];
const access = { role: 'viewer', noun: 'manager' } as const;
const change = { role: 'operator', noun: 'manager' } as const;
const dryRun = shape('How to change it.', dryRunQuery);

export function addManagerRoutes(app: Api, plane: ServicePlane): void {
  app.get(
    `${base}/manager`,
    {
      config: { access },
      schema: { operationId: 'getManager', summary: 'How the VM manager is, with hosts and VMs counted', tags, ...answers(managerSchema) },
    },
    () => {
      const manager = managerOf(plane);
      return managerResource(manager, manager.status());
    },
  );

  app.get(
    `${base}/manager::plan`,
    {
      config: { access },
      schema: { operationId: 'planAll', summary: 'What the manager would do now, and why', tags, ...answers(planSchema) },
    },
    () => planResource(managerOf(plane).plan()),
  );

  app.post(
    `${base}/manager::hold`,
    {
      config: { access: change, action: 'manager.hold' },
      schema: {
        operationId: 'holdManager',
        summary: 'Fence nothing and recover nothing until it is released; everything else goes on',
        tags,
        querystring: dryRun,
        body: holdSchema,
        ...answers(managerSchema),
      },
    },
    async (request) => {
      const { reason } = request.body;
      note(request, 'manager', { reason });
      const manager = managerOf(plane);
      const { result, told } = answered(await manager.hold(reason, askedBy(request)));
      return { ...managerResource(manager, result), ...told };
    },
  );

  app.post(
    `${base}/manager::release`,
    {
      config: { access: change, action: 'manager.release' },
      schema: { operationId: 'releaseManager', summary: 'Take a hold back', tags, querystring: dryRun, ...answers(managerSchema) },
    },
    async (request) => {
      const manager = managerOf(plane);
      const { result, told } = answered(await manager.hold(undefined, askedBy(request)));
      return { ...managerResource(manager, result), ...told };
    },
  );
}

function managerResource(manager: ManagerControl, status: ManagerStatus): ManagerResource {
  const { name, state, reason, sinceMs, hold, bus, agents, openCommands, others } = status;
  return {
    name,
    state,
    reason: sentence(reason),
    since: timeOf(sinceMs),
    ...(hold !== undefined && { hold: { reason: sentence(hold.reason), since: timeOf(hold.sinceMs), by: hold.by } }),
    bus: { ...bus, reason: sentence(bus.reason) },
    agents,
    openCommands,
    hosts: countedByState(manager.hosts()),
    vms: countedByState(manager.vms()),
    others: others.map((other) => ({ name: other.name, state: other.state, reason: sentence(other.reason), since: timeOf(other.sinceMs) })),
  };
}

function countedByState(things: readonly { readonly state: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { state } of things) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
