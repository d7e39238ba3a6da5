import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseHello } from '../../src/lab/dom0-hello.ts';
import { labStageSeconds } from '../../src/lab/lab-files.ts';
import { LabRun, machineDocument, profile, subnet } from './lab-run.ts';

const stageSeconds = labStageSeconds();
const grub = {
  loaders: { bios: 'grub2.0', ipxe: 'grub2.0' },
  menus: [{ path: '/grub/grub.cfg', template: 'grub.cfg' }],
  image: 'dom0',
  stageSeconds,
};
// QEMU's own ROM is an iPXE: it is told the script itself, and never the iPXE that a plain ROM would be sent.
const ipxe = { loaders: { bios: 'undionly.kpxe' }, menus: [{ path: '/boot.ipxe', template: 'boot.ipxe' }], image: 'dom0', stageSeconds };
const linux = { xen: false, menuTimeout: 0, kernelArguments: 'quiet mitigations=off systemd.show_status=0' };
const xen = { menuTimeout: 0, kernelArguments: 'quiet', xenArguments: 'spec-ctrl=no' };

const idleNic = '52:54:00:00:00:30';
const bootNic = '52:54:00:00:00:31';
const macs = { grubXen: '52:54:00:00:00:32', ipxeLinux: '52:54:00:00:00:33', ipxeXen: '52:54:00:00:00:34' };

let run: LabRun;

beforeAll(async () => {
  run = await LabRun.start({
    name: 'other-loaders',
    documents: [
      subnet,
      profile('grub-linux', { ...grub, parameters: linux }),
      profile('grub-xen', { ...grub, parameters: xen }),
      profile('ipxe-linux', { ...ipxe, parameters: linux }),
      profile('ipxe-xen', { ...ipxe, parameters: xen }),
      machineDocument('post03', [{ mac: idleNic }, { mac: bootNic, address: '192.168.0.13' }], 'grub-linux'),
      machineDocument('post04', [{ mac: macs.grubXen }], 'grub-xen'),
      machineDocument('post05', [{ mac: macs.ipxeLinux }], 'ipxe-linux'),
      machineDocument('post06', [{ mac: macs.ipxeXen }], 'ipxe-xen'),
    ],
    machines: [
      {
        name: 'post03',
        nics: [
          { mac: idleNic, bootOrder: 2 },
          { mac: bootNic, bootOrder: 1 },
        ],
        memoryMib: 768,
      },
      { name: 'post04', nics: [{ mac: macs.grubXen }] },
      { name: 'post05', nics: [{ mac: macs.ipxeLinux, model: 'virtio-net-pci' }], memoryMib: 768 },
      { name: 'post06', nics: [{ mac: macs.ipxeXen, model: 'virtio-net-pci' }] },
    ],
  });
});
afterAll(() => run?.close());

/** Every file that the machine fetched to its end, with the protocol. */
function fetched(machine: string): string[] {
  const files = run.eventsOf(machine, 'file').filter(({ phase }) => phase === 'finished');
  return [...new Set(files.map(({ protocol, file }) => `${protocol} ${file.replace(/@\d+/, '@N')}`))];
}

describe('GRUB 2 with its own grub.cfg, large files over HTTP', () => {
  it('boots Linux on the NIC that the firmware booted from, the second of two, and leaves the other alone', async () => {
    const power = run.powerOn('post03');
    await run.up('post03');
    expect(parseHello(power.console.text)?.facts).toMatchObject({ machine: 'post03', hypervisor: 'none' });
    expect(fetched('post03')).toEqual(
      expect.arrayContaining(['tftp grub2.0', 'http /images/dom0@N/vmlinuz', 'http /images/dom0@N/initrd.gz']),
    );
    const leases = run.eventsOf('post03', 'stage').filter(({ stage }) => stage === 'lease' || stage === 'kernel-lease');
    expect(leases.map(({ mac, address }) => `${mac} ${address}`)).toEqual([`${bootNic} 192.168.0.13`, `${bootNic} 192.168.0.13`]);
    await run.machine('post03').powerOff();
  });

  it('starts Xen by multiboot2', async () => {
    const power = run.powerOn('post04');
    await power.console.waitFor(/Xen version 4\./, 60_000);
    expect(fetched('post04')).toEqual(expect.arrayContaining(['http /images/dom0@N/xen.gz', 'http /images/dom0@N/vmlinuz']));
    await run.machine('post04').powerOff();
  });
});

describe('iPXE with a script over HTTP', () => {
  it('boots Linux to its hello and is never sent iPXE again', async () => {
    const power = run.powerOn('post05');
    await run.up('post05');
    expect(parseHello(power.console.text)?.facts).toMatchObject({ machine: 'post05', hypervisor: 'none' });
    expect(fetched('post05')).toEqual(['http /boot.ipxe', 'http /images/dom0@N/vmlinuz', 'http /images/dom0@N/initrd.gz']);
    await run.machine('post05').powerOff();
  });

  it('starts Xen with its kernel and initramfs as modules', async () => {
    const power = run.powerOn('post06');
    await power.console.waitFor(/Xen version 4\./, 60_000);
    expect(fetched('post06')).toEqual([
      'http /boot.ipxe',
      'http /images/dom0@N/xen',
      'http /images/dom0@N/vmlinuz',
      'http /images/dom0@N/initrd.gz',
    ]);
    await run.machine('post06').powerOff();
  });
});
