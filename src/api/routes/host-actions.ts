import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Asked } from '../../manager/manager-control.ts';
import type { Host } from '../../model/host.ts';
import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { sendTagged } from '../etag.ts';
import { ProblemError } from '../problems.ts';
import { note } from '../request-context.ts';
import { shape } from '../schemas/fields.ts';
import { confirmDeadSchema, confirmedDeadSchema, hostDetailSchema, setRoleSchema } from '../schemas/host.ts';
import { dryRunQuery } from '../schemas/page.ts';
import { answered, askedBy, managerOf } from './asked.ts';
import { answers, base, nameParam } from './describe.ts';
import { hostDetail } from './host-resource.ts';
import { hostParams } from './hosts.ts';
import { vmResource } from './vm-resource.ts';

const tags = ['hosts'];
const change = { role: 'operator', noun: 'hosts' } as const;
const dryRun = shape('How to change it.', dryRunQuery);
const common = (operationId: string, summary: string) => ({
  operationId,
  summary,
  tags,
  params: hostParams,
  querystring: dryRun,
  ...answers(hostDetailSchema),
});

/** What is done to one host: POST /hosts/{name}:drain and its siblings. */
export function addHostActionRoutes(app: Api, plane: ServicePlane): void {
  app.post(
    `${base}/hosts/${nameParam}::drain`,
    {
      config: { access: change, action: 'host.drain' },
      schema: common('drainHost', 'Let no VM start on a host any more, and move those that are there; then it is in maintenance'),
    },
    async (request, reply) => send(request, reply, await managerOf(plane).setDuty(request.params.name, 'draining', askedBy(request))),
  );

  app.post(
    `${base}/hosts/${nameParam}::activate`,
    { config: { access: change, action: 'host.activate' }, schema: common('activateHost', 'Let VMs start on a host again') },
    async (request, reply) => send(request, reply, await managerOf(plane).setDuty(request.params.name, 'active', askedBy(request))),
  );

  app.post(
    `${base}/hosts/${nameParam}::set-role`,
    {
      config: { access: change, action: 'host.set-role', emptyBody: true },
      schema: {
        ...common('setHostRole', 'Give a host a role until its next boot, or what its machine, labels and rules say'),
        body: setRoleSchema,
      },
    },
    async (request, reply) => {
      const { role } = request.body;
      note(request, `host/${request.params.name}`, { role: role ?? null });
      return send(request, reply, await managerOf(plane).setRole(request.params.name, role, askedBy(request)));
    },
  );

  app.post(
    `${base}/hosts/${nameParam}::reboot`,
    {
      config: { access: change, action: 'host.reboot' },
      schema: common('rebootHost', 'Let the agent of a host reboot it; its VMs go first'),
    },
    async (request, reply) => send(request, reply, await managerOf(plane).rebootHost(request.params.name, askedBy(request))),
  );

  app.post(
    `${base}/hosts/${nameParam}::confirm-dead`,
    {
      config: { access: change, action: 'host.confirm-dead' },
      schema: {
        operationId: 'confirmHostDead',
        summary: 'Give the word that a host is off: its VMs may start elsewhere. If it is not off, they run twice',
        tags,
        params: hostParams,
        querystring: dryRun,
        body: confirmDeadSchema,
        ...answers(confirmedDeadSchema),
      },
    },
    async (request) => {
      const { name } = request.params;
      const { hostname } = request.body;
      note(request, `host/${name}`, { hostname });
      const manager = managerOf(plane);
      if (hostname !== name)
        throw new ProblemError('invalid-request', `${hostname} is not the name of the host that this is about, which is ${name}.`, {
          errors: [{ pointer: '/hostname', detail: `must be ${name}` }],
        });
      const { result, told } = answered(await manager.confirmDead(name, hostname, askedBy(request)));
      const vms = result.map(vmResource);
      note(request, `host/${name}`, { hostname, vms: vms.slice(0, 100).map((vm) => vm.name) });
      return { host: name, vms, ...told };
    },
  );

  function send(request: FastifyRequest, reply: FastifyReply, asked: Asked<Host>): FastifyReply {
    const { result, told } = answered(asked);
    const found = managerOf(plane).host(result.name);
    return sendTagged(request, reply, { ...hostDetail(result, found?.vms ?? [], found?.boot), ...told });
  }
}
