import type { BootProfile } from '../model/boot-profile.ts';
import { formatImageRef, type ImageRef } from '../model/image-manifest.ts';
import { formatIpv4, netmask } from '../model/ipv4.ts';
import { dashedMac, type Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { Subnet } from '../model/subnet.ts';
import type { TemplateValue } from './template-interpreter.ts';

/** Stands where the token goes until a file is handed out, and for good in previews. */
export const tokenPlaceholder = '<boot-token>';

/** All that a rendered file depends on. */
export interface RenderSubject {
  readonly machine: Machine;
  /** Of the NIC that boots: with two NICs the kernel must use this one. */
  readonly mac: Mac;
  readonly subnet: Subnet;
  readonly profile: BootProfile;
  readonly image?: ImageRef;
  readonly httpUrl: string;
}

/** What templates can name. Unknown things are left out, so that a template that needs them fails and says so. */
export function templateContext(subject: RenderSubject): TemplateValue {
  const { machine, mac, subnet, profile, image, httpUrl } = subject;
  const address = machine.nics.find((nic) => nic.mac === mac)?.address;
  return {
    machine: {
      name: machine.name,
      mac,
      macDashed: dashedMac(mac),
      labels: machine.labels,
      ...(machine.uuid !== undefined && { uuid: machine.uuid }),
      ...(machine.role !== undefined && { role: machine.role }),
      ...(address !== undefined && { address }),
    },
    subnet: {
      name: subnet.name,
      cidr: `${formatIpv4(subnet.cidr.network)}/${subnet.cidr.prefixLength}`,
      netmask: formatIpv4(netmask(subnet.cidr.prefixLength)),
      dnsServers: subnet.dnsServers,
      ...(subnet.router !== undefined && { router: subnet.router }),
      ...(subnet.domain !== undefined && { domain: subnet.domain }),
    },
    server: { address: subnet.serverAddress, httpUrl, httpHost: httpUrl.replace(/^https?:\/\//, '') },
    profile: { name: profile.name },
    ...(image !== undefined && { image: imageContext(image, subnet.serverAddress) }),
    attempt: { token: tokenPlaceholder },
    // The machine's own word counts more than its profile's, and that more than the subnet's.
    parameters: { ...subnet.parameters, ...profile.parameters, ...machine.parameters },
  };
}

function imageContext(image: ImageRef, serverAddress: string): TemplateValue {
  const ref = formatImageRef(image);
  const path = `/images/${ref}`;
  return {
    name: image.image,
    version: image.version,
    ref,
    path,
    kernel: `${path}/vmlinuz`,
    initrd: `${path}/initrd.gz`,
    xen: `${path}/xen.gz`,
    // For loaders that cannot unpack a multiboot kernel: iPXE as Debian builds it.
    xenUncompressed: `${path}/xen`,
    nfsPath: `${serverAddress}:${path}`,
  };
}
