import type { Mac } from '../model/mac.ts';

interface NicSpec {
  readonly mac: Mac;
  /** Each has an iPXE ROM of QEMU's own. */
  readonly model?: 'e1000' | 'virtio-net-pci';
  /** When the firmware tries it, from 1; without it in the order of the NICs. */
  readonly bootOrder?: number;
}

/** A computer with nothing on its disks: it has none. */
export interface MachineSpec {
  readonly name: string;
  /** In the order of their PCI slots, which is the order of eth0, eth1... */
  readonly nics: readonly NicSpec[];
  readonly memoryMib?: number;
  readonly chipset?: 'q35' | 'pc';
  /** `qemu64,+svm,+npt` lets Xen run PVH guests. */
  readonly cpu?: string;
  readonly cpus?: number;
  readonly uuid?: string;
  /** What a reboot by the guest does: ends the machine, so that a boot loop is seen (the default), or boots again. */
  readonly onReboot?: 'end' | 'boot';
}

/**
 * QEMU's command line. Software emulation: the lab must run where there is no KVM. Serial port 1 is on standard input and
 * output, the machine protocol on descriptor 3.
 */
export function qemuCommand(spec: MachineSpec, taps: readonly string[]): string[] {
  const argv = ['qemu-system-x86_64', '-name', spec.name, '-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'std'];
  argv.push('-machine', spec.chipset ?? 'q35', '-accel', 'tcg,thread=multi', '-boot', 'order=n');
  argv.push('-smp', String(spec.cpus ?? 1), '-m', String(spec.memoryMib ?? 1024));
  if (spec.cpu !== undefined) argv.push('-cpu', spec.cpu);
  if (spec.uuid !== undefined) argv.push('-uuid', spec.uuid);
  if (spec.onReboot !== 'boot') argv.push('-no-reboot');
  argv.push('-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console');
  argv.push('-chardev', 'socket,id=monitor,fd=3', '-mon', 'chardev=monitor,mode=control');
  for (const [index, nic] of spec.nics.entries()) {
    argv.push('-netdev', `tap,id=net${index},ifname=${taps[index]},script=no,downscript=no`);
    argv.push('-device', `${nic.model ?? 'e1000'},netdev=net${index},mac=${nic.mac},bootindex=${nic.bootOrder ?? index + 1}`);
  }
  return argv;
}
