import type { BootProfile } from '../model/boot-profile.ts';
import { type ImageManifest, type ImageRef, parseImageName } from '../model/image-manifest.ts';
import { cidrContains, type Ipv4, parseIpv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { OneShot } from '../model/one-shot.ts';
import type { Subnet } from '../model/subnet.ts';
import type { RenderSubject } from './template-context.ts';
import { builtInWaitingProfile, waitingProfileName } from './waiting.ts';

/** What is configured, as one consistent state. */
export interface BootObjects {
  readonly subnets: readonly Subnet[];
  readonly profiles: readonly BootProfile[];
  readonly machines: readonly Machine[];
  /** By the name of the machine. */
  readonly oneShots: ReadonlyMap<string, OneShot>;
}

/** Published images, from memory. */
export interface ImageShelf {
  newest(image: string): ImageRef | undefined;
  version(ref: ImageRef): Pick<ImageManifest, 'bootFiles' | 'builtMs'> | undefined;
  /** Where a content lies on disk. */
  blobFile(sha256: string): string;
}

/** The objects found by name, MAC and address. It never changes. */
interface ObjectIndex {
  readonly objects: BootObjects;
  readonly machinesByMac: ReadonlyMap<Mac, Machine>;
  readonly machinesByName: ReadonlyMap<string, Machine>;
  readonly profiles: ReadonlyMap<string, BootProfile>;
  readonly reserved: ReadonlySet<Ipv4>;
}

/** What decisions and files rest on. All objects are replaced at once: no decision sees half a change. */
export class BootFacts {
  readonly images: ImageShelf;
  readonly #httpPort: number;
  #index: ObjectIndex;

  constructor(objects: BootObjects, images: ImageShelf, httpPort: number) {
    this.images = images;
    this.#httpPort = httpPort;
    this.#index = indexOf(objects);
  }

  get objects(): BootObjects {
    return this.#index.objects;
  }

  setObjects(objects: BootObjects): void {
    this.#index = indexOf(objects);
  }

  /** The same facts, but never replaced: for what goes on over several turns. */
  frozen(): BootFacts {
    const frozen = new BootFacts(noObjects, this.images, this.#httpPort);
    frozen.#index = this.#index;
    return frozen;
  }

  machineByMac(mac: Mac): Machine | undefined {
    return this.#index.machinesByMac.get(mac);
  }

  /** The case of letters does not count: loaders and file systems differ in it. */
  machineByName(name: string): Machine | undefined {
    return this.#index.machinesByName.get(name.toLowerCase());
  }

  profile(name: string): BootProfile | undefined {
    return this.#index.profiles.get(name);
  }

  /** What boots where a menu waits for an assignment. */
  get waitingProfile(): BootProfile {
    return this.profile(waitingProfileName) ?? builtInWaitingProfile;
  }

  /** `dom0` is the newest version, `dom0@3` that one; `undefined` where it is not published. */
  resolveImage(name: string): ImageRef | undefined {
    const wanted = parseImageName(name);
    if (wanted === undefined) return undefined;
    if (wanted.version === undefined) return this.images.newest(wanted.image);
    const ref = { image: wanted.image, version: wanted.version };
    return this.images.version(ref) === undefined ? undefined : ref;
  }

  /** Our boot HTTP server as this subnet reaches it. */
  httpUrl(subnet: Subnet): string {
    return `http://${subnet.serverAddress}:${this.#httpPort}`;
  }

  reservedAddress(mac: Mac, subnet: Subnet): Ipv4 | undefined {
    const address = this.machineByMac(mac)?.nics.find((nic) => nic.mac === mac)?.address;
    return address !== undefined && isOn(subnet, address) ? address : undefined;
  }

  /** Whether it is on one of our subnets: who is not, may know a token, and did not boot with it. */
  isLocal(address: Ipv4): boolean {
    return this.objects.subnets.some((subnet) => isOn(subnet, address));
  }

  isReserved(address: Ipv4): boolean {
    return this.#index.reserved.has(address);
  }

  /** The subnet that a machine would boot on, for previews and checks: that of its reservation, else the first. */
  homeSubnet(machine: Machine, mac: Mac): Subnet | undefined {
    return this.reservedSubnet(machine, mac) ?? this.objects.subnets[0];
  }

  /** The subnet that this NIC has an address reserved on. */
  reservedSubnet(machine: Machine, mac: Mac): Subnet | undefined {
    const address = machine.nics.find((nic) => nic.mac === mac)?.address;
    return address === undefined ? undefined : this.objects.subnets.find((subnet) => isOn(subnet, address));
  }
}

const noObjects: BootObjects = { subnets: [], profiles: [], machines: [], oneShots: new Map() };

function indexOf(objects: BootObjects): ObjectIndex {
  const machinesByMac = new Map<Mac, Machine>();
  const machinesByName = new Map<string, Machine>();
  const reserved = new Set<Ipv4>();
  for (const machine of objects.machines) {
    machinesByName.set(machine.name.toLowerCase(), machine);
    for (const { mac, address } of machine.nics) {
      machinesByMac.set(mac, machine);
      if (address !== undefined) reserved.add(address);
    }
  }
  const profiles = new Map(objects.profiles.map((profile) => [profile.name, profile]));
  return { objects, machinesByMac, machinesByName, profiles, reserved };
}

/**
 * What a machine's files would be made from if it were switched on now; a text says why nothing can be.
 * @param standIn whether an image that is not published counts as its first version, so that templates can be checked
 * @param on the subnet; without it the one that the machine would boot on
 * @param profile in place of the machine's own
 */
export function renderSubject(
  facts: BootFacts,
  machine: Machine,
  mac: Mac,
  { standIn, subnet: on, profile: wanted }: { readonly standIn: boolean; readonly subnet?: Subnet; readonly profile?: string },
): RenderSubject | string {
  const subnet = on ?? facts.homeSubnet(machine, mac);
  if (subnet === undefined) return `there is no subnet for ${machine.name}`;
  const profile = profileOf(facts, wanted === undefined ? machine : { ...machine, profile: wanted }, subnet);
  if (typeof profile === 'string') return profile;
  const subject = { machine, mac, subnet, profile, httpUrl: facts.httpUrl(subnet) };
  if (profile.image === undefined) return subject;
  const image = facts.resolveImage(profile.image) ?? (standIn ? firstVersion(profile.image) : undefined);
  return image === undefined
    ? `profile ${profile.name} needs image ${profile.image}, which is not published: see virtdom image build`
    : { ...subject, image };
}

/** Its own, else the one that its subnet gives to clients without assignment. */
function profileOf(facts: BootFacts, machine: Machine, { name, unknown }: Subnet): BootProfile | string {
  const wanted = machine.profile ?? (unknown.kind === 'profile' ? unknown.profile : undefined);
  if (wanted !== undefined) return facts.profile(wanted) ?? `${machine.name} has profile ${wanted}, which is not defined`;
  if (unknown.kind === 'pending') return facts.waitingProfile;
  return `${machine.name} has no profile, and subnet ${name} boots nothing for such machines`;
}

function firstVersion(name: string): ImageRef {
  const wanted = parseImageName(name);
  return { image: wanted?.image ?? name, version: wanted?.version ?? 1 };
}

function isOn(subnet: Subnet, address: Ipv4): boolean {
  const number = parseIpv4(address);
  return number !== undefined && cidrContains(subnet.cidr, number);
}
