import type { BootState } from '../../boot/boot-state.ts';
import type { MachineView } from '../../machines/machine-view.ts';
import type { StoredObject } from '../../machines/object-store.ts';
import type { OneShot } from '../../model/one-shot.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { MachineResource } from '../schemas/machine.ts';

/** A machine as it was written, and how it stands; a client that waits, as far as it is known. */
function machineResource(view: MachineView, stored: StoredObject | undefined, boot?: BootState): MachineResource {
  const { name, known, state, reason, sinceMs, nics, address, subnet, arch, attempt, lastStage, image, bootOnce, uuid } = view;
  const lastSeenMs = view.lastSeenMs ?? boot?.lastSeenMs;
  const { kind: _, ...written } = stored?.document ?? { kind: '', nics, ...(uuid !== undefined && { uuid }) };
  return {
    ...written,
    name,
    known,
    state,
    reason: reason.slice(0, 4096),
    since: timeText(sinceMs),
    ...(subnet !== undefined && { subnet }),
    ...(address !== undefined && { address }),
    ...(arch !== undefined && { arch }),
    ...(attempt !== undefined && { lastBoot: attempt }),
    ...(view.known && view.lastBootMs !== undefined && { lastBootAt: timeText(view.lastBootMs) }),
    ...(lastStage !== undefined && { lastStage }),
    ...(image !== undefined && { image }),
    ...(bootOnce !== undefined && { oneShot: oneShotResource(bootOnce) }),
    ...(view.firstSeenMs !== undefined && { firstSeenAt: timeText(view.firstSeenMs) }),
    ...(boot !== undefined && { bootedProfile: boot.profile }),
    ...(lastSeenMs !== undefined && { lastSeenAt: timeText(lastSeenMs) }),
    ...(view.timesSeen !== undefined && { timesSeen: view.timesSeen }),
    revision: stored?.revision ?? 0,
    ...(stored !== undefined && {
      createdAt: timeText(stored.createdMs),
      updatedAt: timeText(stored.updatedMs),
      updatedBy: stored.updatedBy,
    }),
  } as MachineResource;
}

/** A line of the list as it stands now. */
export function resourceOfView(plane: ControlPlane, view: MachineView): MachineResource {
  return machineResource(view, plane.objects.current.find('Machine', view.name), plane.boots.stateOf(view.name));
}

/** As it stands now; nothing where neither a machine nor a client is called so. */
export function machineNow(plane: ControlPlane, name: string): MachineResource | undefined {
  const view = plane.machineList.find(name);
  return view === undefined ? undefined : resourceOfView(plane, view);
}

/** As it is after a change, or would be after one that was only tried. `was` is what it was called before. */
export function machineAfter(plane: ControlPlane, stored: StoredObject, was: string): MachineResource {
  const current = plane.objects.current.find('Machine', stored.name);
  if (current?.revision === stored.revision) {
    const now = machineNow(plane, stored.name);
    if (now !== undefined) return now;
  }
  const before = plane.objects.current.find('Machine', was) === undefined ? undefined : plane.machineList.find(was);
  const view: MachineView = before ?? {
    name: stored.name,
    known: true,
    state: stored.document['profile'] === undefined ? 'unassigned' : 'new',
    reason: 'it would be new',
    sinceMs: stored.createdMs,
    nics: [],
    ignored: false,
    labels: {},
  };
  return machineResource({ ...view, name: stored.name, known: true }, stored);
}

export function oneShotResource({ id, profile, requestedMs, requestedBy }: OneShot): NonNullable<MachineResource['oneShot']> {
  return { id, profile, requestedAt: timeText(requestedMs), requestedBy };
}

export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
