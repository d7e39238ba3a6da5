import type { BootProfile } from '../model/boot-profile.ts';
import type { Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { Subnet } from '../model/subnet.ts';

/** What the first decision of an attempt fixes for all that comes after it. */
export interface AttemptPins {
  readonly machine: Machine;
  readonly mac: Mac;
  readonly subnet: Subnet;
  readonly profile: BootProfile;
  /** `dom0@3`. */
  readonly image?: string;
}
