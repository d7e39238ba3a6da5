import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { bootStages, defaultStageSeconds, type BootStage } from '../model/boot-profile.ts';

/** An object document as lab.yaml has it. */
export type LabDocument = {
  readonly kind: 'Subnet' | 'Profile' | 'Machine' | 'Environment' | 'Role' | 'Trigger';
  readonly name: string;
} & Readonly<Record<string, unknown>>;

export interface LabFiles {
  /** Where virtdom.yaml and lab.yaml are written, and what is only of this run. */
  readonly dir: string;
  /** Where images, loaders and the database are. */
  readonly stateDir: string;
  /** More keys for virtdom.yaml. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly documents: readonly LabDocument[];
}

/** Writes both configuration files and returns the path of virtdom.yaml. */
export function writeLabFiles({ dir, stateDir, settings, documents }: LabFiles): string {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, 'virtdom.yaml');
  const runtimeDir = join(dir, 'run');
  const database = join(dir, 'virtdom.db');
  writeFileSync(file, stringify({ stateDir, runtimeDir, database, objects: join(dir, 'lab.yaml'), ...settings }));
  writeFileSync(join(dir, 'lab.yaml'), documents.map((document) => stringify(document)).join('---\n'));
  return file;
}

/** Software emulation is slow: three times what ordinary servers get. */
export function labStageSeconds(): Record<BootStage, number> {
  return Object.fromEntries(bootStages.map((stage) => [stage, defaultStageSeconds[stage] * 3])) as Record<BootStage, number>;
}

export const labSubnet: LabDocument = {
  kind: 'Subnet',
  name: 'lab',
  cidr: '192.168.0.0/24',
  interface: 'br0',
  serverAddress: '192.168.0.5',
  mode: 'authoritative',
  pool: '192.168.0.100-192.168.0.199',
};

/** GRUB's pxegrub with a menu.lst named by option 150: the way of the demo. */
export const labProfile: LabDocument = {
  kind: 'Profile',
  name: 'dom0',
  // QEMU's own ROM is an iPXE: it must take the same way as any other ROM.
  loaders: { bios: 'pxegrub', ipxe: 'pxegrub' },
  menuByOption150: true,
  menus: [{ path: '/grub/{name}.conf', template: 'menu.lst' }],
  image: 'dom0',
  parameters: {
    dom0MemoryMib: 512,
    menuTimeout: 1,
    menuOnSerial: true,
    // What costs most under emulation: guards against faults that an emulated processor has not, and a slow serial port.
    xenArguments: ['spec-ctrl=no'],
    kernelArguments: ['mitigations=off', 'quiet', 'systemd.show_status=0'],
  },
  stageSeconds: labStageSeconds(),
};
