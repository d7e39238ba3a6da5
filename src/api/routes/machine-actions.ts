import type { Api } from '../api.ts';
import type { ControlPlane } from '../control-plane.ts';
import { sendTagged } from '../etag.ts';
import type { Machines, SelectionOutcome } from '../../machines/machines.ts';
import { actorOf } from '../request-context.ts';
import { assignSchema, bootOnceSchema, ignoreSchema, machineSchema } from '../schemas/machine.ts';
import type { MachineResource } from '../schemas/machine.ts';
import { answers, base, nameParam } from './describe.ts';
import { note } from '../request-context.ts';
import { dryRun, machineOfItem, machineParams } from './machines.ts';
import { objectKey } from './outcomes.ts';

const tags = ['machines'];
const change = { role: 'operator', noun: 'machines' } as const;

const common = (operationId: string, summary: string) => ({
  operationId,
  summary,
  tags,
  params: machineParams,
  querystring: dryRun,
  ...answers(machineSchema),
});

/** What is done to one machine: POST /machines/{name}:assign and its siblings. */
export function addMachineActionRoutes(app: Api, plane: ControlPlane): void {
  app.post(
    `${base}/machines/${nameParam}::assign`,
    {
      config: { access: change, action: 'machine.assign' },
      schema: {
        ...common('assignMachine', 'Give a machine its profile and role; a client that waits is enrolled by it'),
        body: assignSchema,
      },
    },
    async (request, reply) => {
      note(request, objectKey('Machine', request.params.name), { ...request.body });
      const options = { author: actorOf(request).name, dryRun: request.query.dryRun === true };
      const machine = one(plane, await plane.machines.assign({ names: [request.params.name] }, request.body, options));
      return sendTagged(request, reply, machine, machine.revision);
    },
  );

  app.post(
    `${base}/machines/${nameParam}::release`,
    { config: { access: change, action: 'machine.release' }, schema: common('releaseMachine', 'Take profile and role from a machine') },
    async (request, reply) => {
      const options = { author: actorOf(request).name, dryRun: request.query.dryRun === true };
      const machine = one(plane, await plane.machines.release({ names: [request.params.name] }, options));
      return sendTagged(request, reply, machine, machine.revision);
    },
  );

  app.post(
    `${base}/machines/${nameParam}::ignore`,
    {
      config: { access: change, action: 'machine.ignore', emptyBody: true },
      schema: { ...common('ignoreMachine', 'Answer a machine no more, or again'), body: ignoreSchema },
    },
    async (request, reply) => {
      const { ignored = true } = request.body;
      note(request, objectKey('Machine', request.params.name), { ignored });
      const options = { author: actorOf(request).name, dryRun: request.query.dryRun === true };
      const machine = one(plane, await plane.machines.ignore({ names: [request.params.name] }, ignored, options));
      return sendTagged(request, reply, machine, machine.revision);
    },
  );

  app.post(
    `${base}/machines/${nameParam}::boot`,
    {
      config: { access: change, action: 'machine.boot' },
      schema: { ...common('bootMachineOnce', 'Let the next boot of a machine be by another profile, once'), body: bootOnceSchema },
    },
    async (request, reply) => {
      const { profile } = request.body;
      note(request, objectKey('Machine', request.params.name), { profile });
      const options = { author: actorOf(request).name, dryRun: request.query.dryRun === true };
      const machine = one(plane, await plane.machines.bootOnce({ names: [request.params.name] }, profile, options));
      return sendTagged(request, reply, machine, machine.revision);
    },
  );

  app.post(
    `${base}/machines/${nameParam}::boot-cancel`,
    {
      config: { access: change, action: 'machine.boot-cancel' },
      schema: common('cancelBootOnce', 'Take back a boot that was asked for once'),
    },
    async (request, reply) => {
      const options: Parameters<Machines['cancelBootOnce']>[1] = { author: actorOf(request).name, dryRun: request.query.dryRun === true };
      const machine = one(plane, await plane.machines.cancelBootOnce({ names: [request.params.name] }, options));
      return sendTagged(request, reply, machine, machine.revision);
    },
  );
}

function one(plane: ControlPlane, outcome: SelectionOutcome): MachineResource {
  if (outcome.kind === 'invalid') throw new Error(`one name is no selection: ${outcome.detail}`);
  return machineOfItem(plane, outcome.items[0]);
}
