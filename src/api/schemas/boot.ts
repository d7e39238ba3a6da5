import { Type } from 'typebox';
import type { Static } from 'typebox';
import { bootStages } from '../../model/boot-profile.ts';
import { eventSchema } from './event.ts';
import { count, listOf, objectName, oneOf, optional, shape, standing, text, time, yes } from './fields.ts';
import { pageOf, pageQuery } from './page.ts';

export const bootStates = ['booting', 'waiting', 'stuck', 'up', 'local', 'handed-over', 'failed'] as const;

const seconds = (description: string) => Type.Number({ minimum: 0, description, examples: [1.25] });

const stageSchema = shape('A stage of a boot.', {
  stage: oneOf('Which.', bootStages),
  at: time('When it was first reached.'),
  protocol: oneOf('By what.', ['dhcp', 'tftp', 'http', 'nfs']),
  file: optional(text('Which file.', '/pxegrub', 4096)),
  bytes: optional(count('How many.', 65_536)),
  address: optional(text('Which address.', '192.168.0.11')),
  seconds: seconds('Since the stage before.'),
  usualSeconds: optional(seconds('What this machine with this profile usually takes: the median of its last boots.')),
  stuckAfterSeconds: optional(seconds('When it would have counted as stuck.')),
});

const stuckSchema = shape('Where a boot hangs.', {
  lastStage: oneOf('The farthest stage reached.', bootStages),
  lastPacket: text('The last packet that we saw of it.', 'RRQ /pxegrub finished, 123456 bytes', 4096),
  expectedStage: oneOf('The next one.', bootStages),
  expectedPacket: text('What we wait for.', 'the whole of /grub/post01.conf by TFTP or HTTP', 4096),
  waitedSeconds: seconds('How long.'),
  causes: listOf('Why it usually hangs there, likeliest first.', text('A cause.', 'UDP port 69 is blocked', 4096)),
});

const boot = {
  id: text('Its number.', 'b-01J8ZC'),
  machine: objectName('Who.', 'post01'),
  mac: text('Of the NIC that boots.', '52:54:00:00:00:01'),
  subnet: objectName('Where.', 'lab'),
  profile: objectName('By which profile.', 'dom0'),
  image: optional(text('Into which image.', 'dom0@3')),
  oneShot: yes('Whether it is a boot that was asked for once.'),
  ...standing('Where it stands.', bootStates),
  openedAt: time('Its first packet.'),
  lastSeenAt: time('Its last packet.'),
  lastPacket: text('That packet in words.', 'RRQ /pxegrub finished, 123456 bytes', 4096),
  lastStage: oneOf('The farthest stage reached.', bootStages),
  seconds: seconds('From the first packet until it was up, or until now.'),
  usualSeconds: optional(seconds('What it usually takes until it is up.')),
  addresses: listOf('What it was given.', text('An address.', '192.168.0.11')),
};
const example = {
  id: 'b-01J8ZC',
  machine: 'post01',
  mac: '52:54:00:00:00:01',
  subnet: 'lab',
  profile: 'dom0',
  image: 'dom0@3',
  oneShot: false,
  state: 'up',
  reason: 'said hello 00:48 after its first packet',
  since: '2026-03-01T09:30:00.000Z',
  openedAt: '2026-03-01T09:29:12.000Z',
  lastSeenAt: '2026-03-01T09:30:00.000Z',
  lastPacket: 'hello',
  lastStage: 'hello',
  seconds: 48,
  addresses: ['192.168.0.11'],
};
export const bootSummarySchema = shape('One power-on of one machine.', boot, example);
export type BootSummary = Static<typeof bootSummarySchema>;
export const bootPageSchema = pageOf('boots, newest first', bootSummarySchema);

export const bootSchema = shape(
  'One power-on of one machine, with everything that happened.',
  {
    ...boot,
    stages: listOf('The stages reached, in order.', stageSchema),
    stuck: optional(stuckSchema),
    menus: listOf(
      'What was rendered for it, pinned at its first packet.',
      shape('A menu.', {
        path: text('Where it was served.', '/grub/post01.conf', 4096),
        template: text('What it was rendered from.', 'menu.lst'),
        templateSha256: text('Of the templates.', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'),
        text: Type.String({ description: 'Its text, without the boot token.', examples: ['default 0\n'] }),
        problem: optional(text('Why it could not be rendered.', 'menu.lst.hbs:12: machine.serial is missing', 8192)),
      }),
    ),
    timeline: listOf('What happened, oldest first: files, packets that were ignored and why.', eventSchema),
    timelineCut: yes('Whether there were more events than are shown; /events?attempt= has them all.'),
  },
  {
    ...example,
    stages: [{ stage: 'discover', at: '2026-03-01T09:29:12.000Z', protocol: 'dhcp', seconds: 0 }],
    menus: [],
    timeline: [],
    timelineCut: false,
  },
);
export type BootResource = Static<typeof bootSchema>;

export const bootQuerySchema = shape('Which boots.', {
  ...pageQuery,
  machine: optional(objectName('Of this machine.', 'post01')),
  mac: optional(text('Of this NIC.', '52:54:00:00:00:01')),
  profile: optional(objectName('By this profile.', 'dom0')),
  state: optional(text('One state, or several with commas between.', 'stuck,failed')),
  since: optional(time('Begun not before.')),
  until: optional(time('Begun not after.')),
});
