import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDomainConfig } from '../../src/agent/domain-config.ts';
import { formatXlSettings, parseXlSettings } from '../../src/agent/xl-config-syntax.ts';

const expected = { name: 'worker-1', uuid: '00000000-0000-4000-8000-000000000001', files: ['vmlinuz', 'initrd.gz'] };
const paths = { vmlinuz: '/flash/k', 'initrd.gz': '/flash/i' };
const lines = [
  'name = "worker-1"',
  `uuid = "${expected.uuid}"`,
  'memory = 128',
  ...['poweroff', 'reboot', 'crash', 'watchdog'].map((event) => `on_${event} = "destroy"`),
];
const minimal = lines.join('\n');

describe("an xl.cfg as virtdom's templates write it", () => {
  it.each(['domu-worker.cfg', 'domu-storage.cfg'])('%s is let through, with the paths of its files', (file) => {
    const text = readFileSync(new URL(`../fixtures/boot/${file}`, import.meta.url), 'utf8');
    const name = /name = "([^"]+)"/.exec(text)?.[1] ?? '';
    const uuid = /uuid = "([^"]+)"/.exec(text)?.[1] ?? '';
    const checked = readDomainConfig(text, { ...expected, name, uuid });
    expect(checked).toMatchObject({ kind: 'config' });
    const written = checked.kind === 'config' ? checked.write(paths, '192.168.0.5') : '';
    expect(written).toContain('kernel = "/flash/k"\nramdisk = "/flash/i"\n');
    expect(written).toContain('bridge=farm');
  });

  it('never restarts by xl, a kernel that kexecs included', () => {
    const checked = readDomainConfig(minimal, expected);
    expect(checked.kind === 'config' && checked.write(paths, '192.168.0.5')).toContain('on_soft_reset = "destroy"');
  });

  it('names the server that this host booted from to the guest, and nowhere else', () => {
    const nfs = 'extra = "root=/dev/nfs nfsroot={server}:/images/dom0@3,v3,tcp"\nvif = [ "bridge=farm" ]';
    const checked = readDomainConfig(`${minimal}\n${nfs}`, expected);
    const written = checked.kind === 'config' ? checked.write(paths, '192.168.0.5') : '';
    expect(written).toContain('nfsroot=192.168.0.5:/images/dom0@3,v3,tcp');
  });
});

describe('an xl.cfg is refused', () => {
  const rows: { name: string; text: string; reason: string | RegExp }[] = [
    { name: 'for another name', text: minimal.replace('worker-1', 'worker-2'), reason: "name: it must be worker-1, the command's" },
    { name: 'for another uuid', text: minimal.replace('-000000000001', '-000000000002'), reason: /^its xl.cfg is refused: uuid/ },
    {
      name: 'that lets xl restart it',
      text: minimal.replace('on_reboot = "destroy"', 'on_reboot = "restart"'),
      reason: 'on_reboot: only destroy',
    },
    { name: 'that leaves a restart to the default', text: minimal.replace('on_reboot = "destroy"', ''), reason: 'on_reboot is missing' },
    { name: 'with a key twice', text: `${minimal}\nname = "worker-1"`, reason: 'name only once' },
    { name: 'with a kernel of the Dom0', text: `${minimal}\nkernel = "/boot/vmlinuz"`, reason: /kernel: \{file:NAME\}/ },
    { name: 'with a file that does not come with it', text: `${minimal}\nkernel = "{file:other}"`, reason: 'brings no file other' },
    ...[
      'bootloader = "/bin/sh"',
      'bootloader_args = "-c x"',
      'device_model_override = "/bin/sh"',
      'device_model_args = [ "-x" ]',
      'firmware_override = "/x"',
      'pci = [ "00:02.0" ]',
      'vfb = [ "vnc=1" ]',
      'usbdev = [ "host:1.1" ]',
      'seclabel = "x"',
      'driver_domain = 1',
      'init_seclabel = "x"',
      'on_soft_reset = "soft-reset"',
    ].map((text) => ({
      name: `with ${text}`,
      text: `${minimal}\n${text}`,
      reason: /on_soft_reset: only destroy|is not among what an agent lets through/,
    })),
    { name: 'with a script by path', text: `${minimal}\nvif = [ "bridge=b,script=/tmp/x" ]`, reason: /script has another form/ },
    { name: 'with a script that is no vif script', text: `${minimal}\nvif = [ "script=block" ]`, reason: /script has another form/ },
    { name: 'with a backend of another domain', text: `${minimal}\nvif = [ "bridge=b,backend=other" ]`, reason: /is none of/ },
    {
      name: 'with a disk script by path',
      text: `${minimal}\ndisk = [ "vdev=xvda,script=/tmp/x,target=/dev/x" ]`,
      reason: /script has another form/,
    },
    {
      name: "with QEMU's own description of a disk",
      text: `${minimal}\ndisk = [ "vdev=xvda,target=json:{}" ]`,
      reason: /target= is a path/,
    },
    { name: 'with a path that climbs', text: `${minimal}\ndisk = [ "vdev=xvda,target=/srv/../etc/x" ]`, reason: /target= is a path/ },
    { name: 'with a number that is none', text: minimal.replace('128', '"128"'), reason: 'memory: a number from' },
    { name: 'with a list where none may be', text: `${minimal}\nextra = [ "x" ]`, reason: /extra: one line/ },
    {
      name: 'with something after a value',
      text: `${minimal}\nvcpus = 1 bootloader = "x"`,
      reason: 'expected the end of the line behind vcpus',
    },
    { name: 'with a string that goes on', text: `${minimal}\nextra = "a\nb"`, reason: /is not understood/ },
    { name: 'with an escape that is none of ours', text: `${minimal}\nextra = "a\\nb"`, reason: /is not understood/ },
    { name: 'with +=', text: `${minimal}\nextra += "x"`, reason: /is not understood/ },
    { name: 'with nothing in it', text: '', reason: 'name is missing' },
  ];
  it.each(rows)('$name', ({ text, reason }) => {
    const checked = readDomainConfig(text, expected);
    expect(checked.kind).toBe('refused');
    expect(checked.kind === 'refused' ? checked.reason : '').toMatch(reason);
  });

  it('or let through as something that reads the same when it is read again, whatever it is', () => {
    const piece = fc.oneof(
      fc.constantFrom(...lines, '=', '[', ']', ',', '"', "'", '\n', ';', '#', '\\', ' ', 'vif', 'extra', '0x1f'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const once = parseXlSettings(pieces.join(''));
        if (once.kind === 'malformed') return;
        const again = parseXlSettings(formatXlSettings(once.settings));
        expect(again).toEqual(once);
      }),
    );
  });

  it('in a moment, however long a hostile one is', () => {
    const started = performance.now();
    for (const text of ['"'.repeat(65_000), '['.repeat(65_000), 'a='.repeat(30_000), `vif=[${'"",'.repeat(20_000)}]`, ' '.repeat(65_000)])
      readDomainConfig(text, expected);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
