import { Type } from 'typebox';
import type { Static, TSchema } from 'typebox';
import { bootStages, defaultStageSeconds } from '../model/boot-profile.ts';
import { parseImageName } from '../model/image-manifest.ts';
import {
  checked,
  choice,
  cidr,
  interfaceName,
  ipv4,
  list,
  mac,
  matching,
  name,
  section,
  text,
  uuid,
  whole,
  yesNo,
} from '../documents/shapes.ts';
import { labels, parameters } from './free-values.ts';
import { environmentSchema, roleSchema, triggerSchema } from './vm-schemas.ts';

const bootPath = checked('a path in the boot tree such as pxegrub or /ipxe/undionly.kpxe, or an http URL', (value) =>
  /^https?:\/\//.test(value) ? URL.canParse(value) : isTreePath(value.startsWith('/') ? value : `/${value}`),
);
const subnetSchema = section('A network that virtdom answers on.', {
  kind: Type.Literal('Subnet'),
  name: name('What profiles, logs and messages call it.'),
  cidr: cidr('Its addresses.'),
  interface: interfaceName('The interface that it is heard on.'),
  serverAddress: Type.Optional(ipv4('Our own address on it; without it the one that the interface has in `cidr`.')),
  mode: choice(
    '`authoritative` hands out addresses and refuses wrong ones; `reserved` answers only machines with a reserved address; ' +
      '`proxy` adds boot options beside another DHCP server; `off` stays silent.',
    ['authoritative', 'reserved', 'proxy', 'off'],
    'authoritative',
  ),
  pool: Type.Optional(
    matching(/^[\d.]+\s*-\s*[\d.]+$/, 'a range of addresses such as 192.168.0.100-192.168.0.199')('The addresses to hand out freely.'),
  ),
  router: Type.Optional(ipv4('The default gateway (option 3).')),
  dnsServers: list('Name servers (option 6).', ipv4('A name server.'), { default: [] }),
  domain: Type.Optional(text('The domain name (option 15).', 'a domain name')),
  nextServer: Type.Optional(ipv4('Where boot files come from when it is not us.')),
  leaseSeconds: whole('How long a lease lasts.', 60, 31_536_000, { default: 3600 }),
  unknown: checked('ignore, lease, pending or profile:NAME', (value) => /^(?:ignore|lease|pending|profile:\S+)$/.test(value))(
    'What a client gets that has no profile here: nothing, an address without boot files, a short lease and a menu that waits ' +
      'until somebody assigns it, or the boot of a profile.',
    { default: 'ignore' },
  ),
  pendingLeaseSeconds: whole('How long the lease of a client lasts that waits for an assignment.', 30, 86_400, { default: 120 }),
  parameters: parameters('Values that templates use as `parameters.NAME`, where neither the machine nor its profile has them.'),
  option128: Type.Optional(text('Option 128 as text, for Etherboot.')),
  option129: Type.Optional(text('Option 129 as text, for Etherboot.')),
  option150: Type.Optional(
    list('Option 150 as TFTP servers (RFC 5859), for profiles without `menuByOption150`.', ipv4('A server.'), { minItems: 1 }),
  ),
});

const loader = (client: string) => Type.Optional(bootPath(`The boot file of ${client}.`));
const seconds = (stage: keyof typeof defaultStageSeconds) =>
  whole(`Until \`${stage}\`.`, 1, 86_400, { default: defaultStageSeconds[stage] });

const profileSchema = section('A kind of boot.', {
  kind: Type.Literal('Profile'),
  name: name('What machines and subnets call it.'),
  boot: choice('`network` boots from us, `local` sends the machine to its own disk.', ['network', 'local'], 'network'),
  loaders: section(
    'The boot file for each kind of client.',
    {
      bios: loader('a BIOS ROM'),
      'uefi-x64': loader('UEFI on x86-64'),
      'uefi-arm64': loader('UEFI on ARM64'),
      'http-x64': loader('UEFI HTTP boot on x86-64'),
      'http-arm64': loader('UEFI HTTP boot on ARM64'),
      ipxe: loader('an iPXE that asks again'),
    },
    true,
  ),
  menus: list(
    'Files that are rendered for each machine. Option 150 names the first.',
    section('A rendered file.', {
      path: checked(
        'an absolute path in the boot tree without .., in braces only {name}, {mac} or {mac-dashed}',
        isMenuPath,
      )('Where clients find it; may hold `{name}`, `{mac}` and `{mac-dashed}`.'),
      template: matching(/^[\w][\w.-]*$/, 'the name of a template such as menu.lst')('What it is rendered from.'),
    }),
    { default: [] },
  ),
  menuByOption150: yesNo("Send the first menu's path as option 150, as GRUB Legacy's pxegrub wants it.", false),
  image: Type.Optional(
    checked(
      'an image such as dom0 or dom0@3',
      (value) => parseImageName(value) !== undefined,
    )('The root image: the newest version when the boot begins, or a fixed one.'),
  ),
  parameters: parameters("Values that templates use as `parameters.NAME`; they win over the subnet's."),
  stageSeconds: section(
    'How long each stage of a boot may take, in seconds from the end of the stage before, until the boot counts as stuck.',
    Object.fromEntries(bootStages.map((stage) => [stage, seconds(stage)])) as Record<
      (typeof bootStages)[number],
      ReturnType<typeof seconds>
    >,
    true,
  ),
});

const machineSchema = section('A computer that boots from us.', {
  kind: Type.Literal('Machine'),
  name: name('Its host name.'),
  nics: list(
    'Its network interfaces; previews boot from the first.',
    section('A network interface.', {
      mac: mac('Its MAC address.'),
      address: Type.Optional(ipv4('The address reserved for it; without one it gets a free address of the pool.')),
    }),
    { minItems: 1 },
  ),
  uuid: Type.Optional(uuid('Its system UUID, as DMI prints it.')),
  profile: Type.Optional(
    name('What kind of boot it gets; without one, what its subnet gives to unknown clients.', { defaultText: "the subnet's `unknown`" }),
  ),
  role: Type.Optional(name('The Role that says what it may host once it runs; without one, what a Role matches.')),
  ignored: yesNo('Whether it gets no answer, whatever it asks for.', false),
  labels: labels('Free names and values.'),
  parameters: parameters("Values that templates use as `parameters.NAME`; they win over the profile's."),
});

export const objectSchemas = {
  Subnet: subnetSchema,
  Profile: profileSchema,
  Machine: machineSchema,
  Environment: environmentSchema,
  Role: roleSchema,
  Trigger: triggerSchema,
} satisfies Record<string, TSchema>;
export type ObjectKind = keyof typeof objectSchemas;
/** In the order of an export. */
export const objectKinds = ['Subnet', 'Profile', 'Machine', 'Environment', 'Role', 'Trigger'] as const satisfies readonly ObjectKind[];
export type SubnetDocument = Static<typeof subnetSchema>;
export type ProfileDocument = Static<typeof profileSchema>;
export type MachineDocument = Static<typeof machineSchema>;

function isMenuPath(value: string): boolean {
  return isTreePath(value.replaceAll(/\{(?:name|mac|mac-dashed)\}/g, 'x'));
}

function isTreePath(value: string): boolean {
  return /^(?:\/[\w.@+,:=-]+)+$/.test(value) && !value.split('/').some((part) => /^\.+$/.test(part));
}
