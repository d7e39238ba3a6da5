import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, listOf, objectName, oneOf, optional, shape, standing, text, time } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';

export const vmStates = ['stopped', 'waiting', 'starting', 'running', 'stopping', 'migrating', 'lost', 'recovering', 'error'] as const;
export const instanceKinds = ['at-most-one', 'at-least-one'] as const;

export const vmName = (description: string) => text(description, 'worker-17', 64);

/** What follows from what was asked, in words. */
export const notes = optional(
  listOf('What follows from what was asked: only in the answer to it.', text('A sentence.', 'it stops within 60 s', 4096)),
);

const claimSchema = shape('The right of one host to run it.', {
  host: objectName('Whose.', 'post01'),
  boot: count('The boot of the host that it was given to.', 17),
  session: count('The agent session in which the start was sent.', 42),
  seq: count('Counts the claims of this VM: the higher is the newer.', 3),
  takenAt: time('When.'),
  command: optional(text('The command that starts it, in /commands.', 'c-01J8ZC', 64)),
});

const cardSchema = shape('A network card.', {
  mac: text('Its MAC address.', '52:54:00:3a:00:11', 64),
  bridge: text('The bridge on the host that it joins.', 'xenbr0', 64),
  vlan: optional(count('The VLAN that the bridge stands on.', 12)),
  address: text('`dhcp`, `none`, or an address with its prefix.', '10.12.0.17/24', 64),
  gateway: optional(text('Its default gateway.', '10.12.0.1', 64)),
});

const example = {
  name: 'worker-17',
  environment: 'worker',
  instances: 'at-least-one',
  uuid: '5f0c1d0e-3b1e-4f5e-9d0e-0c1d2e3f4a5b',
  state: 'running',
  reason: 'its domain runs on post01, and it said that it is ready',
  since: '2026-03-01T09:30:00.000Z',
  host: 'post01',
  claims: [{ host: 'post01', boot: 17, session: 42, seq: 3, takenAt: '2026-03-01T09:29:50.000Z', command: 'c-01J8ZC' }],
  image: 'worker@3',
  memoryMib: 512,
  vcpus: 1,
  cards: [{ mac: '52:54:00:3a:00:11', bridge: 'xenbr0', address: 'dhcp' }],
  failures: [],
  runningAt: '2026-03-01T09:30:00.000Z',
  ready: { at: '2026-03-01T09:30:08.000Z', address: '192.168.0.117' },
};

export const vmSchema = shape(
  'A virtual machine: a DomU.',
  {
    name: vmName('Its name, and that of its domain.'),
    environment: objectName('Its kind.', 'worker'),
    instances: oneOf('How many copies of it may exist.', instanceKinds),
    uuid: text('Of its domain.', '5f0c1d0e-3b1e-4f5e-9d0e-0c1d2e3f4a5b', 64),
    ...standing('Where it stands.', vmStates),
    host: optional(objectName('Where it is, or was when it was last heard of: whose the oldest claim is.', 'post01')),
    claims: listOf(
      'Who may run it. More than one only while it migrates, or while an earlier one is not proved to have ended.',
      claimSchema,
    ),
    image: optional(text('Of its last start.', 'worker@3', 128)),
    memoryMib: count('Its memory.', 512),
    vcpus: count('Its processors.', 1),
    cards: listOf('Its network cards, eth0 first.', cardSchema),
    failures: listOf(
      'Starts that failed since the last that went well.',
      shape('A start that failed.', {
        host: objectName('Where.', 'post01'),
        at: time('When.'),
        reason: text('Why.', 'xl create: not enough free memory', 4096),
      }),
    ),
    runningAt: optional(time('When its domain was first seen to run.')),
    ready: optional(
      shape('What it said when it was ready.', {
        at: time('When.'),
        address: optional(text('Its address.', '192.168.0.117', 64)),
      }),
    ),
    notes,
  },
  example,
);
export type VmResource = Static<typeof vmSchema>;
export const vmPageSchema = pageOf('VMs', vmSchema);
export const vmQuerySchema = shape('Which VMs.', {
  ...pageQuery,
  ...totalQuery,
  host: optional(objectName('With a claim of this host.', 'post01')),
  environment: optional(objectName('Of this environment.', 'worker')),
  state: optional(text('One state, or several with commas between.', 'lost,error')),
  q: optional(text('A text that the name, the environment, the host, the reason or an address holds.', 'worker')),
  sort: optional(text('name, environment, host, state or since, falling with a dash before it.', 'name')),
});

export const verdicts = ['chosen', 'refused', 'worse', 'note'] as const;
export const reasonSchema = shape(
  'A sentence about a host or a VM that a decision looked at.',
  {
    about: text('About whom.', 'post02'),
    verdict: oneOf('What was made of it.', verdicts),
    reason: text('Why.', 'has 211 MiB free, 512 are needed', 4096),
  },
  { about: 'post02', verdict: 'refused', reason: 'has 211 MiB free, 512 are needed' },
);
export type ReasonResource = Static<typeof reasonSchema>;

export const vmExplanationSchema = shape(
  'Why a VM is where it is, or nowhere.',
  {
    name: vmName('Which.'),
    ...standing('Where it stands.', vmStates),
    host: optional(objectName('Where it is.', 'post01')),
    reasons: listOf('Host by host, and what it waits for: which proofs would let it move.', reasonSchema),
  },
  {
    name: 'gateway-1',
    state: 'lost',
    reason: 'post01 is silent since 40 s',
    since: '2026-03-01T09:30:00.000Z',
    host: 'post01',
    reasons: [
      { about: 'post01', verdict: 'note', reason: 'power read back as off, a newer boot, or an operator’s word would let it move' },
    ],
  },
);
export type VmExplanation = Static<typeof vmExplanationSchema>;

export const maxConsoleBytes = 64 * 1024;
export const consoleQuerySchema = shape('How much.', {
  bytes: optional(
    Type.Integer({ minimum: 1, maximum: maxConsoleBytes, default: 8192, description: 'So much of its end.', examples: [8192] }),
  ),
});
export const vmConsoleSchema = shape(
  'The end of what a VM wrote on its console.',
  {
    name: vmName('Which.'),
    text: Type.String({ description: 'As it was written, control characters and all.', examples: ['worker-17 login: '] }),
  },
  { name: 'worker-17', text: 'worker-17 login: ' },
);
export type VmConsole = Static<typeof vmConsoleSchema>;

export const migrateSchema = shape('Where to.', { host: objectName('The host.', 'post02') }, { host: 'post02' });
