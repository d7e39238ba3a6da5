import type { ObjectSnapshot } from '../../machines/object-state.ts';
import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { holds } from '../listing.ts';
import { rolePageSchema, roleQuerySchema, roleSchema, roleWriteSchema } from '../schemas/role.ts';
import type { RoleResource } from '../schemas/role.ts';
import { addWholeObjectRoutes, storedFields } from './object-routes.ts';

const counts = new WeakMap<ObjectSnapshot, ReadonlyMap<string, number>>();

/** How many machines name each role: counted once for each state of the objects. */
function machinesByRole(snapshot: ObjectSnapshot): ReadonlyMap<string, number> {
  const known = counts.get(snapshot);
  if (known !== undefined) return known;
  const counted = new Map<string, number>();
  for (const { role } of snapshot.machines) if (role !== undefined) counted.set(role, (counted.get(role) ?? 0) + 1);
  counts.set(snapshot, counted);
  return counted;
}

export function addRoleRoutes(app: Api, plane: ServicePlane): void {
  addWholeObjectRoutes<RoleResource>(app, plane, {
    kind: 'Role',
    noun: 'roles',
    one: 'Role',
    many: 'Roles',
    schema: roleSchema,
    pageSchema: rolePageSchema,
    querySchema: roleQuerySchema,
    writeSchema: roleWriteSchema,
    resources: () => {
      const machines = machinesByRole(plane.objects.current);
      const hosts = plane.manager && Map.groupBy(plane.manager.hosts(), ({ role }) => role);
      return (stored) =>
        ({
          ...storedFields(stored),
          machines: machines.get(stored.name) ?? 0,
          ...(hosts !== undefined && { hosts: (hosts.get(stored.name) ?? []).map(({ name }) => name) }),
        }) as unknown as RoleResource;
    },
    sorts: { priority: ({ priority = 0 }) => priority },
    matches:
      ({ q }) =>
      ({ name, environments = [] }) =>
        holds(q as string | undefined, name, ...environments),
  });
}
