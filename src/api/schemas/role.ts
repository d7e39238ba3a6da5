import type { Static } from 'typebox';
import { roleFields } from './documents.ts';
import { changed, count, listOf, objectName, optional, shape, text } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';

const fieldsExample = {
  name: 'farm',
  environments: ['worker', 'gateway'],
  networks: [{ bridge: 'br12', vlan: 12 }],
  match: { labels: { rack: 'a3' } },
  properties: [{ name: 'flash_free', command: 'disk', parameters: '/flash free', return_type: 'int', ticks: 60, timeout: 10 }],
};

export const roleSchema = shape(
  'What a Dom0 may host.',
  {
    ...roleFields,
    machines: count('How many machine documents name it.', 3),
    hosts: optional(listOf('Hosts that have it now.', objectName('A host.', 'post01'))),
    ...changed,
  },
  { ...fieldsExample, machines: 3, hosts: ['post01'], revision: 4, updatedAt: '2026-02-14T10:00:00.000Z', updatedBy: 'anna' },
);
export type RoleResource = Static<typeof roleSchema>;
export const rolePageSchema = pageOf('roles', roleSchema);
export const roleQuerySchema = shape('Which roles.', {
  ...pageQuery,
  ...totalQuery,
  q: optional(text('A text that the name or an environment of it holds.', 'farm')),
  sort: optional(text('name, updatedAt or priority, falling with a dash before it.', 'name')),
});

/** For POST and PUT: the whole role as a person writes it. */
export const roleWriteSchema = shape('A role as a whole. What is left out has its default.', roleFields, fieldsExample);
