import type { FastifyRequest } from 'fastify';
import { Breath } from '../../machines/breath.ts';
import type { HostAnswer } from '../../manager/manager-control.ts';
import type { Vm } from '../../model/vm.ts';
import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { isDryRun } from '../idempotency.ts';
import { ProblemError, problemBody } from '../problems.ts';
import { hostBulkResultSchema, hostsSchema } from '../schemas/host-bulk.ts';
import type { HostBulkResult } from '../schemas/host-bulk.ts';
import { shape } from '../schemas/fields.ts';
import { dryRunQuery } from '../schemas/page.ts';
import { answered, askedBy, managerOf } from './asked.ts';
import { answers, base } from './describe.ts';
import { hostResource, vmsByHost } from './host-resource.ts';

const change = { role: 'operator', noun: 'hosts' } as const;
/** Names of 10,000 hosts. */
const bodyLimit = 2 * 1024 * 1024;
const common = (operationId: string, summary: string) => ({
  operationId,
  summary,
  tags: ['hosts'],
  querystring: shape('How to change them.', dryRunQuery),
  body: hostsSchema,
  ...answers(hostBulkResultSchema),
});

/** What is done to many hosts at once: POST /hosts:drain and :activate. The answer tells of each one. */
export function addHostBulkRoutes(app: Api, plane: ServicePlane): void {
  app.post(
    `${base}/hosts::drain`,
    {
      bodyLimit,
      config: { access: change, action: 'host.drain' },
      schema: common('drainHosts', 'Empty many hosts together: no VM moves from one of them to another'),
    },
    (request) => setDuties(plane, request, request.body.hosts, 'draining'),
  );

  app.post(
    `${base}/hosts::activate`,
    {
      bodyLimit,
      config: { access: change, action: 'host.activate' },
      schema: common('activateHosts', 'Let VMs start on many hosts again'),
    },
    (request) => setDuties(plane, request, request.body.hosts, 'active'),
  );
}

async function setDuties(
  plane: ServicePlane,
  request: FastifyRequest,
  hosts: readonly string[],
  duty: 'active' | 'draining',
): Promise<HostBulkResult> {
  const manager = managerOf(plane);
  const { result } = answered(await manager.setDuties(hosts, duty, askedBy(request)));
  const vms = vmsByHost(manager.vms());
  const items: HostBulkResult['items'] = [];
  const breath = new Breath();
  for (const each of result) {
    await breath.take();
    items.push(itemOf(each, vms.get(each.host) ?? [], request.id));
  }
  request.auditNotes = items.map(({ name, outcome, problem }) => ({
    action: request.routeOptions.config.action ?? '',
    object: `host/${name}`,
    detail: problem === undefined ? {} : { problem: problem.detail },
    outcome: outcome === 'refused' ? 'refused' : 'done',
  }));
  const count = (wanted: HostBulkResult['items'][number]['outcome']): number => items.filter(({ outcome }) => outcome === wanted).length;
  return { dryRun: isDryRun(request), done: count('done'), unchanged: count('unchanged'), refused: count('refused'), items };
}

function itemOf({ host: name, answer, changed }: HostAnswer, vms: readonly Vm[], requestId: string): HostBulkResult['items'][number] {
  try {
    const { result, told } = answered(answer);
    return { name, status: 200, outcome: changed ? 'done' : 'unchanged', host: { ...hostResource(result, vms), ...told } };
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const problem = problemBody(error, `${base}/hosts/${encodeURIComponent(name)}`, requestId);
    return { name, status: error.status, outcome: 'refused', problem };
  }
}
