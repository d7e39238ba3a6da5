import type { BootProfile } from '../model/boot-profile.ts';
import { type ImageManifest, type ImageRef, parseImageName } from '../model/image-manifest.ts';
import { cidrContains, type Ipv4, parseIpv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { Subnet } from '../model/subnet.ts';
import type { RenderSubject } from './template-context.ts';

/** What is configured, as one consistent state. */
export interface BootObjects {
  readonly subnets: readonly Subnet[];
  readonly profiles: readonly BootProfile[];
  readonly machines: readonly Machine[];
}

/** Published images, from memory. */
export interface ImageShelf {
  newest(image: string): ImageRef | undefined;
  version(ref: ImageRef): Pick<ImageManifest, 'bootFiles' | 'builtMs'> | undefined;
  /** Where a content lies on disk. */
  blobFile(sha256: string): string;
}

/** What decisions and files rest on, found by name, MAC and address. */
export class BootFacts {
  readonly objects: BootObjects;
  readonly images: ImageShelf;
  readonly #httpPort: number;
  readonly #machinesByMac = new Map<Mac, Machine>();
  readonly #machinesByName = new Map<string, Machine>();
  readonly #profiles = new Map<string, BootProfile>();
  readonly #reserved = new Map<Ipv4, Mac>();

  constructor(objects: BootObjects, images: ImageShelf, httpPort: number) {
    this.objects = objects;
    this.images = images;
    this.#httpPort = httpPort;
    for (const profile of objects.profiles) this.#profiles.set(profile.name, profile);
    for (const machine of objects.machines) {
      this.#machinesByName.set(machine.name.toLowerCase(), machine);
      for (const { mac, address } of machine.nics) {
        this.#machinesByMac.set(mac, machine);
        if (address !== undefined) this.#reserved.set(address, mac);
      }
    }
  }

  machineByMac(mac: Mac): Machine | undefined {
    return this.#machinesByMac.get(mac);
  }

  /** The case of letters does not count: loaders and file systems differ in it. */
  machineByName(name: string): Machine | undefined {
    return this.#machinesByName.get(name.toLowerCase());
  }

  profile(name: string): BootProfile | undefined {
    return this.#profiles.get(name);
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
    const address = this.#machinesByMac.get(mac)?.nics.find((nic) => nic.mac === mac)?.address;
    return address !== undefined && isOn(subnet, address) ? address : undefined;
  }

  isReserved(address: Ipv4): boolean {
    return this.#reserved.has(address);
  }

  /** The subnet that a machine would boot on, for previews and checks: that of its reservation, else the first. */
  homeSubnet(machine: Machine, mac: Mac): Subnet | undefined {
    const address = machine.nics.find((nic) => nic.mac === mac)?.address;
    const { subnets } = this.objects;
    return (address === undefined ? undefined : subnets.find((subnet) => isOn(subnet, address))) ?? subnets[0];
  }
}

/**
 * What a machine's files would be made from if it were switched on now; a text says why nothing can be.
 * @param standIn whether an image that is not published counts as its first version, so that templates can be checked
 */
export function renderSubject(
  facts: BootFacts,
  machine: Machine,
  mac: Mac,
  { standIn }: { readonly standIn: boolean },
): RenderSubject | string {
  if (machine.profile === undefined) return `${machine.name} has no profile`;
  const profile = facts.profile(machine.profile);
  const subnet = facts.homeSubnet(machine, mac);
  if (profile === undefined) return `${machine.name} has profile ${machine.profile}, which is not defined`;
  if (subnet === undefined) return `there is no subnet for ${machine.name}`;
  const subject = { machine, mac, subnet, profile, httpUrl: facts.httpUrl(subnet) };
  if (profile.image === undefined) return subject;
  const image = facts.resolveImage(profile.image) ?? (standIn ? firstVersion(profile.image) : undefined);
  return image === undefined
    ? `profile ${profile.name} needs image ${profile.image}, which is not published: see virtdom image build`
    : { ...subject, image };
}

function firstVersion(name: string): ImageRef {
  const wanted = parseImageName(name);
  return { image: wanted?.image ?? name, version: wanted?.version ?? 1 };
}

function isOn(subnet: Subnet, address: Ipv4): boolean {
  const number = parseIpv4(address);
  return number !== undefined && cidrContains(subnet.cidr, number);
}
