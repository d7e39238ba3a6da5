import { expect, it } from 'vitest';
import { qemuCommand } from '../../src/lab/qemu-command.ts';

it('boots from its first NIC, has no disk, and puts its serial port on standard output', () => {
  expect(qemuCommand({ name: 'post01', nics: [{ mac: '52:54:00:00:00:01' }] }, ['tap1']).join(' ')).toBe(
    'qemu-system-x86_64 -name post01 -nodefaults -no-user-config -display none -vga std -machine q35 -accel tcg,thread=multi ' +
      '-boot order=n -smp 1 -m 1024 -no-reboot -chardev stdio,id=console,signal=off -serial chardev:console ' +
      '-chardev socket,id=monitor,fd=3 -mon chardev=monitor,mode=control ' +
      '-netdev tap,id=net0,ifname=tap1,script=no,downscript=no -device e1000,netdev=net0,mac=52:54:00:00:00:01,bootindex=1',
  );
});

it('gives each NIC its own tap and tries them in their order', () => {
  const nics = [{ mac: '52:54:00:00:00:01' }, { mac: '52:54:00:00:00:02', model: 'virtio-net-pci' }] as const;
  const argv = qemuCommand({ name: 'two', nics, memoryMib: 512, chipset: 'pc', cpu: 'qemu64,+svm', onReboot: 'boot' }, ['tap1', 'tap2']);
  expect(argv).toContain('tap,id=net1,ifname=tap2,script=no,downscript=no');
  expect(argv).toContain('virtio-net-pci,netdev=net1,mac=52:54:00:00:00:02,bootindex=2');
  expect(argv).not.toContain('-no-reboot');
  expect(argv[argv.indexOf('-cpu') + 1]).toBe('qemu64,+svm');
});
