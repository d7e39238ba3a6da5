import { Type } from 'typebox';
import type { Static } from 'typebox';
import { parseImageName } from '../model/image-manifest.ts';
import { definitionDefaults, definitionLimits, propertyNamePattern, propertyTypes } from '../model/property-definition.ts';
import { parseVmAddress } from '../model/vm-address.ts';
import { checked, choice, ipv4, list, matching, name, section, whole, yesNo } from '../documents/shapes.ts';
import { parseMac } from '../model/mac.ts';
import { labels, parameters } from './free-values.ts';

/** Of the VMs of one environment. */
export const maxVmCount = 1_000;
const maxPriority = 1_000_000;

// Its VMs are called NAME-1 and so on: their names are host names and names of domains, of at most 63 characters.
const environmentName = matching(
  /^[a-z0-9](?:[a-z0-9-]{0,50}[a-z0-9])?$/,
  'a name of lower-case letters, digits and dashes, at most 52 characters',
);
const bridge = matching(/^[A-Za-z][A-Za-z0-9_.-]{0,14}$/, 'the name of a bridge such as xenbr0, at most 15 characters');
const vlan = (description: string) => Type.Optional(whole(description, 1, 4094, {}, 'a VLAN'));
const linuxInterface = matching(/^[A-Za-z][A-Za-z0-9_.-]{0,14}$/, 'the name of a network interface such as eth1');
const priority = (description: string) => whole(description, -maxPriority, maxPriority, { default: 0 });
// What follows stands in an xl.cfg, between quotes and commas.
const word = (expected: string) => matching(/^[^\s"'\\,{}[\]]{1,255}$/, `${expected}, without spaces, quotes, commas and brackets`);
const propertyName = matching(propertyNamePattern, 'the name of a property such as ram_free');
// Without a default, so that it is known whether somebody said it.
const flag = (description: string) => Type.Boolean({ description, expected: 'true or false' });
const expression = (description: string) =>
  Type.String({ description, expected: 'a CEL expression of at most 2048 letters', minLength: 1, maxLength: 2_048 });

const networkSchema = section('A network card.', {
  bridge: bridge('The bridge of the Dom0 that it joins: one that the Role gives, or xenbr0, which the Dom0 booted through.', {
    default: 'xenbr0',
  }),
  vlan: vlan('The VLAN that the bridge must stand on; without it, whatever the Role says.'),
  address: checked(
    'dhcp, none, an address such as 10.12.0.1/24 or a range such as 10.12.0.10-10.12.0.99/24',
    (value) => parseVmAddress(value) !== undefined,
  )('`dhcp`, `none`, a fixed address, or a range that each VM gets one of, with the length of the network prefix.', { default: 'dhcp' }),
  gateway: Type.Optional(ipv4('Its default gateway, in the network of `address`.')),
  mac: checked('derived or a MAC address of one card such as 00:16:3e:00:00:01', isCardMac)(
    "`derived` from the VM's name, so that it stays; or this one, where there is a single VM.",
    { default: 'derived' },
  ),
});

const storageSchema = section('An NFS root or a disk. Which keys it has, `kind` says.', {
  kind: choice('What it is.', ['nfs', 'file', 'block', 'iscsi', 'aoe', 'rbd']),
  source: Type.Optional(
    checked('server:/path', (value) => /^[\w.-]{1,253}:\/[^\s"'\\,{}[\]]{0,512}$/.test(value))(
      'Of `nfs`: the server and path of the root. Without it, the root of its image, from the server that its host booted from.',
    ),
  ),
  path: Type.Optional(
    checked('an absolute path without spaces, quotes, commas and brackets', isDiskPath)('Of `file` and `block`: the path on the Dom0.'),
  ),
  portal: Type.Optional(word('a portal such as 192.168.0.9:3260')('Of `iscsi`: address and port of the target.')),
  target: Type.Optional(word('a target such as iqn.2008-01.com.example:disk')('Of `iscsi`: its name.')),
  lun: Type.Optional(whole('Of `iscsi`: the unit; 0 where it is not said.', 0, 16_383, {})),
  shelf: Type.Optional(whole('Of `aoe`.', 0, 65_534, {})),
  slot: Type.Optional(whole('Of `aoe`.', 0, 254, {})),
  pool: Type.Optional(word('the name of a pool')('Of `rbd`.')),
  image: Type.Optional(word('the name of an image')('Of `rbd`.')),
  device: Type.Optional(
    matching(/^(?:xvd|sd|hd)[a-z]{1,2}\d{0,3}$/, 'a device such as xvda')('What the VM calls it; every kind but `nfs` has one.'),
  ),
  writable: Type.Optional(
    flag('Whether the VM may write: only where there is at most one. Every kind but `nfs` may say it; false where it is not said.'),
  ),
});

export const environmentSchema = section('A class of VMs.', {
  kind: Type.Literal('Environment'),
  name: environmentName('What roles and triggers call it. Its VMs are called NAME-1, NAME-2 and so on.'),
  instances: choice(
    'How many copies of one VM there may be. `at-most-one` (a gateway, a fixed identity, a writable disk): it starts again only with a ' +
      'proof that it is dead. `at-least-one` (a worker): a new VM may take its place at any time.',
    ['at-most-one', 'at-least-one'],
  ),
  image: checked(
    'an image such as worker or worker@3',
    (value) => parseImageName(value) !== undefined,
  )('What it runs: the newest version when a VM starts, or a fixed one.'),
  template: matching(/^[\w][\w.-]*$/, 'the name of a template such as domu.xl')('What its xl.cfg is rendered from.', {
    default: 'domu.xl',
  }),
  kernelArguments: list(
    'Arguments for its kernel, one an entry; `virtdom.env.KEY=VALUE` is a variable for its programs.',
    matching(/^[!-~]{1,512}$/, 'one argument without spaces, such as quiet')('An argument.'),
    { default: [] },
  ),
  memoryMib: whole('Memory of each VM in MiB. A VM that lives in RAM has its root in it.', 16, 16_777_216, {}),
  vcpus: whole('Processors of each VM.', 1, 512, { default: 1 }),
  networks: list('Its network cards, the first is eth0.', networkSchema, { default: [] }),
  storage: list('What it has beside its memory: nothing where it lives in RAM.', storageSchema, { default: [] }),
  count: Type.Union(
    [
      Type.Integer({ minimum: 0, maximum: maxVmCount }),
      Type.Object(
        { min: Type.Integer({ minimum: 0, maximum: maxVmCount }), max: Type.Integer({ minimum: 0, maximum: maxVmCount }) },
        { additionalProperties: false },
      ),
    ],
    {
      description:
        'How many VMs are wanted: a number, or `min` and `max` between which a trigger or a person decides; it begins with `min`.',
      expected: `a whole number from 0 to ${maxVmCount}, or min and max`,
    },
  ),
  constraints: section(
    'Where its VMs may be.',
    {
      labels: labels('Labels that a host must have.'),
      spread: yesNo('On as many hosts as there are, rather than together.', false),
      apartFrom: list('Environments that it is kept apart from, where there is a choice.', name('An environment.'), { default: [] }),
      excludes: list(
        'Environments whose VMs may never be on the same host; it holds both ways. Its own name: never two of it on one host.',
        name('An environment.'),
        { default: [] },
      ),
    },
    true,
  ),
  priority: priority('Who gets its place first where there is too little room: the higher the sooner.'),
  readySeconds: whole(
    'How long a VM may take from its start until it says that it is ready, in seconds; 0 where it never says so.',
    0,
    86_400,
    {
      default: 120,
    },
  ),
  paused: yesNo('Whether nothing is started or stopped for it; what runs goes on.', false),
  parameters: parameters('Values that its template uses as `parameters.NAME`.'),
});

const { maxTicks, maxTimeoutSeconds, maxParameters, maxParameterLetters } = definitionLimits;
const propertyWord = [Type.String({ maxLength: maxParameterLetters }), Type.Number()];
const propertySchema = section('A definition, by the keys of a definition file on a Dom0.', {
  name: propertyName('What rules and triggers call it.'),
  command: matching(
    /^[a-z]{1,32}$/,
    'a command such as ram',
  )('What extracts it: a command of the agent, but not exec, which is only for the files of a machine.'),
  parameters: Type.Optional(
    Type.Union([...propertyWord, Type.Array(Type.Union(propertyWord), { maxItems: maxParameters })], {
      description: 'Words for the command; a list where a word has spaces.',
      expected: `words, or a list of at most ${maxParameters} texts of at most ${maxParameterLetters} letters`,
    }),
  ),
  return_type: choice('What its value is.', propertyTypes),
  ticks: whole('Seconds from one extraction to the next; 0: only when somebody asks.', 0, maxTicks, { default: definitionDefaults.ticks }),
  timeout: whole('Seconds that an extraction may take.', 1, maxTimeoutSeconds, { default: definitionDefaults.timeout }),
});

export const roleSchema = section('What a Dom0 may host.', {
  kind: Type.Literal('Role'),
  name: name('What machines and triggers call it.'),
  environments: list('Those whose VMs it may have.', name('An environment.'), { default: [] }),
  networks: list(
    'Bridges that its hosts are given, beside xenbr0.',
    section('A bridge.', {
      bridge: bridge('What it is called. One name means one VLAN, everywhere.'),
      vlan: vlan('The VLAN that it stands on; without it, untagged.'),
      nic: Type.Optional(linuxInterface('The interface below it; without it, the one that the host booted by.')),
    }),
    { default: [] },
  ),
  labels: labels("Given to each host, beside the machine's own, which win."),
  properties: list('What its hosts say of themselves, beside what their own images define.', propertySchema, { default: [] }),
  reserveMib: whole('Memory of a host that no VM may have, in MiB.', 0, 16_777_216, { default: 0 }),
  vcpusPerCpu: whole('How many processors of VMs may share one of the host before another host is better.', 1, 64, { default: 4 }),
  match: Type.Optional(
    section('Which hosts have it that no machine document names one for: all conditions must hold. Without it, only by name.', {
      labels: Type.Optional(
        Type.Record(Type.String(), Type.String({ expected: 'text' }), {
          description: 'Labels that the machine must have.',
          expected: 'names and texts',
        }),
      ),
      when: Type.Optional(expression('What must be true of `properties`, `labels` and `machine`.')),
    }),
  ),
  priority: priority('Of several that match the highest is taken, then the first by name.'),
});

export const triggerSchema = section('Something to do when an expression becomes true.', {
  kind: Type.Literal('Trigger'),
  name: name('What messages call it.'),
  expr: expression('What must be true. With `forEach: agent` it sees each agent as `agent`.'),
  forEach: choice('`once` over all, or for each `agent`.', ['once', 'agent'], 'once'),
  cmd: section('What is done then. Which keys it has, `command` says.', {
    command: choice('What.', ['query', 'scale', 'assign-role', 'drain', 'power', 'notify']),
    group: Type.Optional(
      matching(
        /^(?:all|role\.[\w.-]{1,58}|label\.[\w.-]{1,57})$/,
        'a group: all, role.ROLE or label.KEY.VALUE',
      )('Of `query`: whom to ask.'),
    ),
    properties: Type.Optional(list('Of `query`: what to ask for.', propertyName('A property.'), { minItems: 1 })),
    environment: Type.Optional(name('Of `scale`: which.')),
    to: Type.Optional(whole('Of `scale`: to how many VMs.', 0, maxVmCount, {})),
    by: Type.Optional(whole('Of `scale`: by how many, up or down.', -100, 100, {})),
    role: Type.Optional(name('Of `assign-role`.')),
    machine: Type.Optional(
      name('Of `assign-role`, `drain` and `power`: which; with `forEach: agent` it is that agent where it is not said.'),
    ),
    action: Type.Optional(choice('Of `power`.', ['on', 'off', 'cycle'])),
    severity: Type.Optional(choice('Of `notify`; info where it is not said.', ['info', 'warning', 'error'])),
    message: Type.Optional(
      Type.String({
        description: 'Of `notify`: what to say; `{agent}` stands for the agent with `forEach: agent`.',
        expected: 'a line of at most 512 letters',
        pattern: '^[^\\r\\n\\0]{1,512}$',
      }),
    ),
  }),
  ticks: whole('Seconds between evaluations; 0: only when a property arrives that `expr` reads.', 0, 86_400, { default: 60 }),
  onUpdateCheck: Type.Optional(flag('Evaluate also when a property arrives that `expr` reads.')),
  on_update_check: Type.Optional(flag('The same, by the name that it had in the first virtdom.')),
  quietSeconds: whole('Once it has fired, it does not fire again for so many seconds.', 0, 2_592_000, { default: 300 }),
  paused: yesNo('Whether it is not evaluated.', false),
});

export type EnvironmentDocument = Static<typeof environmentSchema>;
export type RoleDocument = Static<typeof roleSchema>;
export type TriggerDocument = Static<typeof triggerSchema>;
export type StorageDocument = EnvironmentDocument['storage'][number];

function isCardMac(value: string): boolean {
  const mac = parseMac(value);
  return value === 'derived' || (mac !== undefined && Number.parseInt(mac.slice(0, 2), 16) % 2 === 0 && mac !== '00:00:00:00:00:00');
}

function isDiskPath(value: string): boolean {
  return /^(?:\/[^\s"'\\,{}[\]/]+)+$/.test(value) && value.length <= 512 && !value.split('/').includes('..');
}
