import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { templateContext } from '../../src/boot/template-context.ts';
import { TemplateSet } from '../../src/boot/template-set.ts';
import type { Parameters } from '../../src/model/machine.ts';
import { dom0, mac, post01, shippedTemplates, subnet } from './rig.ts';

const fixtures = join(import.meta.dirname, '../fixtures/boot');
const read = await TemplateSet.read(shippedTemplates);
if (!(read instanceof TemplateSet)) throw new Error(JSON.stringify(read));
const templates = read;

function render(template: string, parameters: Parameters = {}, hasImage = true): string {
  const machine = { ...post01, parameters };
  return templates.render(
    template,
    templateContext({
      machine,
      mac,
      subnet,
      profile: dom0,
      httpUrl: 'http://192.168.0.5:8080',
      ...(hasImage && { image: { image: 'dom0', version: 3 } }),
    }),
  );
}

/** The farm's menu of 2008, said in parameters. */
const farm: Parameters = {
  menuOnSerial: true,
  menuDefault: 1,
  menuTimeout: 10,
  menuPasswordMd5: '$1$gLhU0/$aW78kHK1QfV3P2b2znUoe/',
  menuTitle: 'Xen 3 / Debian, ondemand root',
  menuTitles: ['title Local disk\nrootnoverify (hd0)\nchainloader +1', 'title Memory test\nlock\nkernel /memtest86+'],
  chainServer: '192.168.0.5',
  chainTitle: 'post01 of the second server',
  dom0MemoryMib: 256,
  xenArguments: 'spec-ctrl=no',
  kernelArguments: ['mitigations=off', 'quiet', 'systemd.show_status=0', 'note="two words"'],
};

const plainLinux: Parameters = { xen: false, menuPassword: 'open sesame', menuLocked: true };
const odd: Parameters = {
  menuOnSerial: true,
  menuTitle: "it's $HOME; {here}",
  kernelArguments: 'init=/bin/sh note="a $b \'c\'"',
  grubEntries: ['menuentry "Firmware" {\n  fwsetup\n}'],
};

describe('the shipped templates give exactly', () => {
  const rows: readonly { golden: string; template: string; parameters?: Parameters }[] = [
    { golden: 'menu.lst', template: 'menu.lst' },
    { golden: 'menu-farm.lst', template: 'menu.lst', parameters: farm },
    { golden: 'menu-linux.lst', template: 'menu.lst', parameters: plainLinux },
    { golden: 'grub.cfg', template: 'grub.cfg' },
    { golden: 'grub-linux.cfg', template: 'grub.cfg', parameters: { ...plainLinux, loadOverHttp: false } },
    { golden: 'grub-odd.cfg', template: 'grub.cfg', parameters: odd },
    { golden: 'boot.ipxe', template: 'boot.ipxe' },
    { golden: 'boot-linux.ipxe', template: 'boot.ipxe', parameters: plainLinux },
  ];
  // What waits for an assignment has no profile of its own and no image.
  it.each([
    { golden: 'waiting.lst', parameters: {} },
    { golden: 'waiting-serial.lst', template: 'waiting.lst', parameters: { menuOnSerial: true } },
    { golden: 'waiting.cfg', parameters: { pollSeconds: 30 } },
    { golden: 'waiting.ipxe', parameters: { pollSeconds: 30 } },
  ])('$golden', async ({ golden, template = golden, parameters }) => {
    await expect(render(template, parameters, false)).toMatchFileSnapshot(join(fixtures, golden));
  });

  // To write them anew after a wanted change: vitest -u, and read the diff.
  it.each(rows)('$golden', async ({ golden, template, parameters }) => {
    await expect(render(template, parameters)).toMatchFileSnapshot(join(fixtures, golden));
  });
});

describe("the farm's menu of 2008 has all that GRUB Legacy needs of it", () => {
  const menu = render('menu.lst', farm);
  const titles = menu.split(/^title /m);
  it.each([
    [
      0,
      ['serial --unit=0 --speed=115200', 'terminal --silent', 'default 1', 'timeout 10', 'password --md5 $1$gLhU0/$aW78kHK1QfV3P2b2znUoe/'],
    ],
    [
      1,
      [
        'Xen 3 / Debian, ondemand root',
        'root (nd)',
        'kernel /images/dom0@3/xen.gz dom0_mem=256M,max:256M ',
        'module /images/dom0@3/vmlinuz ',
        'module /images/dom0@3/initrd.gz',
      ],
    ],
    [2, ['Local disk', 'rootnoverify (hd0)', 'chainloader +1']],
    [3, ['Memory test', 'lock', 'kernel /memtest86+']],
    [4, ['post01 of the second server', 'lock', 'dhcp', 'tftpserver 192.168.0.5', 'root (nd)', 'configfile /grub/post01.conf']],
  ])('part %i in this order', (part, starts) => {
    const lines = (titles[part] ?? '').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines).toHaveLength(starts.length);
    for (const [index, start] of starts.entries()) expect(lines[index]?.slice(0, start.length)).toBe(start);
  });

  it('and a menu can be only a chain, where there is no image of ours', () => {
    const chain = render(
      'menu.lst',
      { chainServer: '192.168.0.6', chainMenu: '/grub/x y.conf', chainLocked: false, menuPassword: 'plain' },
      false,
    );
    expect(chain.replaceAll(/^#.*\n/gm, '')).toBe(
      'default 0\ntimeout 3\npassword plain\n\ntitle Other server\ndhcp\ntftpserver 192.168.0.6\nroot (nd)\nconfigfile /grub/x\\ y.conf\n',
    );
  });
});

function grubScriptCheck(script: string): { error: Error | undefined; status: number | null; stderr: string } {
  const { status, stderr, error } = spawnSync('grub-script-check', [], { input: script, encoding: 'utf8' });
  return { error, status, stderr };
}

describe('GRUB 2 takes grub.cfg', () => {
  it.each([
    ['as it is', {}],
    ['for plain Linux', plainLinux],
    ['over TFTP', { loadOverHttp: false }],
    ['with odd texts', odd],
    ['with a password hash', { menuPasswordPbkdf2: 'grub.pbkdf2.sha512.10000.AA.BB' }],
  ] as const)('%s (grub-script-check of grub-common)', (_, parameters) => {
    expect(grubScriptCheck(render('grub.cfg', parameters))).toEqual({ error: undefined, status: 0, stderr: '' });
  });

  it('while a machine waits', () => {
    expect(grubScriptCheck(render('waiting.cfg', {}, false))).toEqual({ error: undefined, status: 0, stderr: '' });
  });
});

it("knows the machine's role, and the subnet's parameters where profile and machine have none of that name", () => {
  const set = TemplateSet.parse(new Map([['x', '{{machine.role}} {{parameters.rack}} {{parameters.room}} {{parameters.row}}']]));
  if (!(set instanceof TemplateSet)) throw new Error('a template cannot be read');
  const context = templateContext({
    machine: { ...post01, role: 'worker', parameters: { rack: 'of the machine' } },
    mac,
    subnet: { ...subnet, parameters: { rack: 'of the subnet', room: 'of the subnet', row: 'of the subnet' } },
    profile: { ...dom0, parameters: { rack: 'of the profile', room: 'of the profile' } },
    httpUrl: 'http://192.168.0.5:8080',
  });
  expect(set.render('x', context)).toBe('worker of the machine of the profile of the subnet');
});

it('gives one kernel command line in all three syntaxes', () => {
  const wanted =
    'root=/dev/nfs nfsroot=192.168.0.5:/images/dom0@3,v3,tcp,nocto,acregmin=3600,acregmax=3600,acdirmin=3600,acdirmax=3600 ro ip=:::::xenbr0:dhcp net.ifnames=0 console=hvc0 panic=10 BOOTIF=01-52-54-00-00-00-01';
  for (const template of ['menu.lst', 'grub.cfg', 'boot.ipxe']) expect(render(template)).toContain(wanted);
  expect(render('menu.lst')).toContain('virtdom.server=http://192.168.0.5:8080 virtdom.token=<boot-token>');
});
