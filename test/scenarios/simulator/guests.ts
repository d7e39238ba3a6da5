import { createHash } from 'node:crypto';
import type { VmImage } from '../../../src/manager/surroundings.ts';
import type { VmEnvironment } from '../../../src/model/vm-environment.ts';
import type { Vm } from '../../../src/model/vm.ts';
import type { DomainWish } from './sim-host.ts';

/** `worker` is the newest of `worker@1`, `worker@2`. */
export function resolveImage(known: readonly string[], image: string): VmImage {
  const [name = ''] = image.split('@');
  const versions = known.filter((each) => each === image || (each.split('@')[0] === name && image === name));
  const ref = versions.at(-1);
  if (ref === undefined) return { kind: 'missing', reason: `there is no image ${image}` };
  const files = ['vmlinuz', 'initrd.gz'].map((file) => ({
    name: file,
    path: `/images/${ref}/${file}`,
    sha256: createHash('sha256').update(`${ref} ${file}`).digest('hex'),
    bytes: 1024,
  }));
  return { kind: 'found', ref, files };
}

/** What the shipped template writes, as far as the simulated Xen reads it. */
export function renderDomain(vm: Vm, environment: VmEnvironment): { readonly config: string } {
  const config = `
name = "${vm.name}"
uuid = "${vm.uuid}"
type = "pv"
memory = ${vm.memoryMib}
vcpus = ${vm.vcpus}
kernel = "{file:vmlinuz}"
ramdisk = "{file:initrd.gz}"
extra = "${['virtdom.name=' + vm.name, ...environment.kernelArguments].join(' ')}"
vif = [${vm.cards.map((card) => `"mac=${card.mac},bridge=${card.bridge}"`).join(', ')}]
on_poweroff = "destroy"
on_reboot = "destroy"
on_crash = "destroy"
on_watchdog = "destroy"
`;
  return { config: config.trimStart() };
}

export function wishOf(config: string): DomainWish {
  const read = (key: string) => new RegExp(`^${key} *= *"?([^"\n]*)"?$`, 'm').exec(config)?.[1] ?? '';
  return { name: read('name'), uuid: read('uuid'), memoryMib: Number(read('memory')), vcpus: Number(read('vcpus')) };
}
