import { type BootProfile, defaultStageSeconds, type MenuFile } from '../model/boot-profile.ts';
import { dashedMac, type Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { Subnet } from '../model/subnet.ts';
import type { AttemptPins } from './attempt-pins.ts';
import { expandPath } from './loader-choice.ts';
import { menuAt } from './menu-paths.ts';
import { normalTreePath } from './tree-path.ts';

/** A profile of this name takes the place of the built-in one. */
export const waitingProfileName = 'pending';

/**
 * What a machine without assignment boots where its subnet is `pending`. GRUB (`pxegrub`) asks for its menu again and again;
 * iPXE, as a ROM or as what UEFI firmware is sent, asks DHCP again, so that its next answer may be of any kind.
 */
export const builtInWaitingProfile: BootProfile = {
  name: waitingProfileName,
  boot: 'network',
  loaders: {
    bios: 'pxegrub',
    'uefi-x64': 'snponly.efi',
    'http-x64': 'snponly.efi',
  },
  menus: [
    { path: '/grub/{name}.conf', template: 'waiting.lst' },
    { path: '/grub/{name}.conf.wait', template: 'waiting.cfg' },
    { path: '/waiting.ipxe', template: 'waiting.ipxe' },
  ],
  menuByOption150: true,
  parameters: {},
  stageSeconds: defaultStageSeconds,
};

/** How a client without a name of its own is called: `52-54-00-00-00-01`. */
export function madeUpName(mac: Mac): string {
  return dashedMac(mac).slice(3);
}

/** Stands for all unknown clients of a subnet where templates are checked and shown. */
export function strangerOn(subnet: Pick<Subnet, 'name'>): { readonly name: string; readonly mac: Mac } {
  return { name: `an unknown client on ${subnet.name}`, mac: '02:00:00:00:00:00' };
}

/** A machine made up for a client that is none of ours. */
export function madeUpMachine(mac: Mac, profile?: string): Machine {
  return { name: madeUpName(mac), nics: [{ mac }], ...(profile !== undefined && { profile }), labels: {}, parameters: {} };
}

/** The menu that `pxegrub` reads: the one that option 150 names, else the one where GRUB Legacy looks by itself. */
export function grubLegacyMenuOf({ menus, menuByOption150 }: Pick<BootProfile, 'menus' | 'menuByOption150'>): MenuFile | undefined {
  const wanted = menuByOption150 ? menus[0] : menus.find(isGrubLegacy);
  return wanted !== undefined && isGrubLegacy(wanted) ? wanted : undefined;
}

function isGrubLegacy({ template }: MenuFile): boolean {
  return template.endsWith('.lst');
}

/**
 * Where a GRUB that waits asks for its menu: where it found it, else where it will look for it. `undefined` for loaders that
 * ask DHCP instead.
 * @param asked the file of the attempt's `menu` stage
 */
export function grubPollPath({ profile, machine, mac }: AttemptPins, asked: string | undefined): string | undefined {
  const menu = grubLegacyMenuOf(profile);
  if (menu === undefined) return undefined;
  const names = { name: machine.name, mac };
  if (asked === undefined) return normalTreePath(expandPath(menu.path, names));
  const path = normalTreePath(asked);
  const found = path === undefined ? undefined : menuAt(path, profile.menus, names);
  return found !== undefined && isGrubLegacy(found) ? path : undefined;
}

/** For a GRUB that waited and cannot go on by itself: the firmware begins anew. */
export function rebootMenu(why: string): string {
  return `# ${why}\ndefault 0\ntimeout 3\n\ntitle Assigned: starting anew\nreboot\n`;
}
