import type { Static } from 'typebox';
import { subnetFields } from './documents.ts';
import { changed, count, objectName, optional, shape, text } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';

const fieldsExample = {
  name: 'lab',
  cidr: '192.168.0.0/24',
  interface: 'eth1',
  serverAddress: '192.168.0.1',
  mode: 'authoritative',
  pool: '192.168.0.100-192.168.0.199',
  unknown: 'ignore',
};

export const subnetSchema = shape(
  'A network that virtdom answers on.',
  {
    ...subnetFields,
    leases: optional(count('How many addresses of its pool are given away now.', 37)),
    poolSize: optional(count('How many addresses its pool has.', 100)),
    unserved: optional(
      text(
        'Why this server does not answer on it now; it does when its interface and address are there.',
        'eth1 has no address in 192.168.0.0/24',
      ),
    ),
    ...changed,
  },
  { ...fieldsExample, leases: 37, poolSize: 100, revision: 2, updatedAt: '2026-02-14T10:00:00.000Z', updatedBy: 'anna' },
);
export type SubnetResource = Static<typeof subnetSchema>;
export const subnetPageSchema = pageOf('subnets', subnetSchema);
export const subnetQuerySchema = shape('Which subnets.', {
  ...pageQuery,
  ...totalQuery,
  mode: optional(objectName('Of this mode.', 'authoritative')),
  q: optional(text('A text that the name, the network or the interface holds.', '192.168')),
  sort: optional(text('name or updatedAt, falling with a dash before it.', 'name')),
});

/** For POST and PUT: the whole subnet as a person writes it. */
export const subnetWriteSchema = shape('A subnet as a whole. What is left out has its default.', subnetFields, fieldsExample);
