import type { Static } from 'typebox';
import { objectName, oneOf, optional, shape, text, time } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';

export const leaseStates = ['bound', 'expired', 'released', 'declined'] as const;

export const leaseSchema = shape(
  'The right of one MAC to one address for a time.',
  {
    address: text('The address.', '192.168.0.11'),
    subnet: objectName('Where.', 'lab'),
    mac: text('Whose.', '52:54:00:00:00:01'),
    machine: optional(objectName('The machine that it is of.', 'post01')),
    hostName: optional(text('What the client calls itself.', 'post01')),
    state: oneOf('Where it stands.', leaseStates),
    reason: text('Why it is in this state, in words.', 'granted for 60 minutes'),
    since: time('When it came into this state.'),
    grantedAt: time('When it was granted or renewed.'),
    expiresAt: time('When it ends.'),
  },
  {
    address: '192.168.0.11',
    subnet: 'lab',
    mac: '52:54:00:00:00:01',
    machine: 'post01',
    state: 'bound',
    reason: 'granted until 10:30',
    since: '2026-03-01T09:30:00.000Z',
    grantedAt: '2026-03-01T09:30:00.000Z',
    expiresAt: '2026-03-01T10:30:00.000Z',
  },
);
export type LeaseResource = Static<typeof leaseSchema>;
export const leasePageSchema = pageOf('leases', leaseSchema);
export const leaseQuerySchema = shape('Which leases.', {
  ...pageQuery,
  ...totalQuery,
  subnet: optional(objectName('Of this subnet.', 'lab')),
  machine: optional(objectName('Of this machine.', 'post01')),
  mac: optional(text('Of this MAC.', '52:54:00:00:00:01')),
  state: optional(text('One state, or several with commas between.', 'bound')),
  q: optional(text('A text that the address, the MAC, the machine or the host name holds.', '192.168.0.1')),
  sort: optional(text('address, expiresAt or grantedAt, falling with a dash before it.', 'address')),
});
