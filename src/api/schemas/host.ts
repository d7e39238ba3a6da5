import type { Static } from 'typebox';
import { count, listOf, objectName, oneOf, optional, shape, standing, text, time } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';
import { notes, vmName, vmSchema, vmStates } from './vm.ts';

export const hostStates = ['new', 'joining', 'online', 'suspect', 'fencing', 'fenced'] as const;
export const hostDuties = ['active', 'draining', 'maintenance'] as const;

const host = {
  name: objectName('The machine.', 'post01'),
  ...standing('Where it stands.', hostStates),
  duty: oneOf('Whether VMs may start on it; `maintenance` once the last has left.', hostDuties),
  boot: optional(count('The number of its newest boot, counted over all machines.', 17)),
  session: count('The agreement with its agent that it is ruled by now.', 42),
  role: optional(objectName('What it may host.', 'farm')),
  roleReason: text('Why it has this role, or none.', 'its machine document names it', 4096),
  capacity: optional(
    shape('What the hypervisor has for VMs.', {
      memoryMib: count('In all.', 3584),
      freeMib: count('Free now.', 2048),
      cpus: count('Processors.', 4),
    }),
  ),
  bridges: listOf('Bridges that are up.', text('A bridge.', 'xenbr0', 64)),
  images: listOf('Images that it has fetched for VMs that run there or may.', text('A version of an image.', 'worker@3', 200)),
  heardAt: optional(time('When its agent was heard last.')),
  vms: listOf(
    'VMs that it has a claim of.',
    shape('A VM.', {
      name: vmName('Which.'),
      environment: objectName('Its kind.', 'worker'),
      state: oneOf('Where it stands.', vmStates),
      memoryMib: count('Its memory.', 512),
      stays: optional(
        text('Why it does not leave a host that is being emptied.', 'its environment worker is paused: unpause it, or stop the VM', 4096),
      ),
    }),
  ),
};
const example = {
  name: 'post01',
  state: 'online',
  reason: 'its agent answers',
  since: '2026-03-01T09:30:00.000Z',
  duty: 'active',
  boot: 17,
  session: 42,
  role: 'farm',
  roleReason: 'its machine document names it',
  capacity: { memoryMib: 3584, freeMib: 2048, cpus: 4 },
  bridges: ['xenbr0'],
  images: ['worker@3'],
  heardAt: '2026-03-01T09:41:00.000Z',
  vms: [{ name: 'worker-17', environment: 'worker', state: 'running', memoryMib: 512 }],
};

export const hostSchema = shape('A Dom0: a machine that booted, with its agent and its VMs.', { ...host, notes }, example);
export type HostResource = Static<typeof hostSchema>;
export const hostPageSchema = pageOf('hosts', hostSchema);
export const hostQuerySchema = shape('Which hosts.', {
  ...pageQuery,
  ...totalQuery,
  state: optional(text('One state, or several with commas between.', 'suspect,fencing')),
  duty: optional(oneOf('Of this duty.', hostDuties)),
  role: optional(objectName('Of this role.', 'farm')),
  label: optional(
    text('Whose machine has this label: `rack=a3`, or `rack` for any value; several with commas between: all must fit.', 'rack=a3'),
  ),
  q: optional(text('A text that the name, the role or the reason holds.', 'post')),
  sort: optional(text('name, state, role, since, heardAt or freeMib, falling with a dash before it.', 'name')),
});

export const hostDetailSchema = shape(
  'A Dom0 with its newest boot.',
  {
    ...host,
    booted: optional(
      shape('Its newest boot that said hello with its boot token.', {
        boot: count('Its number.', 17),
        attempt: text('Which, in /boots.', 'b-01J8ZC', 200),
        address: optional(text('From where.', '192.168.0.11', 64)),
        at: time('When.'),
      }),
    ),
    notes,
  },
  { ...example, booted: { boot: 17, attempt: 'b-01J8ZC', address: '192.168.0.11', at: '2026-03-01T09:29:00.000Z' } },
);
export type HostDetail = Static<typeof hostDetailSchema>;

export const confirmDeadSchema = shape(
  'The word of a person who knows that the host is off.',
  { hostname: objectName('The name of the host once more, typed by the person.', 'post01') },
  { hostname: 'post01' },
);
export const confirmedDeadSchema = shape(
  'What follows from an operator’s word that a host is off.',
  {
    host: objectName('Which host.', 'post01'),
    vms: listOf('VMs that may start elsewhere now.', vmSchema),
    notes,
  },
  { host: 'post01', vms: [], notes: ['gateway-1 starts on post02'] },
);
export type ConfirmedDead = Static<typeof confirmedDeadSchema>;

export const setRoleSchema = shape(
  'Which role it is to have until its next boot; without one it gets the one that its machine, labels and rules give it.',
  { role: optional(objectName('The role.', 'farm')) },
  { role: 'farm' },
);
