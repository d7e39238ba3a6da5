import type { Api } from '../build-api.ts';
import type { ControlPlane } from '../control-plane.ts';
import { ipv4Number } from '../../model/ipv4.ts';
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
    resourceOf: (stored, { objects }) => {
      const pool = objects.current.object('Subnet', stored.name)?.pool;
      const poolSize = pool === undefined ? undefined : ipv4Number(pool.last) - ipv4Number(pool.first) + 1;
      return { ...storedFields(stored), ...(poolSize !== undefined && { poolSize }) } as SubnetResource;
    },
    matches: ({ name, cidr, interface: device, mode }, { q, mode: wanted }) =>
      holds(q as string | undefined, name, cidr, device) && (wanted === undefined || wanted === (mode ?? 'authoritative')),
  });
}
