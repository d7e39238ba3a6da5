import type { Api } from '../api.ts';
import type { ControlPlane } from '../control-plane.ts';
import { ipv4Number } from '../../model/ipv4.ts';
import type { Ipv4 } from '../../model/ipv4.ts';
import { holds } from '../listing.ts';
import { subnetPageSchema, subnetQuerySchema, subnetSchema, subnetWriteSchema } from '../schemas/subnet.ts';
import type { SubnetResource } from '../schemas/subnet.ts';
import { addWholeObjectRoutes, storedFields } from './object-routes.ts';

export function addSubnetRoutes(app: Api, plane: ControlPlane): void {
  addWholeObjectRoutes<SubnetResource>(app, plane, {
    kind: 'Subnet',
    noun: 'subnets',
    one: 'Subnet',
    many: 'Subnets',
    schema: subnetSchema,
    pageSchema: subnetPageSchema,
    querySchema: subnetQuerySchema,
    writeSchema: subnetWriteSchema,
    resources: () => {
      const { objects, leases, unserved } = plane;
      const given = leases.list().flatMap(({ address, state }) => (state === 'bound' ? [ipv4Number(address)] : []));
      return (stored) => {
        const pool = objects.current.object('Subnet', stored.name)?.pool;
        const reason = unserved?.().get(stored.name);
        return {
          ...storedFields(stored),
          ...(pool !== undefined && poolUse(pool, given)),
          ...(reason !== undefined && { unserved: reason }),
        } as SubnetResource;
      };
    },
    matches:
      ({ q, mode: wanted }) =>
      ({ name, cidr, interface: device, mode }) =>
        holds(q as string | undefined, name, cidr, device) && (wanted === undefined || wanted === (mode ?? 'authoritative')),
  });
}

function poolUse(pool: { readonly first: Ipv4; readonly last: Ipv4 }, given: readonly number[]): { leases: number; poolSize: number } {
  const [first, last] = [ipv4Number(pool.first), ipv4Number(pool.last)];
  return { leases: given.filter((address) => address >= first && address <= last).length, poolSize: last - first + 1 };
}
