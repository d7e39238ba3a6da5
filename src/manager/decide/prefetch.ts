import type { Draft } from '../draft.ts';
import type { HostEntry, KeptCommand } from '../state.ts';
import { maxWantedFiles } from '../protocol.ts';
import type { VmImage } from '../surroundings.ts';
import { issueCommand, reachable, rebootingHosts } from './commands.ts';
import { isPaused, wantedCount } from './wanted.ts';

/** Hosts that fetch at the same time: VMs that start fetch from the same servers, and go first. */
const mostAtOnce = 8;
/** A host that has just come online starts its VMs first. */
const settledMs = 20_000;
const pauseMs = 60_000;
const pauseMostMs = 1_800_000;

type FoundImage = Extract<VmImage, { kind: 'found' }>;

/** Brings the images of its role to each host, so that a VM which comes to it later starts without a download. */
export function tendPrefetch(draft: Draft): void {
  const busy = new Set<string>();
  let fetching = 0;
  for (const { host, command } of draft.open.values()) {
    if (command !== 'vm.console') busy.add(host);
    const entry = draft.hosts.get(host);
    if (command === 'image.fetch' && entry !== undefined && reachable(entry)) fetching += 1;
  }
  const rebooting = rebootingHosts(draft);
  const byRole = new Map<string, readonly FoundImage[]>();
  for (const [name, entry] of draft.hosts) {
    if (fetching >= mostAtOnce) return;
    if (!isIdle(draft, entry) || busy.has(name) || rebooting.has(name)) continue;
    const role = entry.kept.role ?? '';
    const wanted = byRole.get(role) ?? imagesWanted(draft, role);
    byRole.set(role, wanted);
    const image = wanted.find(({ ref }) => isMissing(draft, entry, ref));
    if (image === undefined) continue;
    fetching += 1;
    const files = filesWanted(draft, entry);
    issueCommand(draft, entry, {
      command: 'image.fetch',
      args: { image: image.ref, files: [...image.files], ...(files !== undefined && { wanted: [...files] }) },
      reason: `role ${role} may need it`,
      author: 'manager',
    });
  }
}

function isIdle({ now }: Draft, entry: HostEntry): boolean {
  const { state, duty, sinceMs } = entry.kept;
  return state === 'online' && duty === 'active' && reachable(entry) && Math.abs(now.wallMs - sinceMs) >= settledMs;
}

function isMissing({ now }: Draft, { link }: HostEntry, ref: string): boolean {
  const fetched = link.images?.get(ref);
  return fetched === undefined || (!fetched.here && now.monoMs >= fetched.nextMs);
}

/** What matters most comes first. */
function imagesWanted(draft: Draft, role: string): readonly FoundImage[] {
  const { roles, environments } = draft.world.objects;
  const names = roles.get(role)?.environments ?? [];
  const wanted = names
    .flatMap((name) => environments.get(name) ?? [])
    .filter((each) => !isPaused(each, draft.environments.get(each.name)) && wantedCount(each, draft.environments.get(each.name)).count > 0)
    .toSorted((a, b) => b.priority - a.priority);
  return wanted.flatMap(({ image }) => {
    const found = draft.world.resolveImage(image);
    return found.kind === 'found' ? [found] : [];
  });
}

/**
 * What may be needed on the host: images of all environments of its role, also of those that rest for now, and what its VMs were started
 * from. Not to be said where it is too much.
 */
function filesWanted({ world, vms }: Draft, { kept }: HostEntry): ReadonlySet<string> | undefined {
  const { roles, environments } = world.objects;
  const ofRole = roles.get(kept.role ?? '')?.environments.flatMap((name) => environments.get(name)?.image ?? []) ?? [];
  const here = [...vms.values()].filter(({ claims }) => claims.some(({ host }) => host === kept.name));
  const images = new Set([...ofRole, ...here.flatMap(({ image }) => image ?? [])]);
  const files = new Set<string>();
  for (const image of images) {
    const found = world.resolveImage(image);
    if (found.kind === 'found') for (const { sha256 } of found.files) files.add(sha256);
  }
  return files.size > maxWantedFiles ? undefined : files;
}

/** Its agent has answered `image.fetch`, or a start of a VM from an image. */
export function hearImage(draft: Draft, { host, boot, args }: KeptCommand, failed: boolean): void {
  const entry = draft.hosts.get(host);
  const ref = args['image'];
  if (entry === undefined || entry.kept.boot !== boot || typeof ref !== 'string') return;
  const attempts = failed ? (entry.link.images?.get(ref)?.attempts ?? 0) + 1 : 0;
  const nextMs = draft.now.monoMs + Math.min(pauseMostMs, pauseMs * 2 ** Math.min(attempts - 1, 10));
  const wanted = new Set(imagesWanted(draft, entry.kept.role ?? '').map((image) => image.ref));
  const others = [...(entry.link.images ?? [])].filter(([each]) => each !== ref && wanted.has(each));
  draft.changeLink(host, { images: new Map([...others, [ref, { here: !failed, attempts, nextMs }] as const]) });
}

/** Images that its agent is known to have, by reference. */
export function imagesOf({ link }: HostEntry): readonly string[] {
  return [...(link.images ?? [])].flatMap(([ref, { here }]) => (here ? [ref] : []));
}
