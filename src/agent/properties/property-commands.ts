import { cpu } from './commands/cpu.ts';
import { disk } from './commands/disk.ts';
import { dmi } from './commands/dmi.ts';
import { exec } from './commands/exec.ts';
import { kernel } from './commands/kernel.ts';
import { load } from './commands/load.ts';
import { nic, vlan } from './commands/nic.ts';
import { ram } from './commands/ram.ts';
import { uptime } from './commands/uptime.ts';
import { xen } from './commands/xen.ts';
import type { PropertyCommands } from './property-definition.ts';

/** The closed list of what `command =` may name. */
export const propertyCommands: PropertyCommands = new Map(
  Object.entries({ cpu, ram, load, disk, nic, vlan, xen, kernel, uptime, dmi, exec }),
);
