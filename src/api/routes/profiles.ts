import type { ObjectSnapshot } from '../../machines/object-state.ts';
import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { holds } from '../listing.ts';
import { profilePageSchema, profileQuerySchema, profileSchema, profileWriteSchema } from '../schemas/profile.ts';
import type { ProfileResource } from '../schemas/profile.ts';
import { addWholeObjectRoutes, storedFields } from './object-routes.ts';

const counts = new WeakMap<ObjectSnapshot, ReadonlyMap<string, number>>();

/** Counted once for each state of the objects. */
function machinesOf(snapshot: ObjectSnapshot, profile: string): number {
  let counted = counts.get(snapshot);
  if (counted === undefined) {
    const fresh = new Map<string, number>();
    for (const machine of snapshot.machines)
      if (machine.profile !== undefined) fresh.set(machine.profile, (fresh.get(machine.profile) ?? 0) + 1);
    counts.set(snapshot, fresh);
    counted = fresh;
  }
  return counted.get(profile) ?? 0;
}

export function addProfileRoutes(app: Api, plane: ServicePlane): void {
  addWholeObjectRoutes<ProfileResource>(app, plane, {
    kind: 'Profile',
    noun: 'profiles',
    one: 'Profile',
    many: 'Profiles',
    schema: profileSchema,
    pageSchema: profilePageSchema,
    querySchema: profileQuerySchema,
    writeSchema: profileWriteSchema,
    resources: () => (stored) => ({ ...storedFields(stored), machines: machinesOf(plane.objects.current, stored.name) }) as ProfileResource,
    matches:
      ({ q }) =>
      ({ name, image }) =>
        holds(q as string | undefined, name, image),
  });
}
