import type { SelectionOutcome } from '../../machines/machines.ts';
import type { Selection as MachineSelection } from '../../machines/selection.ts';
import { Breath } from '../../machines/breath.ts';
import type { ItemResult } from '../../machines/bulk-change.ts';
import type { FastifyRequest } from 'fastify';
import type { Api } from '../api.ts';
import type { ControlPlane } from '../control-plane.ts';
import { isDryRun } from '../idempotency.ts';
import { ProblemError, problemBody } from '../problems.ts';
import { actorOf } from '../request-context.ts';
import { bulkResultSchema } from '../schemas/bulk.ts';
import type { BulkResult } from '../schemas/bulk.ts';
import { bulkAssignSchema, bulkBootSchema, bulkIgnoreSchema, bulkSchema } from '../schemas/machine.ts';
import type { Selection } from '../schemas/machine.ts';
import { answers, base } from './describe.ts';
import { machineAfter, machineNow } from './machine-resource.ts';
import { dryRun } from './machines.ts';
import { itemProblem, objectKey } from './outcomes.ts';

const tags = ['machines'];
const change = { role: 'operator', noun: 'machines' } as const;
/** Names of 10,000 machines. */
const bodyLimit = 8 * 1024 * 1024;

const common = (operationId: string, summary: string) => ({
  operationId,
  summary,
  tags,
  querystring: dryRun,
  ...answers(bulkResultSchema),
});
const optionsOf = (request: FastifyRequest, atomic: boolean | undefined) => ({
  author: actorOf(request).name,
  dryRun: isDryRun(request),
  ...(atomic !== undefined && { atomic }),
});

/** What is done to many machines: POST /machines:assign and its siblings. The answer tells of each one. */
export function addMachineBulkRoutes(app: Api, plane: ControlPlane): void {
  app.post(
    `${base}/machines::assign`,
    {
      bodyLimit,
      config: { access: change, action: 'machine.assign' },
      schema: { ...common('assignMachines', 'Give many machines a profile and a role'), body: bulkAssignSchema },
    },
    async (request) => {
      const { select, atomic, ...assignment } = request.body;
      return await bulk(plane, request, select, atomic, { ...assignment }, (selection) =>
        plane.machines.assign(selection, assignment, optionsOf(request, atomic)),
      );
    },
  );

  app.post(
    `${base}/machines::release`,
    {
      bodyLimit,
      config: { access: change, action: 'machine.release' },
      schema: { ...common('releaseMachines', 'Take profile and role from many machines'), body: bulkSchema },
    },
    async (request) => {
      const { select, atomic } = request.body;
      return await bulk(plane, request, select, atomic, {}, (selection) => plane.machines.release(selection, optionsOf(request, atomic)));
    },
  );

  app.post(
    `${base}/machines::ignore`,
    {
      bodyLimit,
      config: { access: change, action: 'machine.ignore' },
      schema: { ...common('ignoreMachines', 'Answer many machines no more, or again'), body: bulkIgnoreSchema },
    },
    async (request) => {
      const { select, atomic, ignored = true } = request.body;
      return await bulk(plane, request, select, atomic, { ignored }, (selection) =>
        plane.machines.ignore(selection, ignored, optionsOf(request, atomic)),
      );
    },
  );

  app.post(
    `${base}/machines::boot`,
    {
      bodyLimit,
      config: { access: change, action: 'machine.boot' },
      schema: {
        ...common('bootMachinesOnce', 'Let the next boot of many machines be by another profile, once each'),
        body: bulkBootSchema,
      },
    },
    async (request) => {
      const { select, atomic, profile } = request.body;
      return await bulk(plane, request, select, atomic, { profile }, (selection) =>
        plane.machines.bootOnce(selection, profile, optionsOf(request, atomic)),
      );
    },
  );

  app.post(
    `${base}/machines::delete`,
    {
      bodyLimit,
      config: { access: change, action: 'machine.delete' },
      schema: { ...common('deleteMachines', 'Delete many machines with their leases'), body: bulkSchema },
    },
    async (request) => {
      const { select, atomic } = request.body;
      return await bulk(plane, request, select, atomic, {}, (selection) => plane.machines.remove(selection, optionsOf(request, atomic)));
    },
  );
}

async function bulk(
  plane: ControlPlane,
  request: FastifyRequest,
  select: Selection,
  atomic: boolean | undefined,
  detail: Readonly<Record<string, unknown>>,
  act: (selection: MachineSelection) => Promise<SelectionOutcome>,
): Promise<BulkResult> {
  const selection = selectionOf(plane, select);
  const outcome: SelectionOutcome = selection === 'nobody' ? { kind: 'items', ok: true, written: false, items: [] } : await act(selection);
  if (outcome.kind === 'invalid')
    throw new ProblemError('invalid-request', `The selection is no good: ${outcome.detail}.`, {
      errors: [{ pointer: `/select${outcome.pointer}`, detail: outcome.detail }],
    });
  const action = request.routeOptions.config.action ?? '';
  const items: BulkResult['items'] = [];
  const breath = new Breath();
  for (const item of outcome.items) {
    await breath.take();
    items.push(itemResource(plane, item, request.id));
  }
  request.auditNotes = items.map(({ name, outcome: became, problem }) => ({
    action,
    object: objectKey('Machine', name),
    detail: { ...detail, ...(problem !== undefined && { problem: problem.detail }) },
    outcome: became === 'refused' || became === 'undone' ? 'refused' : 'done',
  }));
  const count = (...outcomes: BulkResult['items'][number]['outcome'][]): number =>
    items.filter((item) => outcomes.includes(item.outcome)).length;
  return {
    atomic: atomic === true,
    dryRun: isDryRun(request),
    done: count('done'),
    unchanged: count('unchanged'),
    refused: count('refused', 'undone'),
    items,
  };
}

/** Labels are looked up here, since `rack` alone stands for any value. */
function selectionOf(plane: ControlPlane, { names, hostlist, labels, all }: Selection): MachineSelection | 'nobody' {
  if (labels === undefined)
    return { ...(names !== undefined && { names }), ...(hostlist !== undefined && { hostlist }), ...(all !== undefined && { all }) };
  const wanted = labels.map((label) => {
    const at = label.indexOf('=');
    return at < 0 ? { name: label } : { name: label.slice(0, at), value: label.slice(at + 1) };
  });
  if (wanted.length === 0) return {};
  const chosen = plane.objects.current.machines.filter((machine) =>
    wanted.every(({ name, value }) => Object.hasOwn(machine.labels, name) && (value === undefined || machine.labels[name] === value)),
  );
  return chosen.length === 0 ? 'nobody' : { names: chosen.map(({ name }) => name) };
}

function itemResource(plane: ControlPlane, item: ItemResult, requestId: string): BulkResult['items'][number] {
  const { name, outcome, object } = item;
  const problem = itemProblem(item);
  if (problem !== undefined) {
    const body = problemBody(problem, `${base}/machines/${encodeURIComponent(name)}`, requestId);
    return { name, status: problem.status, outcome: outcome === 'held-back' ? 'undone' : 'refused', problem: body };
  }
  const machine = object === undefined ? machineNow(plane, name) : machineAfter(plane, object, name);
  return { name, status: 200, outcome: outcome === 'done' ? 'done' : 'unchanged', ...(machine !== undefined && { machine }) };
}
