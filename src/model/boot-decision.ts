import type { BootProfile, LoaderArch } from './boot-profile.ts';
import type { ImageRef } from './image-manifest.ts';
import type { Ipv4 } from './ipv4.ts';
import type { Mac } from './mac.ts';
import type { Machine } from './machine.ts';
import type { OneShot } from './one-shot.ts';
import type { Subnet } from './subnet.ts';

/** What a DHCP packet says of its sender, decoded: the facts that a decision may rest on. */
export interface BootClient {
  readonly mac: Mac;
  /** Option 97 as DMI prints it; absent where it is missing or no identity (all 00, all FF). */
  readonly uuid?: string;
  /** Option 93: absent for GRUB, the kernel and ordinary clients. */
  readonly arch?: LoaderArch;
  /** Which face of the machine speaks: firmware (option 60 PXEClient or HTTPClient), iPXE (77, 175), or anything later. */
  readonly face: 'firmware-pxe' | 'firmware-http' | 'ipxe' | 'other';
}

/** What a machine gets now: one answer for every protocol, with its reason. */
export type BootDecision =
  | {
      readonly kind: 'boot';
      readonly machine: Machine;
      readonly profile: BootProfile;
      readonly subnet: Subnet;
      /** The boot file, a path in the boot tree or a URL; absent where this face needs none. */
      readonly bootFile?: string;
      readonly nextServer: Ipv4;
      /** The menu's path where the profile names it by option 150. */
      readonly menuPath?: string;
      readonly image?: ImageRef;
      /** It has no assignment: its menu waits and asks again. */
      readonly waiting?: true;
      /** In place of the subnet's, where it waits. */
      readonly leaseSeconds?: number;
      /** The one-shot boot that gives the profile. */
      readonly oneShot?: OneShot;
      readonly reason: string;
    }
  /** An address but no boot file: the firmware goes on to its next boot device. */
  | {
      readonly kind: 'local';
      readonly machine: Machine;
      readonly profile: BootProfile;
      readonly oneShot?: OneShot;
      readonly reason: string;
    }
  /** An address for a client without assignment. */
  | { readonly kind: 'lease'; readonly leaseSeconds?: number; readonly reason: string }
  | { readonly kind: 'ignore'; readonly reason: string };
