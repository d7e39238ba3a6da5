import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { sendTagged } from '../etag.ts';
import { holds, labelsOf, naturalKey, pageOfItems, valuesOf } from '../listing.ts';
import { objectName, shape } from '../schemas/fields.ts';
import { hostDetailSchema, hostPageSchema, hostQuerySchema, hostStates } from '../schemas/host.ts';
import { managerOf } from './asked.ts';
import { answers, base, nameParam } from './describe.ts';
import { hostDetail, hostResource, vmsByHost } from './host-resource.ts';
import { notFound } from './outcomes.ts';

export const hostParams = shape('Which host.', { name: objectName('The name of its machine.', 'post01') });
const tags = ['hosts'];
const access = { role: 'viewer', noun: 'hosts' } as const;

export function addHostRoutes(app: Api, plane: ServicePlane): void {
  app.get(
    `${base}/hosts`,
    {
      config: { access },
      schema: {
        operationId: 'listHosts',
        summary: 'List Dom0s with their capacity and their VMs',
        tags,
        querystring: hostQuerySchema,
        ...answers(hostPageSchema),
      },
    },
    ({ query }) => {
      const manager = managerOf(plane);
      const states = valuesOf('state', query.state, hostStates);
      const labels = query.label === undefined ? [] : labelsOf(query.label);
      const fits = (name: string): boolean => {
        const own = plane.objects.current.object('Machine', name)?.labels ?? {};
        return labels.every(([key, value]) => Object.hasOwn(own, key) && (value === true || own[key] === value));
      };
      const hosts = manager
        .hosts()
        .filter(
          ({ name, state, duty, role, reason }) =>
            (states === undefined || states.includes(state)) &&
            (query.duty === undefined || duty === query.duty) &&
            (query.role === undefined || role === query.role) &&
            fits(name) &&
            holds(query.q, name, role, reason),
        );
      const page = pageOfItems(hosts, query, ({ name }) => naturalKey(name), {
        state: ({ state }) => state,
        role: ({ role = '' }) => role,
        since: ({ sinceMs }) => sinceMs,
        heardAt: ({ heardMs = 0 }) => heardMs,
        freeMib: ({ capacity }) => capacity?.freeMib ?? 0,
      });
      const vms = vmsByHost(manager.vms());
      return { ...page, items: page.items.map((host) => hostResource(host, vms.get(host.name) ?? [])) };
    },
  );

  app.get(
    `${base}/hosts/${nameParam}`,
    {
      config: { access },
      schema: {
        operationId: 'getHost',
        summary: 'Show a Dom0: its boot, its capacity, its VMs, its role and why',
        tags,
        params: hostParams,
        ...answers(hostDetailSchema),
      },
    },
    (request, reply) => {
      const { name } = request.params;
      const found = managerOf(plane).host(name);
      if (found === undefined) throw notFound('host', name);
      return sendTagged(request, reply, hostDetail(found.host, found.vms, found.boot));
    },
  );
}
