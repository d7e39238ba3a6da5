import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { PowerOn } from '../../src/lab/lab-machine.ts';
import { keysOf } from '../../src/lab/machine-monitor.ts';
import { readCapture } from './capture.ts';
import { LabRun, machineDocument, profile, subnet } from './lab-run.ts';

const mac = '52:54:00:00:00:01';
const mac02 = '52:54:00:00:00:02';
const mac03 = '52:54:00:00:00:03';
/** "farm" */
const password = '$1$abcd1234$0O3BJtsqKt/qaiOThjENB/';
const secondServer = '192.168.0.6';
const countdown = /executed automatically in \d+s\./;

const farm = {
  loaders: { bios: 'pxegrub', ipxe: 'pxegrub' },
  menuByOption150: true,
  menus: [
    { path: '/grub/{name}.conf', template: 'menu.lst' },
    { path: '/second/{name}.conf', template: 'menu.lst' },
  ],
  image: 'dom0',
};

let run: LabRun;
let power: PowerOn;

beforeAll(async () => {
  run = await LabRun.start({
    name: 'pxegrub',
    capture: true,
    // The second server is a second address: what is asked of it, the capture shows.
    addresses: ['192.168.0.5/24', `${secondServer}/24`],
    documents: [
      subnet,
      profile('farm', {
        ...farm,
        // The menu waits for a person, and the server shall say so.
        stageSeconds: { kernel: 3 },
        parameters: {
          menuTimeout: 60,
          menuOnSerial: true,
          menuPasswordMd5: password,
          chainTitle: 'The other server',
          chainServer: secondServer,
          chainMenu: '/second/post01.conf',
        },
      }),
      machineDocument('post01', [{ mac, address: '192.168.0.11' }], 'farm'),
      profile('unattended', {
        ...farm,
        // A second title: GRUB treats the last one differently.
        parameters: { menuTimeout: 2, menuPasswordMd5: password, chainServer: secondServer },
      }),
      profile('plain', {
        ...farm,
        parameters: {
          menuTimeout: 60,
          menuOnSerial: true,
          menuPassword: 'farm',
          chainServer: secondServer,
          chainMenu: '/second/post03.conf',
        },
      }),
      machineDocument('post03', [{ mac: mac03, address: '192.168.0.13' }], 'plain'),
      machineDocument('post02', [{ mac: mac02, address: '192.168.0.12' }], 'unattended'),
    ],
    machines: [
      { name: 'post01', nics: [{ mac }], memoryMib: 512 },
      { name: 'post02', nics: [{ mac: mac02 }], memoryMib: 512 },
      { name: 'post03', nics: [{ mac: mac03 }], memoryMib: 512 },
    ],
  });
  power = run.powerOn('post01');
  await power.console.waitFor(countdown, 120_000);
});
afterAll(() => run?.close());

/** Types and waits for what GRUB shows from then on. */
async function type(keys: readonly string[], shows: RegExp): Promise<RegExpExecArray> {
  const from = power.console.text.length;
  await power.monitor.pressKeys(keys);
  const shown = await power.console.waitFor(shows, 60_000, from);
  // Keys pressed while GRUB draws are lost.
  await setTimeout(1000);
  return shown;
}

/** The files that were asked for over TFTP, with the server that each was asked of. */
function requests(): string[] {
  const packets = readCapture(run.captureFile, 'tftp.opcode == 1', ['tftp.source_file', 'ip.dst']);
  return packets.map(({ fields: [file, server] }) => `${file} of ${server}`);
}

/** The requests, as soon as the capture has so many: tcpdump writes behind the packets, on a busy machine by seconds. */
async function requestsFrom(count: number): Promise<string[]> {
  await vi.waitUntil(() => requests().length >= count, { timeout: 20_000, interval: 500 });
  return requests();
}

it('takes the name of its menu from option 150 and asks for nothing else on the way', async () => {
  expect(await requestsFrom(2)).toEqual(['pxegrub of 192.168.0.5', '/grub/post01.conf of 192.168.0.5']);
  expect(power.console.text).toContain('The other server');
});

it('is at its menu 15 seconds after power-on at the latest: the router advertisement ends the wait of the ROM', () => {
  const line = power.console.lines.find(({ text }) => text.includes('GNU GRUB'));
  expect(line?.atMs).toBeLessThan(15_000);
});

it('says where a boot hangs: last stage, last packet, the next one expected', async () => {
  const stuck = await run.event('stuck', () => true, { seconds: 30, machine: 'post01', what: 'the boot counts as stuck' });
  expect(stuck).toMatchObject({ lastStage: 'menu', expectedStage: 'kernel', waitedSeconds: 3 });
  expect(stuck.lastPacket).toMatch(/^TFTP \/grub\/post01\.conf finished \(\d+ bytes\)$/);
  expect(stuck.expectedPacket).toMatch(/^the whole of \/images\/dom0@\d+\/vmlinuz/);
});

it('keeps the editor for who has the password', async () => {
  await expect(type(['down', 'e'], /Enter username:/)).resolves.toBeDefined();
  await expect(type(['esc'], /access denied[^]*The other server/)).resolves.toBeDefined();
});

it('keeps a locked title for who has the password', async () => {
  await type(['down', 'ret'], /Enter username:/);
  await type(keysOf('legacy\r'), /Enter password:/);
  await expect(type(keysOf('wrong\r'), /access denied[^]*Enter username:/)).resolves.toBeDefined();
});

it('chains to the menu of the second server by lock, dhcp, tftpserver, root (nd), configfile', async () => {
  await type(keysOf('legacy\r'), /Enter password:/);
  const before = requests();
  await type(keysOf('farm\r'), countdown);
  expect(await requestsFrom(before.length + 1)).toEqual([...before, `/second/post01.conf of ${secondServer}`]);
});

it('boots an open default title by itself, though the menu has a password', async () => {
  await run.machine('post01').powerOff();
  run.powerOn('post02');
  const kernel = await run.event('stage', ({ stage }) => stage === 'kernel', {
    seconds: 120,
    machine: 'post02',
    what: 'the kernel is fetched',
  });
  expect(kernel.file).toMatch(/^\/images\/dom0@\d+\/vmlinuz$/);
});

it('asks for a password that stands in the menu in clear as well', async () => {
  await run.machine('post02').powerOff();
  power = run.powerOn('post03');
  await power.console.waitFor(countdown, 120_000);
  await type(['down', 'ret'], /Enter username:/);
  await type(keysOf('legacy\r'), /Enter password:/);
  await type(keysOf('wrong\r'), /access denied[^]*Enter username:/);
  await type(keysOf('legacy\r'), /Enter password:/);
  await type(keysOf('farm\r'), countdown);
  await vi.waitUntil(() => requests().includes(`/second/post03.conf of ${secondServer}`), { timeout: 20_000, interval: 500 });
  expect(requests().at(-1)).toBe(`/second/post03.conf of ${secondServer}`);
});
