import type { Parameters } from './machine.ts';

/** The kinds of client that may need loaders of their own (option 93, RFC 4578 2.1; iPXE by options 77 and 175). */
export type LoaderArch = 'bios' | 'uefi-x64' | 'uefi-arm64' | 'http-x64' | 'http-arm64' | 'ipxe';

/** A file that is rendered for each machine: where it stands in the boot tree and what it is made from. */
export interface MenuFile {
  /** May hold `{name}`, `{mac}` and `{mac-dashed}`: `/grub/{name}.conf`. */
  readonly path: string;
  /** A template's name: `menu.lst`, `grub.cfg`, `boot.ipxe`. */
  readonly template: string;
}

/** What kind of boot a machine gets. */
export interface BootProfile {
  readonly name: string;
  /** `network` boots from us; `local` is told to use its own disk. */
  readonly boot: 'network' | 'local';
  /** The boot file for each kind of client, a path in the boot tree. */
  readonly loaders: Readonly<Partial<Record<LoaderArch, string>>>;
  /** The first one is the menu that option 150 names where `menuByOption150` is set. */
  readonly menus: readonly MenuFile[];
  /** GRUB Legacy's pxegrub takes the name of its menu from option 150 as text. */
  readonly menuByOption150: boolean;
  /** `dom0` (the newest version when an attempt opens) or `dom0@3`; none where the profile boots nothing of ours. */
  readonly image?: string;
  readonly parameters: Parameters;
  /** How long each stage may take, in seconds from the end of the stage before, until the boot counts as stuck. */
  readonly stageSeconds: Readonly<Record<BootStage, number>>;
}

/** The stages of a boot, in their order. */
export const bootStages = ['discover', 'offer', 'lease', 'loader', 'menu', 'kernel', 'kernel-lease', 'mount', 'hello'] as const;
export type BootStage = (typeof bootStages)[number];

/**
 * For ordinary servers, whose firmware and hypervisor take their time. `discover` counts only where we switched the
 * machine on ourselves: it is its self-test.
 */
export const defaultStageSeconds: Readonly<Record<BootStage, number>> = {
  discover: 180,
  offer: 5,
  lease: 10,
  loader: 60,
  menu: 30,
  kernel: 120,
  'kernel-lease': 120,
  mount: 30,
  hello: 180,
};
