import type { Static } from 'typebox';
import { count, listOf, objectName, optional, shape, text, time, yes } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';

export const imageSchema = shape(
  'A published version of an image.',
  {
    ref: text('Name and version.', 'dom0@3'),
    name: objectName('Its name.', 'dom0'),
    version: count('Its version, from 1.', 3),
    newest: yes('Whether profiles that name no version boot it.'),
    contentId: text('sha256 of its manifest.', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'),
    recipeSha256: text('Of the recipe that made it.', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'),
    builtAt: time('When it was built.'),
    entries: count('Files, folders and links in it.', 18_431),
    writablePaths: listOf('What lives under /flash.', text('A path.', '/var/lib', 4096)),
    bootFiles: listOf(
      'What loaders fetch.',
      shape('A boot file.', {
        name: text('Its name.', 'vmlinuz'),
        bytes: count('Its length.', 8_388_608),
        sha256: text('Of its content.', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'),
      }),
    ),
    profiles: listOf('Profiles that boot it.', objectName('A profile.', 'dom0')),
    machines: listOf('Machines whose newest boot runs on it; at most 100.', objectName('A machine.', 'post01')),
    machineCount: optional(count('How many machines in all.', 40)),
    environments: listOf('Environments of VMs that start it.', objectName('An environment.', 'worker')),
    vms: listOf('VMs that were started from it and may run; at most 100.', text('A VM.', 'worker-17', 64)),
  },
  {
    ref: 'dom0@3',
    name: 'dom0',
    version: 3,
    newest: true,
    contentId: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    recipeSha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    builtAt: '2026-02-14T10:00:00.000Z',
    entries: 18_431,
    writablePaths: ['/var/lib'],
    bootFiles: [{ name: 'vmlinuz', bytes: 8_388_608, sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' }],
    profiles: ['dom0'],
    machines: ['post01'],
    environments: [],
    vms: [],
  },
);
export type ImageResource = Static<typeof imageSchema>;
export const imagePageSchema = pageOf('images', imageSchema);
export const imageQuerySchema = shape('Which images.', {
  ...pageQuery,
  ...totalQuery,
  name: optional(objectName('Versions of this image.', 'dom0')),
  q: optional(text('A text that the name holds.', 'dom')),
});
