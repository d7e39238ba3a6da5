import type { ManagerControl } from '../../manager/manager-control.ts';
import type { Vm } from '../../model/vm.ts';
import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { sendTagged } from '../etag.ts';
import { holds, naturalKey, pageOfItems, valuesOf } from '../listing.ts';
import { shape } from '../schemas/fields.ts';
import {
  consoleQuerySchema,
  vmConsoleSchema,
  vmExplanationSchema,
  vmName,
  vmPageSchema,
  vmQuerySchema,
  vmSchema,
  vmStates,
} from '../schemas/vm.ts';
import { answered, managerOf } from './asked.ts';
import { answers, base, nameParam } from './describe.ts';
import { notFound } from './outcomes.ts';
import { hostOf, reasonResource, vmResource } from './vm-resource.ts';
import { sentence, timeOf } from './wording.ts';

export const vmParams = shape('Which VM.', { name: vmName('Its name.') });
const tags = ['vms'];
const access = { role: 'viewer', noun: 'vms' } as const;
const defaultConsoleBytes = 8192;

export function addVmRoutes(app: Api, plane: ServicePlane): void {
  app.get(
    `${base}/vms`,
    {
      config: { access },
      schema: { operationId: 'listVms', summary: 'List virtual machines', tags, querystring: vmQuerySchema, ...answers(vmPageSchema) },
    },
    ({ query }) => {
      const states = valuesOf('state', query.state, vmStates);
      const vms = managerOf(plane)
        .vms()
        .filter(
          (vm) =>
            (states === undefined || states.includes(vm.state)) &&
            (query.environment === undefined || vm.environment === query.environment) &&
            (query.host === undefined || vm.claims.some(({ host }) => host === query.host)) &&
            holds(query.q, vm.name, vm.environment, hostOf(vm), vm.reason, vm.ready?.address, ...vm.cards.map(({ address }) => address)),
        );
      const page = pageOfItems(vms, query, ({ name }) => naturalKey(name), {
        environment: ({ environment }) => environment,
        host: (vm) => naturalKey(hostOf(vm) ?? ''),
        state: ({ state }) => state,
        since: ({ sinceMs }) => sinceMs,
      });
      return { ...page, items: page.items.map(vmResource) };
    },
  );

  app.get(
    `${base}/vms/${nameParam}`,
    { config: { access }, schema: { operationId: 'getVm', summary: 'Show a VM', tags, params: vmParams, ...answers(vmSchema) } },
    (request, reply) => sendTagged(request, reply, vmResource(vmOf(managerOf(plane), request.params.name))),
  );

  app.get(
    `${base}/vms/${nameParam}::explain`,
    {
      config: { access },
      schema: {
        operationId: 'explainVm',
        summary: 'Why a VM is where it is, or nowhere, and what it waits for',
        tags,
        params: vmParams,
        ...answers(vmExplanationSchema),
      },
    },
    ({ params: { name } }) => {
      const manager = managerOf(plane);
      const vm = vmOf(manager, name);
      const host = hostOf(vm);
      return {
        name,
        state: vm.state,
        reason: sentence(vm.reason),
        since: timeOf(vm.sinceMs),
        ...(host !== undefined && { host }),
        reasons: (manager.explainVm(name) ?? []).map(reasonResource),
      };
    },
  );

  app.get(
    `${base}/vms/${nameParam}::console`,
    {
      // What is on a console may be for its owner only.
      config: { access: { role: 'operator', noun: 'vms' } },
      schema: {
        operationId: 'readVmConsole',
        summary: 'The end of what a VM wrote on its console',
        tags,
        params: vmParams,
        querystring: consoleQuerySchema,
        ...answers(vmConsoleSchema),
      },
    },
    async ({ params: { name }, query: { bytes = defaultConsoleBytes } }) => {
      const manager = managerOf(plane);
      vmOf(manager, name);
      return { name, text: answered(await manager.consoleOf(name, bytes)).result };
    },
  );
}

function vmOf(manager: ManagerControl, name: string): Vm {
  const vm = manager.vm(name);
  if (vm === undefined) throw notFound('VM', name);
  return vm;
}
