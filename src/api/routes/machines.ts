import type { Static } from 'typebox';
import type { Api } from '../api.ts';
import type { ControlPlane } from '../control-plane.ts';
import { checkMatch, sendTagged } from '../etag.ts';
import { wrongCursor } from '../cursor.ts';
import { labelsOf, sortOf, valuesOf } from '../listing.ts';
import { machineSorts } from '../../machines/machine-list.ts';
import { machineStates } from '../../machines/machine-view.ts';
import type { MachineQuery, MachineSort } from '../../machines/machine-list.ts';
import type { ItemResult } from '../../machines/bulk-change.ts';
import { actorOf, note } from '../request-context.ts';
import { objectName, shape } from '../schemas/fields.ts';
import { machineCreateSchema, machinePageSchema, machinePatchSchema, machineQuerySchema, machineSchema } from '../schemas/machine.ts';
import type { MachineResource } from '../schemas/machine.ts';
import { dryRunQuery } from '../schemas/page.ts';
import { answers, answersNothing, base, nameParam } from './describe.ts';
import { machineAfter, machineNow, resourceOfView } from './machine-resource.ts';
import { itemProblem, notFound, objectKey } from './outcomes.ts';

export const machineParams = shape('Which machine.', {
  name: objectName('Its name; of a client that waits, its MAC with dashes.', 'post01'),
});
export const dryRun = shape('How to change it.', dryRunQuery);
const tags = ['machines'];
const access = { role: 'viewer', noun: 'machines' } as const;
const change = { role: 'operator', noun: 'machines' } as const;

export function addMachineRoutes(app: Api, plane: ControlPlane): void {
  app.get(
    `${base}/machines`,
    {
      config: { access },
      schema: {
        operationId: 'listMachines',
        summary: 'List machines, and clients that wait to be enrolled',
        tags,
        querystring: machineQuerySchema,
        ...answers(machinePageSchema),
      },
    },
    ({ query }) => {
      const page = plane.machineList.page(machineQuery(query));
      if (page.kind === 'bad-cursor') throw wrongCursor();
      const { items, nextCursor, total } = page;
      return {
        items: items.map((view) => resourceOfView(plane, view)),
        ...(nextCursor !== undefined && { nextCursor }),
        ...(total !== undefined && { total }),
      };
    },
  );

  app.get(
    `${base}/machines/${nameParam}`,
    {
      config: { access },
      schema: { operationId: 'getMachine', summary: 'Show a machine', tags, params: machineParams, ...answers(machineSchema) },
    },
    (request, reply) => {
      const machine = machineOf(plane, request.params.name);
      return sendTagged(request, reply, machine, machine.revision);
    },
  );

  app.post(
    `${base}/machines`,
    {
      config: { access: change, action: 'machine.create' },
      schema: {
        operationId: 'createMachine',
        summary: 'Add a machine',
        tags,
        querystring: dryRun,
        body: machineCreateSchema,
        ...answers(machineSchema, 201),
      },
    },
    async (request, reply) => {
      const { name } = request.body;
      const isDry = request.query.dryRun === true;
      note(request, objectKey('Machine', name));
      const { items } = await plane.machines.enrol([{ ...request.body }], { author: actorOf(request).name, dryRun: isDry });
      const machine = machineOfItem(plane, items[0], true);
      void reply.code(isDry ? 200 : 201).header('location', `${base}/machines/${encodeURIComponent(name)}`);
      return sendTagged(request, reply, machine, machine.revision);
    },
  );

  app.patch(
    `${base}/machines/${nameParam}`,
    {
      config: { access: change, action: 'machine.edit' },
      schema: {
        operationId: 'editMachine',
        summary: 'Change fields of a machine; If-Match is heeded where it is sent',
        tags,
        params: machineParams,
        querystring: dryRun,
        body: machinePatchSchema,
        ...answers(machineSchema),
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const revision = matchedRevision(plane, request, name);
      note(request, objectKey('Machine', name), { fields: Object.keys(request.body) });
      const { items } = await plane.machines.edit(name, request.body, {
        author: actorOf(request).name,
        dryRun: request.query.dryRun === true,
        ...(revision !== undefined && { revision }),
      });
      const machine = machineOfItem(plane, items[0]);
      return sendTagged(request, reply, machine, machine.revision);
    },
  );

  app.delete(
    `${base}/machines/${nameParam}`,
    {
      config: { access: change, action: 'machine.delete' },
      schema: {
        operationId: 'deleteMachine',
        summary: 'Delete a machine with its leases, or forget a client that waits; If-Match is heeded where it is sent',
        tags,
        params: machineParams,
        querystring: dryRun,
        ...answersNothing('It is gone.'),
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const isDry = request.query.dryRun === true;
      const client = plane.objects.current.find('Machine', name) === undefined ? plane.unknown.find(name) : undefined;
      if (client !== undefined) {
        if (!isDry) await plane.unknown.forget([client.mac]);
        return reply.code(204).send();
      }
      const revision = matchedRevision(plane, request, name);
      const outcome = await plane.machines.remove(
        { names: [name] },
        { author: actorOf(request).name, dryRun: isDry, ...(revision !== undefined && { revision }) },
      );
      const problem =
        outcome.kind === 'items' && outcome.items[0] !== undefined ? itemProblem(outcome.items[0]) : notFound('machine', name);
      if (problem !== undefined) throw problem;
      return reply.code(204).send();
    },
  );
}

export function machineOf(plane: ControlPlane, name: string): MachineResource {
  const machine = machineNow(plane, name);
  if (machine === undefined) throw notFound('machine or waiting client', name);
  return machine;
}

/** The machine that a change of one left. @throws ProblemError where it was refused */
export function machineOfItem(plane: ControlPlane, item: ItemResult | undefined, isNew = false): MachineResource {
  if (item === undefined) throw new Error('a change of one machine told of none');
  const problem = itemProblem(item, isNew);
  if (problem !== undefined) throw problem;
  return item.object === undefined ? machineOf(plane, item.name) : machineAfter(plane, item.object, item.name);
}

/** The revision that If-Match insists on, compared with the one that is there. */
function matchedRevision(plane: ControlPlane, request: Parameters<typeof checkMatch>[0], name: string): number | undefined {
  const stored = plane.objects.current.find('Machine', name);
  if (stored === undefined || request.headers['if-match'] === undefined) return undefined;
  const { revision, updatedBy, updatedMs } = stored;
  checkMatch(request, { object: objectKey('Machine', name), revision, updatedBy, updatedMs });
  return revision;
}

function machineQuery(query: Static<typeof machineQuerySchema>): MachineQuery {
  const { limit = 50, cursor, total = false, state, profile, role, subnet, label, q, sort } = query;
  const states = valuesOf('state', state, machineStates);
  const { field, falling } = sortOf(sort, machineSorts);
  const labels = label === undefined ? undefined : Object.fromEntries(labelsOf(label));
  return {
    limit,
    total,
    sort: `${falling ? '-' : ''}${field as MachineSort}`,
    ...(states !== undefined && { states }),
    ...(labels !== undefined && { labels }),
    ...(cursor !== undefined && { cursor }),
    ...(profile !== undefined && { profile }),
    ...(role !== undefined && { role }),
    ...(subnet !== undefined && { subnet }),
    ...(q !== undefined && { q }),
  };
}
