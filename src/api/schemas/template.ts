import { Type } from 'typebox';
import type { Static } from 'typebox';
import { maxNoteCharacters, maxTemplateBytes } from '../../templates/template-limits.ts';
import { count, listOf, objectName, oneOf, optional, shape, text, time, yes } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';

const body = Type.String({
  description: 'The Handlebars text.',
  maxLength: maxTemplateBytes,
  examples: ['default 0\ntitle {{machine.name}}\n'],
});
const note = text('Why, for those who read the history.', 'serial console on all', maxNoteCharacters);

const draftSchema = shape('Unpublished work: one a template, shared by all who edit it.', {
  text: optional(body),
  basedOn: count('The version that it began from; 0 is the shipped file.', 3),
  author: text('Who changed it last.', 'anna'),
  updatedAt: time('When.'),
});

const summary = {
  name: objectName('What profiles call it.', 'menu.lst'),
  revision: count('Goes up by one with each change of anything here; 0 where only the shipped file is there.', 7),
  published: count('The version that is served; 0 is the shipped file.', 3),
  shipped: yes('Whether a file of this name came with virtdom.'),
  edited: yes('Whether what is served differs from the shipped file.'),
  sha256: text('Of the text that is served.', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'),
  bytes: count('Length of the text that is served; 0 where it is only a draft so far.', 512),
  usedBy: listOf('Profiles that have it in their menus.', objectName('A profile.', 'dom0')),
  draft: optional(draftSchema),
  trial: optional(
    shape('A publish on trial: it goes back by itself unless it is confirmed.', {
      backTo: count('The version that it goes back to; 0 is the shipped file.', 2),
      until: time('When it goes back.'),
    }),
  ),
  updatedAt: optional(time('When anything of it was changed last.')),
  updatedBy: optional(text('Who changed it last.', 'anna')),
};
const example = {
  name: 'menu.lst',
  revision: 7,
  published: 3,
  shipped: true,
  edited: true,
  sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  bytes: 512,
  usedBy: ['dom0'],
  updatedAt: '2026-02-14T10:00:00.000Z',
  updatedBy: 'anna',
};

/** In listings, without texts. */
export const templateSummarySchema = shape('A template.', summary, example);
export const templateSchema = shape(
  'A template with the text that is served, and the draft.',
  { ...summary, text: body },
  { ...example, text: 'default 0\ntitle {{machine.name}}\n' },
);
export type TemplateSummary = Static<typeof templateSummarySchema>;
export type TemplateResource = Static<typeof templateSchema>;
export const templatePageSchema = pageOf('templates', templateSummarySchema);
export const templateQuerySchema = shape('Which templates.', {
  ...pageQuery,
  ...totalQuery,
  q: optional(text('A text that the name holds.', 'menu')),
});

const version = {
  name: objectName('Of which template.', 'menu.lst'),
  version: count('Counts from 1; 0 is the shipped file.', 3),
  sha256: text('Of the text.', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'),
  bytes: count('Length of the text.', 512),
  author: text('Who published it.', 'anna'),
  note,
  createdAt: optional(time('When; absent for the shipped file.')),
  origin: oneOf('How it came about.', ['edit', 'rollback', 'shipped']),
};
const versionExample = {
  name: 'menu.lst',
  version: 3,
  sha256: example.sha256,
  bytes: 512,
  author: 'anna',
  note: 'serial console on all',
  createdAt: '2026-02-14T10:00:00.000Z',
  origin: 'edit',
};
export const templateVersionSummarySchema = shape('A version of a template.', version, versionExample);
export const templateVersionSchema = shape(
  'A version of a template with its text.',
  { ...version, text: body },
  { ...versionExample, text: 'default 0\n' },
);
export type TemplateVersionSummary = Static<typeof templateVersionSummarySchema>;
export type TemplateVersionResource = Static<typeof templateVersionSchema>;
export const templateVersionPageSchema = pageOf('versions, newest first', templateVersionSummarySchema);

export const draftWriteSchema = shape('The draft.', { text: body }, { text: 'default 1\ntitle {{machine.name}}\n' });
export type DraftWrite = Static<typeof draftWriteSchema>;

export const renderSchema = shape(
  'What to render: this text, else the draft, else what is served.',
  { text: optional(body), version: optional(count('This version; 0 is the shipped file.', 2)) },
  { text: 'default 1\n' },
);
export type RenderRequest = Static<typeof renderSchema>;

export const templateProblemSchema = shape('One thing that is wrong with a template, for one machine or for all.', {
  template: text('The file.', 'menu.lst.hbs'),
  line: count('From 1; 0 where it is of no line.', 12),
  machine: optional(objectName('For whom.', 'post01')),
  variable: optional(text('The path or helper that is at fault.', 'machine.serial')),
  message: text('What is wrong.', 'machine.serial is missing', 8192),
});
export type TemplateProblemResource = Static<typeof templateProblemSchema>;

export const renderResultSchema = shape(
  'What a machine would get of it.',
  {
    name: objectName('The template.', 'menu.lst'),
    machine: objectName('For whom.', 'post01'),
    path: optional(text('Where the machine would fetch it.', '/grub/post01.conf')),
    text: optional(Type.String({ description: 'The rendered text; the boot token is not shown.', examples: ['default 0\n'] })),
    files: listOf(
      'Everything that it would get of it: a partial goes into several files.',
      shape('A rendered file.', {
        path: text('Where the machine would fetch it.', '/grub/post01.conf', 4096),
        template: text('What it is rendered from.', 'menu.lst'),
        text: Type.String({ description: 'Its text.', examples: ['default 0\n'] }),
      }),
    ),
    problems: listOf('Why it cannot be rendered.', templateProblemSchema),
  },
  {
    name: 'menu.lst',
    machine: 'post01',
    path: '/grub/post01.conf',
    text: 'default 0\n',
    files: [{ path: '/grub/post01.conf', template: 'menu.lst', text: 'default 0\n' }],
    problems: [],
  },
);
export type RenderResult = Static<typeof renderResultSchema>;

export const checkResultSchema = shape(
  'For how many machines it renders.',
  {
    name: objectName('The template.', 'menu.lst'),
    machines: count('How many machines use it.', 40),
    renders: count('For how many it renders without a problem.', 38),
    summary: text('In words.', 'renders for 38 of 40 machines, 2 problems'),
    problems: listOf('What is wrong; the first of them where there are many.', templateProblemSchema),
    problemsLeftOut: count('How many more there are.', 0),
    broken: listOf('Machines that would lose a file that they get now.', objectName('A machine.', 'post01')),
    grub: optional(text('What GRUB says of the scripts, or why it was not asked.', '2 scripts read', 4096)),
  },
  { name: 'menu.lst', machines: 40, renders: 40, summary: 'renders for 40 of 40 machines', problems: [], problemsLeftOut: 0, broken: [] },
);
export type CheckResult = Static<typeof checkResultSchema>;

export const publishSchema = shape(
  'Publishes the draft.',
  {
    note: optional(note),
    force: optional(Type.Boolean({ description: 'Also where it would break machines.', examples: [false] })),
    trySeconds: optional(
      Type.Integer({ minimum: 10, maximum: 604_800, description: 'Go back after this time unless it is confirmed.', examples: [600] }),
    ),
  },
  { note: 'serial console on all', trySeconds: 600 },
);
export type PublishRequest = Static<typeof publishSchema>;

export const rollbackSchema = shape(
  'Makes the text of an earlier version the newest one.',
  {
    to: optional(count('Which version; without it the one before the one that is served.', 2)),
    note: optional(note),
    force: optional(Type.Boolean({ description: 'Also where it would break machines.', examples: [false] })),
  },
  { to: 2, note: 'the new one hangs on post07' },
);
export type RollbackRequest = Static<typeof rollbackSchema>;

export const restoreSchema = shape(
  'Makes the text of the shipped file the newest version.',
  { note: optional(note), force: optional(Type.Boolean({ description: 'Also where it would break machines.', examples: [false] })) },
  { note: 'back to the shipped one' },
);
export type RestoreRequest = Static<typeof restoreSchema>;

export const publishResultSchema = shape(
  'What is served now.',
  {
    template: templateSchema,
    written: yes('False where the same text was served already, and for a dry run.'),
    check: optional(checkResultSchema),
  },
  { template: { ...example, text: 'default 0\n' }, written: true },
);
export type PublishResult = Static<typeof publishResultSchema>;

export const templateDiffSchema = shape(
  'How two texts of a template differ.',
  {
    name: objectName('The template.', 'menu.lst'),
    from: text('A version, `shipped`, `published` or `draft`.', 'published'),
    to: text('A version, `shipped`, `published` or `draft`.', 'draft'),
    same: yes('Whether they are the same.'),
    diff: Type.String({
      description: 'In unified form; empty where they are the same.',
      examples: ['@@ -1 +1 @@\n-default 0\n+default 1\n'],
    }),
  },
  { name: 'menu.lst', from: 'published', to: 'draft', same: false, diff: '@@ -1 +1 @@\n-default 0\n+default 1\n' },
);
export type TemplateDiff = Static<typeof templateDiffSchema>;

export const templateCheckRequestSchema = shape(
  'What to check: this text, else the draft, else what is served.',
  { text: optional(body) },
  {},
);
