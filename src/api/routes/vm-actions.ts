import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Asked } from '../../manager/manager-control.ts';
import type { Vm } from '../../model/vm.ts';
import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { sendTagged } from '../etag.ts';
import { note } from '../request-context.ts';
import { shape } from '../schemas/fields.ts';
import { dryRunQuery } from '../schemas/page.ts';
import { migrateSchema, vmSchema } from '../schemas/vm.ts';
import { answered, askedBy, managerOf } from './asked.ts';
import { answers, base, nameParam } from './describe.ts';
import { vmResource } from './vm-resource.ts';
import { vmParams } from './vms.ts';

const tags = ['vms'];
const change = { role: 'operator', noun: 'vms' } as const;
const common = (operationId: string, summary: string) => ({
  operationId,
  summary,
  tags,
  params: vmParams,
  querystring: shape('How to change it.', dryRunQuery),
  ...answers(vmSchema),
});

/** What is done to one VM: POST /vms/{name}:shutdown and its siblings. They answer when it is written down, not when it is done. */
export function addVmActionRoutes(app: Api, plane: ServicePlane): void {
  app.post(
    `${base}/vms/${nameParam}::shutdown`,
    {
      config: { access: change, action: 'vm.shutdown' },
      schema: common('shutDownVm', 'Ask a VM to stop; one that is wanted starts again by itself'),
    },
    async (request, reply) => send(request, reply, await managerOf(plane).stopVm(request.params.name, 'shutdown', askedBy(request))),
  );

  app.post(
    `${base}/vms/${nameParam}::destroy`,
    {
      config: { access: change, action: 'vm.destroy' },
      schema: common('destroyVm', 'Stop a VM at once, as by its power switch; one that is wanted starts again by itself'),
    },
    async (request, reply) => send(request, reply, await managerOf(plane).stopVm(request.params.name, 'destroy', askedBy(request))),
  );

  app.post(
    `${base}/vms/${nameParam}::reboot`,
    { config: { access: change, action: 'vm.reboot' }, schema: common('rebootVm', 'Stop a VM and start it again where it is') },
    async (request, reply) => send(request, reply, await managerOf(plane).rebootVm(request.params.name, askedBy(request))),
  );

  app.post(
    `${base}/vms/${nameParam}::pause`,
    { config: { access: change, action: 'vm.pause' }, schema: common('pauseVm', 'Let a VM stand still') },
    async (request, reply) => send(request, reply, await managerOf(plane).pauseVm(request.params.name, true, askedBy(request))),
  );

  app.post(
    `${base}/vms/${nameParam}::unpause`,
    { config: { access: change, action: 'vm.unpause' }, schema: common('unpauseVm', 'Let a VM go on that stands still') },
    async (request, reply) => send(request, reply, await managerOf(plane).pauseVm(request.params.name, false, askedBy(request))),
  );

  app.post(
    `${base}/vms/${nameParam}::migrate`,
    {
      config: { access: change, action: 'vm.migrate' },
      schema: { ...common('migrateVm', 'Move a VM to another host while it runs'), body: migrateSchema },
    },
    async (request, reply) => {
      const { host } = request.body;
      note(request, `vm/${request.params.name}`, { host });
      return send(request, reply, await managerOf(plane).migrateVm(request.params.name, host, askedBy(request)));
    },
  );

  app.post(
    `${base}/vms/${nameParam}::clear`,
    {
      config: { access: change, action: 'vm.clear' },
      schema: common('clearVm', 'Forget the failures of a VM in error, and try again'),
    },
    async (request, reply) => send(request, reply, await managerOf(plane).clearVm(request.params.name, askedBy(request))),
  );
}

function send(request: FastifyRequest, reply: FastifyReply, asked: Asked<Vm>): FastifyReply {
  const { result, told } = answered(asked);
  return sendTagged(request, reply, { ...vmResource(result), ...told });
}
