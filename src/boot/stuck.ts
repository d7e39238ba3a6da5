import type { BootStage } from '../model/boot-profile.ts';
import { expandPath } from './loader-choice.ts';
import type { Trouble } from './attempt.ts';
import type { StoredAttempt } from './attempt-store.ts';

/** What we wait for when a stage is the next one, as a person would look for it in a packet capture. */
export function expectedPacket(stage: BootStage, attempt: Pick<StoredAttempt, 'machine' | 'mac' | 'profile' | 'image'>): string {
  const names = { name: attempt.machine.name, mac: attempt.mac };
  const paths = (files: readonly string[]): string => [...new Set(files)].map((file) => expandPath(file, names)).join(' or ');
  switch (stage) {
    case 'discover':
      return `DHCP DISCOVER from ${attempt.mac}`;
    case 'offer':
      return `our DHCP OFFER to ${attempt.mac}`;
    case 'lease':
      return `DHCP REQUEST from ${attempt.mac}, and our ACK`;
    case 'loader':
      return `the whole of ${paths(Object.values(attempt.profile.loaders))} by TFTP or HTTP`;
    case 'menu':
      return `the whole of ${paths(attempt.profile.menus.map((menu) => menu.path))} by TFTP or HTTP`;
    case 'kernel':
      return `the whole of /images/${attempt.image ?? '?'}/vmlinuz by TFTP or HTTP`;
    case 'kernel-lease':
      return `the kernel's own DHCP REQUEST from ${attempt.mac}`;
    case 'mount':
      return `NFS MOUNT of /images/${attempt.image ?? '?'}`;
    case 'hello':
      return 'POST /boot/v1/hello with the boot token';
  }
}

/** Why a boot usually hangs before this stage, likeliest first. */
const usualCauses: Readonly<Record<BootStage, readonly string[]>> = {
  discover: ['the machine is off, or does not try the network', 'its NIC is in another VLAN or on another bridge'],
  offer: ['the pool of the subnet is empty', 'the machine got no decision: see the reason beside its DISCOVER'],
  lease: ['another DHCP server answered first', 'our OFFER did not reach the machine: a firewall or a bridge drops broadcasts'],
  loader: [
    'UDP port 69 or the ports of TFTP transfers are blocked',
    'the loader file is missing, or is for another kind of firmware',
    'a large TFTP block is lost on the way: lower tftp.maxBlockBytes',
  ],
  menu: ['the loader looks for its menu under another path: see the missing files', 'the loader has no driver or modules for this NIC'],
  kernel: [
    'the menu waits for a person: password, locked or wrong default title',
    'the loader ran out of memory or the transfer broke off',
  ],
  'kernel-lease': [
    'Xen or the kernel did not start: look at its console',
    'the kernel or its initramfs has no driver for the NIC',
    'BOOTIF names another NIC than the one that is connected',
  ],
  mount: [
    'TCP ports 111, 2049 or 20048 are blocked',
    'nfsroot on the command line does not name the image',
    'the initramfs has no NFS support',
  ],
  hello: [
    'a unit failed on the running system: look at its console',
    'the hello went to another address: virtdom.server on the command line',
    'the root reads slowly: see the NFS figures',
  ],
};

/** Likely causes in words: what kept this very stage from being reached, then what else went wrong, then what is usual here. */
export function likelyCauses(expected: BootStage, troubles: readonly Trouble[]): readonly string[] {
  const newestFirst = troubles.toReversed();
  const direct = newestFirst.filter(({ stages }) => stages.includes(expected));
  const others = newestFirst.filter((trouble) => !direct.includes(trouble));
  return [...[...direct, ...others].map(({ what }) => what), ...usualCauses[expected]];
}
