import { Type } from 'typebox';
import type { Static } from 'typebox';
import { machineStates } from '../../machines/machine-view.ts';
import { machineFields } from './documents.ts';
import { changed, count, listOf, objectName, oneOf, optional, shape, standing, text, time, yes } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';

export const oneShotSchema = shape('A boot by another profile, asked for once.', {
  id: text('Its number.', '01J8ZC'),
  profile: objectName('What the next boot gets.', 'installer'),
  requestedAt: time('When it was asked for.'),
  requestedBy: text('Who asked.', 'anna'),
});

const machineExample = {
  name: 'post01',
  nics: [{ mac: '52:54:00:00:00:01', address: '192.168.0.11' }],
  profile: 'dom0',
  role: 'worker',
  labels: { rack: 'a3' },
  parameters: {},
  known: true,
  state: 'up',
  reason: 'said hello 00:48 after its first packet',
  since: '2026-03-01T09:30:00.000Z',
  subnet: 'lab',
  address: '192.168.0.11',
  lastBootAt: '2026-03-01T09:29:12.000Z',
  lastBoot: 'b-01J8ZC',
  image: 'dom0@3',
  revision: 4,
  createdAt: '2026-02-01T08:00:00.000Z',
  updatedAt: '2026-02-14T10:00:00.000Z',
  updatedBy: 'anna',
};

/** A machine, or (`known: false`) a client that asked to boot and waits to be enrolled. */
export const machineSchema = shape(
  'A computer that boots from us, or one that asked to and is nobody yet (`known: false`, state `pending`).',
  {
    ...machineFields,
    known: yes('Whether it is a machine of ours; false for a client that is not enrolled.'),
    ...standing('Where it stands.', machineStates),
    subnet: optional(objectName('The subnet that it was seen on last.', 'lab')),
    address: optional(text('The address that it has now.', '192.168.0.11')),
    arch: optional(text('What its firmware said of itself.', 'uefi-x64')),
    lastBoot: optional(text('The newest boot, in /boots.', 'b-01J8ZC')),
    lastBootAt: optional(time('When that boot began.')),
    lastStage: optional(text('The farthest stage that it reached.', 'hello')),
    bootedProfile: optional(objectName('The profile of that boot.', 'dom0')),
    image: optional(text('The image of that boot.', 'dom0@3')),
    oneShot: optional(oneShotSchema),
    firstSeenAt: optional(time('Of a client that is not enrolled: when it first asked.')),
    lastSeenAt: optional(time('When we last heard of it.')),
    timesSeen: optional(count('Of a client that is not enrolled: its power-ons.', 2)),
    ...changed,
  },
  machineExample,
);
export type MachineResource = Static<typeof machineSchema>;

export const machinePageSchema = pageOf('machines', machineSchema);

const labelSelectors = listOf('Labels that it must have: `rack=a3`, or `rack` for any value.', text('A label.', 'rack=a3'), 32);

export const machineQuerySchema = shape('Which machines.', {
  ...pageQuery,
  ...totalQuery,
  state: optional(text('One state, or several with commas between.', 'stuck,failed')),
  profile: optional(objectName('Assigned to this profile.', 'dom0')),
  role: optional(text('Of this role.', 'worker')),
  subnet: optional(objectName('Seen on this subnet.', 'lab')),
  label: optional(text('`rack=a3`, or `rack` for any value; several with commas between: all must fit.', 'rack=a3')),
  q: optional(text('A text that the name, a MAC, an address, the UUID, the role or a label holds.', 'post0')),
  sort: optional(text('A field, falling with a dash before it: name, state, since, lastBootAt.', '-lastBootAt')),
});

const { name: _name, ...changeable } = machineFields;

/** A new machine. */
export const machineCreateSchema = shape('A machine to add.', machineFields, {
  name: 'post01',
  nics: [{ mac: '52:54:00:00:00:01' }],
  profile: 'dom0',
});
export type MachineCreate = Static<typeof machineCreateSchema>;

/** A merge patch (RFC 7396): null removes a field. */
export const machinePatchSchema = shape(
  'Changes of a machine: a merge patch (RFC 7396), where null removes a field. `name` renames it.',
  {
    name: optional(objectName('Its new name.', 'post02')),
    nics: optional(changeable.nics),
    uuid: optional(orNull(changeable.uuid)),
    profile: optional(orNull(changeable.profile)),
    role: optional(Type.Unsafe<string | null>(Type.Union([text('What it may host.', 'worker'), Type.Null()]))),
    ignored: optional(Type.Unsafe<boolean | null>(Type.Union([Type.Boolean({ description: 'Never answered.' }), Type.Null()]))),
    labels: optional(
      Type.Unsafe<Readonly<Record<string, string | null>> | null>(
        Type.Union([Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()])), Type.Null()], {
          description: 'Free names and values.',
          examples: [{ rack: 'a4' }],
        }),
      ),
    ),
    parameters: optional(
      Type.Unsafe<Readonly<Record<string, unknown>> | null>(
        Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()], {
          description: 'Values that templates use.',
          examples: [{ serial: 'ttyS0' }],
        }),
      ),
    ),
  },
  { profile: 'dom0', labels: { rack: 'a4' } },
);
export type MachinePatch = Static<typeof machinePatchSchema>;

/** Which machines a bulk action is for: one of the four. */
export const selectionSchema = shape(
  'Which machines: exactly one of the four.',
  {
    names: optional(listOf('Names.', objectName('A machine.', 'post01'), 10_000)),
    hostlist: optional(text('Names in ranges.', 'post[01-20],gw1', 4096)),
    labels: optional(labelSelectors),
    all: optional(Type.Literal(true, { description: 'All machines; clients that are not enrolled are not among them.' })),
  },
  { hostlist: 'post[01-20]' },
  { minProperties: 1, maxProperties: 1 },
);
export type Selection = Static<typeof selectionSchema>;

const assignFields = {
  profile: optional(objectName('What it boots from now on.', 'dom0')),
  role: optional(text('What it may host once it runs.', 'worker')),
  labels: optional(Type.Record(Type.String(), Type.String(), { description: 'Labels to add or replace.', examples: [{ rack: 'a3' }] })),
};

export const assignSchema = shape(
  'What a machine is to be. A client that waits is enrolled by it, under `name` where that is given.',
  { ...assignFields, name: optional(objectName('For a client that is not enrolled: its name.', 'post01')) },
  { profile: 'dom0', role: 'worker' },
);
export type Assignment = Static<typeof assignSchema>;

export const bootOnceSchema = shape(
  'The next boot.',
  { profile: objectName('What it gets, once.', 'installer') },
  { profile: 'installer' },
);

export const ignoreSchema = shape(
  'Whether to answer it.',
  { ignored: optional(Type.Boolean({ default: true, description: 'false answers it again.', examples: [true] })) },
  { ignored: true },
);

const bulk = {
  select: selectionSchema,
  atomic: optional(Type.Boolean({ description: 'All or nothing: one that cannot be done undoes the others.', examples: [true] })),
};
export const bulkAssignSchema = shape(
  'Many machines, one assignment.',
  { ...bulk, ...assignFields },
  { select: { hostlist: 'post[01-20]' }, profile: 'dom0' },
);
export const bulkSchema = shape('Many machines.', bulk, { select: { labels: ['rack=a3'] } });
export const bulkIgnoreSchema = shape(
  'Many machines.',
  { ...bulk, ...ignoreSchema.properties },
  { select: { names: ['post01'] }, ignored: true },
);
export const bulkBootSchema = shape(
  'Many machines, one boot each.',
  { ...bulk, ...bootOnceSchema.properties },
  { select: { names: ['post01'] }, profile: 'installer' },
);
export type BulkAssign = Static<typeof bulkAssignSchema>;
export type Bulk = Static<typeof bulkSchema>;
export type BulkIgnore = Static<typeof bulkIgnoreSchema>;
export type BulkBoot = Static<typeof bulkBootSchema>;

export const machineFilesSchema = shape(
  'The files that this machine would be served if it booted now, or the text of one.',
  {
    machine: objectName('Of whom.', 'post01'),
    profile: optional(objectName('By which profile.', 'dom0')),
    reason: text('Why this and no other boot.', 'profile dom0 of the machine', 4096),
    files: listOf(
      'What is rendered for it; with `path`, that file alone.',
      shape('A file in the boot tree.', {
        path: text('Where clients find it.', '/grub/post01.conf'),
        kind: oneOf('Made for this machine, or the same for all.', ['rendered', 'static']),
        template: optional(text('What it is rendered from.', 'menu.lst')),
        bytes: optional(count('Its length.', 512)),
        text: optional(
          Type.String({
            description: 'Its text, where it is rendered and `path` asked for it. The boot token is not shown.',
            examples: ['default 0\n'],
          }),
        ),
        problem: optional(text('Why it cannot be rendered.', 'menu.lst.hbs:12: machine.serial is missing', 8192)),
      }),
    ),
  },
  {
    machine: 'post01',
    profile: 'dom0',
    reason: 'profile dom0 of the machine',
    files: [{ path: '/grub/post01.conf', kind: 'rendered', template: 'menu.lst', bytes: 512 }],
  },
);
export type MachineFiles = Static<typeof machineFilesSchema>;

const origins = ['machine', 'profile', 'subnet', 'default', 'image', 'one-shot', 'lease', 'last-boot'] as const;
const origin = {
  value: Type.Unknown({ description: 'The value.', examples: ['ttyS0'] }),
  origin: oneOf('Where it was set.', origins),
  object: optional(text('On which object, or who asked.', 'profile/dom0')),
};
export const explanationSchema = shape(
  'What a machine would boot now and why: every value with its origin.',
  {
    machine: objectName('Of whom.', 'post01'),
    known: yes('Whether it is a machine of ours.'),
    decision: shape('What it would get if it were switched on now.', {
      kind: oneOf('In a word; `undecided` where there is no subnet to decide for.', [
        'boot',
        'wait',
        'local',
        'lease',
        'ignore',
        'undecided',
      ]),
      reason: text('Why.', 'profile dom0 of the machine', 4096),
    }),
    running: optional(
      shape('A boot that goes on: it keeps what it began with.', {
        boot: text('Which, in /boots.', 'b-01J8ZC'),
        profile: objectName('By which profile.', 'dom0'),
        image: optional(text('Into which image.', 'dom0@3')),
      }),
    ),
    values: listOf(
      'What it rests on.',
      shape('A value.', {
        name: text('Which.', 'parameters.serial'),
        ...origin,
        note: optional(text('What else is to be known.', 'the newest version that is published', 4096)),
        shadowed: listOf('What would count if this value were not there, the next first.', shape('A value that is hidden.', origin)),
      }),
    ),
  },
  {
    machine: 'post01',
    known: true,
    decision: { kind: 'boot', reason: 'profile dom0 of the machine' },
    values: [{ name: 'profile', value: 'dom0', origin: 'machine', object: 'machine/post01', shadowed: [] }],
  },
);
export type Explanation = Static<typeof explanationSchema>;

/** Without typebox's own marks, so that an optional field's schema can stand inside another one. */
function orNull(schema: object) {
  return Type.Unsafe<string | null>(Type.Union([Type.Unsafe<unknown>(JSON.parse(JSON.stringify(schema)) as object), Type.Null()]));
}
