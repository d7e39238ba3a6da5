import { Type } from 'typebox';
import type { Static } from 'typebox';
import { objectKinds } from '../../machines/object-schemas.ts';
import { anything, count, listOf, objectName, oneOf, optional, shape, text, yes } from './fields.ts';

const documentSchema = anything('An object as `virtdom export` writes it: kind, name and its fields.', {
  kind: 'Machine',
  name: 'post01',
  nics: [{ mac: '52:54:00:00:00:01' }],
  profile: 'dom0',
});

/** As many objects as one request may hold. */
export const maxDocuments = 20_000;

export const applySchema = shape(
  'Objects to be as they are written here.',
  {
    documents: listOf('The objects.', documentSchema, maxDocuments),
    prune: optional(
      Type.Boolean({ description: 'Also delete objects that are not written here, of the kinds that are.', examples: [false] }),
    ),
  },
  { documents: [{ kind: 'Machine', name: 'post01', nics: [{ mac: '52:54:00:00:00:01' }], profile: 'dom0' }] },
);
export type ApplyRequest = Static<typeof applySchema>;

const changeSchema = shape('What becomes of one object.', {
  kind: oneOf('Of what kind.', objectKinds),
  name: objectName('Which.', 'post01'),
  outcome: oneOf('What becomes of it.', ['created', 'changed', 'unchanged', 'deleted']),
  revision: optional(count('Its revision afterwards.', 5)),
  changes: optional(
    listOf(
      'Which fields.',
      shape('A field.', {
        pointer: text('Where (RFC 6901).', '/profile', 4096),
        from: optional(Type.Unknown({ description: 'What was there; absent where nothing was.', examples: ['dom0'] })),
        to: optional(Type.Unknown({ description: 'What comes there; absent where nothing does.', examples: ['installer'] })),
      }),
    ),
  ),
});

export const applyResultSchema = shape(
  'What became of each object. All or nothing is written.',
  {
    dryRun: yes('Whether nothing was written.'),
    created: count('How many are new.', 1),
    changed: count('How many are other than before.', 0),
    unchanged: count('How many were so already.', 4),
    deleted: count('How many are gone.', 0),
    objects: listOf('One by one.', changeSchema),
  },
  {
    dryRun: false,
    created: 1,
    changed: 0,
    unchanged: 0,
    deleted: 0,
    objects: [{ kind: 'Machine', name: 'post01', outcome: 'created', revision: 1 }],
  },
);
export type ApplyResult = Static<typeof applyResultSchema>;

export const diffResultSchema = shape(
  'How the objects written here differ from those that are there.',
  { same: yes('Whether nothing differs.'), objects: listOf('What would become of each object that differs.', changeSchema) },
  {
    same: false,
    objects: [{ kind: 'Machine', name: 'post01', outcome: 'changed', changes: [{ pointer: '/profile', from: 'dom0', to: 'installer' }] }],
  },
);
export type DiffResult = Static<typeof diffResultSchema>;

export const exportQuerySchema = shape('Which objects.', {
  kind: optional(oneOf('Of this kind only.', objectKinds)),
  name: optional(objectName('This one only.', 'post01')),
});
export const exportSchema = shape(
  'Objects as people wrote them.',
  { documents: listOf('Subnets, profiles, environments, roles, machines, triggers, each by name.', documentSchema) },
  { documents: [{ kind: 'Machine', name: 'post01', nics: [{ mac: '52:54:00:00:00:01' }], profile: 'dom0' }] },
);
export type ExportResult = Static<typeof exportSchema>;

export const importFormats = ['csv', 'dnsmasq', 'isc', 'kea'] as const;
export const importSchema = shape(
  'Machines from a file of another system.',
  {
    format: oneOf('Whose file.', importFormats),
    text: Type.String({
      description: 'The file.',
      maxLength: 4 * 1024 * 1024,
      examples: ['host post01 { hardware ethernet 52:54:00:00:00:01; }'],
    }),
    file: optional(text('What messages call it.', 'dhcpd.conf', 4096)),
    profile: optional(objectName('What its machines get that name no profile.', 'dom0')),
    role: optional(text('What its machines get that name no role.', 'worker')),
    update: optional(
      Type.Boolean({ description: 'Also change machines that are there; without it they are left alone.', examples: [false] }),
    ),
  },
  { format: 'isc', text: 'host post01 { hardware ethernet 52:54:00:00:00:01; }', profile: 'dom0' },
);
export type ImportRequest = Static<typeof importSchema>;
export const importResultSchema = shape(
  'What was understood and what was not.',
  {
    ...applyResultSchema.properties,
    notUnderstood: listOf(
      'What was left out, line by line.',
      shape('A line.', {
        line: count('From 1; 0 for the file as a whole.', 12),
        text: optional(text('What stands there.', 'fixed-address host.example;', 4096)),
        detail: text('Why it was left out.', 'the address is a name: write its number', 4096),
      }),
    ),
  },
  {
    dryRun: false,
    created: 1,
    changed: 0,
    unchanged: 0,
    deleted: 0,
    objects: [{ kind: 'Machine', name: 'post01', outcome: 'created', revision: 1 }],
    notUnderstood: [],
  },
);
export type ImportResult = Static<typeof importResultSchema>;
