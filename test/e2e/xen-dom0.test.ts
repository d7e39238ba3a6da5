import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { publishTree } from '../../src/images/publish.ts';
import { ImageRepository } from '../../src/images/repository.ts';
import { parseHello } from '../../src/lab/dom0-hello.ts';
import { labProfile } from '../../src/lab/lab-files.ts';
import type { PowerOn } from '../../src/lab/lab-machine.ts';
import type { BootStage } from '../../src/model/boot-profile.ts';
import { formatImageRef, type ImageRef } from '../../src/model/image-manifest.ts';
import { readCapture } from './capture.ts';
import { LabRun, machineDocument, subnet } from './lab-run.ts';

const mac = '52:54:00:00:00:01';
const address = '192.168.0.11';
const server = '192.168.0.5';
/** The clock of the capture is the kernel's at the bridge, ours that of a busy thread behind it. */
const clockToleranceMs = 400;

/** What a person would watch on a console costs seconds under emulation. */
const quickProfile = {
  ...labProfile,
  parameters: {
    ...(labProfile['parameters'] as Record<string, unknown>),
    kernelArguments: 'quiet mitigations=off systemd.show_status=0',
    xenArguments: 'spec-ctrl=no',
  },
};

let run: LabRun;
let power: PowerOn;
let pinned: ImageRef;
let published: ImageRef;

/** A next version that cannot boot: a machine that would take it, ends there. */
async function publishBroken(images: string): Promise<ImageRef> {
  const root = join(run.dir, 'broken-root');
  mkdirSync(root);
  writeFileSync(join(root, 'broken'), 'no root file system\n');
  const junk = join(run.dir, 'junk');
  writeFileSync(junk, 'no kernel\n');
  return publishTree({
    images,
    image: 'dom0',
    root,
    bootFiles: { vmlinuz: junk, 'initrd.gz': junk, 'xen.gz': junk },
    writablePaths: [],
    recipeSha256: '0'.repeat(64),
    builtMs: Date.now(),
  });
}

beforeAll(async () => {
  run = await LabRun.start({
    name: 'xen-dom0',
    capture: true,
    documents: [subnet, quickProfile, machineDocument('post01', [{ mac, address }], 'dom0')],
    machines: [{ name: 'post01', nics: [{ mac }], memoryMib: 1024 }],
  });
  const images = join(run.stateDir, 'images');
  const newest = (await ImageRepository.open(images)).newest('dom0');
  if (newest === undefined) throw new Error('no image dom0');
  pinned = newest;
  power = run.powerOn('post01');
  await run.event('stage', ({ stage }) => stage === 'loader', { seconds: 120, machine: 'post01', what: 'the loader is fetched' });
  published = await publishBroken(images);
  await run.up('post01');
  await power.console.waitFor(/virtdom: hello accepted/, 60_000);
  // tcpdump writes behind the packets, on a busy machine by seconds.
  await vi.waitUntil(() => readCapture(run.captureFile, `http.request.method == POST && ip.src == ${address}`, []).length > 0, {
    timeout: 20_000,
    interval: 500,
  });
});
afterAll(() => run?.close());

function reached(name: BootStage): { atMs: number; file?: string; bytes?: number } {
  const found = run.eventsOf('post01', 'stage').find((event) => event.stage === name);
  if (found === undefined) throw new Error(`the timeline has no stage ${name}`);
  return found;
}

/** The first packet that fits; its time is what the timeline must say. */
function firstPacket(filter: string): number {
  const [packet] = readCapture(run.captureFile, filter, []);
  if (packet === undefined) throw new Error(`the capture has no packet ${filter}`);
  return packet.atMs;
}

/** What the last transfer of a file before `beforeMs` carried: files are opened more than once, each time from another client port. */
function dataOf(file: string, beforeMs: number): { payload: Buffer; lastMs: number } {
  const requests = readCapture(run.captureFile, `tftp.opcode == 1 && tftp.source_file == "${file}"`, ['udp.srcport']);
  const request = requests.findLast(({ atMs }) => atMs <= beforeMs + clockToleranceMs);
  const filter = `tftp.opcode == 3 && udp.dstport == ${request?.fields[0]}`;
  const blocks = new Map<number, Buffer>();
  let lastMs = 0;
  let previous = 0;
  for (const { atMs, fields } of readCapture(run.captureFile, filter, ['udp.payload'])) {
    if (atMs < (request?.atMs ?? 0) || atMs > beforeMs + clockToleranceMs) continue;
    const packet = Buffer.from(fields[0] ?? '', 'hex');
    // Block numbers have 16 bits and roll over.
    const number = packet.readUInt16BE(2);
    previous += ((number - previous) << 16) >> 16;
    blocks.set(previous, packet.subarray(4));
    lastMs = atMs;
  }
  return { payload: Buffer.concat([...blocks.values()]), lastMs };
}

describe('a machine with nothing on its disk becomes a Xen Dom0', () => {
  it('shows all stages once, in their order', () => {
    const stages = run.eventsOf('post01', 'stage').map((event) => event.stage);
    expect(stages).toEqual(['discover', 'offer', 'lease', 'loader', 'menu', 'kernel', 'kernel-lease', 'mount', 'hello']);
    expect(run.eventsOf('post01', 'stuck')).toEqual([]);
  });

  it.each([
    ['discover', `dhcp.option.dhcp == 1 && dhcp.hw.mac_addr == ${mac}`],
    ['offer', `dhcp.option.dhcp == 2 && dhcp.hw.mac_addr == ${mac}`],
    ['lease', `dhcp.option.dhcp == 5 && dhcp.hw.mac_addr == ${mac}`],
    ['mount', `mount.procedure_v3 == 1 && ip.src == ${address}`],
    ['hello', `http.request.method == POST && ip.src == ${address}`],
  ] as const)('tells stage %s when the capture has its packet', (name, filter) => {
    expect(Math.abs(reached(name).atMs - firstPacket(filter))).toBeLessThan(clockToleranceMs);
  });

  it("tells the kernel's lease when the capture has its ACK, after the kernel was fetched", () => {
    const acks = readCapture(run.captureFile, `dhcp.option.dhcp == 5 && dhcp.hw.mac_addr == ${mac}`, []);
    const first = acks.find((ack) => ack.atMs > reached('kernel').atMs);
    expect(first).toBeDefined();
    expect(Math.abs(reached('kernel-lease').atMs - (first?.atMs ?? 0))).toBeLessThan(clockToleranceMs);
  });

  it('tells each file that the capture shows being asked for, and no other', () => {
    const asked = readCapture(run.captureFile, 'tftp.opcode == 1', ['tftp.source_file']).map(({ fields: [file = ''] }) => file);
    const told = run.eventsOf('post01', 'file').filter(({ phase }) => phase === 'opened' || phase === 'missing' || phase === 'refused');
    expect(told.map(({ file }) => file)).toEqual(asked);
    expect(asked).toContain('pxegrub');
    expect(asked).toContain('/grub/post01.conf');
  });

  it.each(['loader', 'menu', 'kernel'] as const)('tells as many bytes for stage %s as the capture has in DATA packets', (name) => {
    const { file = '', bytes, atMs } = reached(name);
    const data = dataOf(file, atMs);
    expect(data.payload.length).toBe(bytes);
    expect(Math.abs(atMs - data.lastMs)).toBeLessThan(clockToleranceMs);
  });

  it('agrees with the console: Xen starts after the kernel was fetched and before it asks for its lease', () => {
    const banner = power.console.lines.find(({ text }) => text.includes('Xen version 4.'));
    expect(banner).toBeDefined();
    const bannerMs = power.atMs + (banner?.atMs ?? 0);
    expect(bannerMs).toBeGreaterThan(reached('kernel').atMs);
    expect(bannerMs).toBeLessThan(reached('kernel-lease').atMs);
    const hello = power.console.lines.find(({ text }) => text.includes('END VIRTDOM HELLO'));
    expect(Math.abs(power.atMs + (hello?.atMs ?? 0) - reached('hello').atMs)).toBeLessThan(30_000);
  });

  it('says itself that it is a Dom0 on a read-only NFS root with /flash in RAM', () => {
    const hello = parseHello(power.console.text);
    expect(hello?.facts).toMatchObject({ machine: 'post01', hypervisor: 'Xen' });
    const [domains, mounts] = hello?.outputs ?? [];
    expect(domains?.lines.some((line) => /^Domain-0\s+0\s/.test(line))).toBe(true);
    expect(mounts?.lines.some((line) => line.startsWith(`${server}:/images/${formatImageRef(pinned)} on / type nfs (ro,`))).toBe(true);
    expect(mounts?.lines.some((line) => line.includes(' on /flash type tmpfs (rw,'))).toBe(true);
  });

  it('redeems the token of its attempt once: whoever read it on the wire is refused', () => {
    const menu = dataOf('/grub/post01.conf', Date.now()).payload.toString('latin1');
    const [, token = ''] = /virtdom\.token=([\w-]+)/.exec(menu) ?? [];
    expect(token).not.toBe('');
    const post = (secret: string): string =>
      execFileSync(
        'ip',
        [
          'netns',
          'exec',
          run.lab.network.namespace,
          'curl',
          '-s',
          '-w',
          '\n%{http_code}',
          '-H',
          `Authorization: Bearer ${secret}`,
          '--data-binary',
          'hello',
          `http://${server}:8080/boot/v1/hello`,
        ],
        { encoding: 'utf8' },
      );
    expect(post(token)).toMatch(/redeemed|used/);
    expect(post(token)).toMatch(/403$/);
    expect(post('A'.repeat(token.length))).toMatch(/403$/);
    expect(JSON.stringify(run.lines)).not.toContain(token);
  });
});

describe('a version published in mid-boot', () => {
  it('is served before the machine fetches its kernel, and the machine finishes with the one it began with', () => {
    const exported = run.lines.find((line) => line['msg'] === 'image is exported' && line['image'] === formatImageRef(published));
    expect(exported).toBeDefined();
    expect(Date.parse(String(exported?.['time']))).toBeLessThan(reached('kernel').atMs);
    expect(reached('kernel').file).toBe(`/images/${formatImageRef(pinned)}/vmlinuz`);
    expect(reached('mount').file).toBe(`/images/${formatImageRef(pinned)}`);
    const asked = readCapture(run.captureFile, 'tftp.opcode == 1', ['tftp.source_file']).map(({ fields: [file = ''] }) => file);
    expect(asked.filter((file) => file.includes(formatImageRef(published)))).toEqual([]);
  });
});
