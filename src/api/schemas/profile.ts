import type { Static } from 'typebox';
import { profileFields } from './documents.ts';
import { changed, count, optional, shape, text } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';

const fieldsExample = {
  name: 'dom0',
  loaders: { bios: 'pxegrub' },
  menus: [{ path: '/grub/{name}.conf', template: 'menu.lst' }],
  menuByOption150: true,
  image: 'dom0',
};

export const profileSchema = shape(
  'A kind of boot.',
  { ...profileFields, machines: count('How many machines are assigned to it.', 40), ...changed },
  { ...fieldsExample, machines: 40, revision: 4, updatedAt: '2026-02-14T10:00:00.000Z', updatedBy: 'anna' },
);
export type ProfileResource = Static<typeof profileSchema>;
export const profilePageSchema = pageOf('profiles', profileSchema);
export const profileQuerySchema = shape('Which profiles.', {
  ...pageQuery,
  ...totalQuery,
  q: optional(text('A text that the name or the image holds.', 'dom')),
  sort: optional(text('name or updatedAt, falling with a dash before it.', 'name')),
});

/** For POST and PUT: the whole profile as a person writes it. */
export const profileWriteSchema = shape('A profile as a whole. What is left out has its default.', profileFields, fieldsExample);
