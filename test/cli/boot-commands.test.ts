import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BootResource } from '../../src/api/schemas/boot.ts';
import type { EventResource } from '../../src/api/schemas/event.ts';
import { FakeService, problem } from './fake-service.ts';
import { runCommand } from './run-command.ts';

const at = (seconds: number): string => new Date(Date.UTC(2026, 2, 1, 11, 50) + seconds * 1000).toISOString();
const event = (
  id: number,
  seconds: number,
  kind: string,
  detail: EventResource['detail'],
  more: Partial<EventResource> = {},
): EventResource => ({
  id,
  at: at(seconds),
  kind,
  severity: 'info',
  machine: 'post01',
  attempt: 'b-1',
  detail,
  ...more,
});

const boot: BootResource = {
  id: 'b-1',
  machine: 'post01',
  mac: '52:54:00:00:00:01',
  subnet: 'lab',
  profile: 'dom0',
  image: 'dom0@3',
  oneShot: false,
  state: 'stuck',
  reason: '60 s since menu',
  since: at(75),
  openedAt: at(0),
  lastSeenAt: at(15),
  lastPacket: 'RRQ /grub/post01.conf finished, 512 bytes',
  lastStage: 'menu',
  seconds: 90,
  usualSeconds: 48.25,
  addresses: ['192.168.0.11'],
  stages: [
    { stage: 'discover', at: at(0), protocol: 'dhcp', seconds: 0 },
    { stage: 'lease', at: at(1.25), protocol: 'dhcp', address: '192.168.0.11', seconds: 1.25, usualSeconds: 1.2, stuckAfterSeconds: 10 },
    { stage: 'loader', at: at(9), protocol: 'tftp', file: '/pxegrub', bytes: 123_456, seconds: 7.75, usualSeconds: 3 },
    { stage: 'menu', at: at(15), protocol: 'tftp', file: '/grub/post01.conf', bytes: 512, seconds: 6, stuckAfterSeconds: 60 },
  ],
  stuck: {
    lastStage: 'menu',
    lastPacket: 'RRQ /grub/post01.conf finished, 512 bytes',
    expectedStage: 'kernel',
    expectedPacket: 'the whole of /images/dom0@3/vmlinuz by TFTP or HTTP',
    waitedSeconds: 60,
    causes: ['the menu names a kernel that is not there', 'TFTP is blocked'],
  },
  menus: [],
  timeline: [
    event(1, 0, 'boot.opened', { profile: 'dom0', image: 'dom0@3', reason: 'profile of the machine' }),
    event(2, 0, 'boot.stage', { stage: 'discover', protocol: 'dhcp' }),
    event(3, 0.5, 'boot.ignored', { protocol: 'dhcp', reason: 'another server was chosen' }),
    event(4, 4, 'boot.file', { protocol: 'tftp', file: '/pxegrub', phase: 'aborted', bytes: 1024, reason: 'the client gave up' }),
    event(5, 9, 'boot.file', { protocol: 'tftp', file: '/pxegrub', phase: 'finished', bytes: 123_456 }),
    event(6, 75, 'boot.stuck', { lastStage: 'menu', waitedSeconds: 60, expectedPacket: 'x' }, { severity: 'warning' }),
    event(7, 80, 'machine.assigned', { profile: 'dom0', role: 'worker' }),
  ],
  timelineCut: true,
};

describe('virtdom boot and virtdom event', () => {
  let service: FakeService;
  beforeEach(async () => {
    service = await FakeService.start();
  });
  afterEach(() => service.close());
  const run = (words: string, more: Partial<Parameters<typeof runCommand>[1]> = {}) =>
    runCommand(words.split(' '), { socket: service.socket, ...more });

  it('lists boots, with what they took and what they usually take', async () => {
    const up = {
      ...boot,
      id: 'b-2',
      state: 'up',
      lastStage: 'hello',
      seconds: 187.4,
      usualSeconds: undefined,
      oneShot: true,
      reason: 'said hello',
    };
    service.on('GET /boots', { body: { items: [up, boot] } });
    expect((await run('boot list')).out).toMatchInlineSnapshot(`
      "BOOT  MACHINE  BEGAN                AGO  STATE  TOOK  USUAL  STAGE  PROFILE      REASON
      b-2   post01   2026-03-01 11:50:00  10m  up      187         hello  dom0 (once)  said hello
      b-1   post01   2026-03-01 11:50:00  10m  stuck  90.0   48.3  menu   dom0         60 s since menu
      "
    `);
    const limited = await run('boot list --state stuck,failed -m post01 --since 2026-03-01T00:00:00Z --limit 2');
    expect(limited.error).toBe('the newest 2; --limit shows more\n');
    expect(service.requests.at(-1)?.query).toEqual({
      state: 'stuck,failed',
      machine: 'post01',
      since: '2026-03-01T00:00:00.000Z',
      limit: '2',
    });
    expect(await run('boot list --since yesterday')).toMatchObject({ code: 2 });
  });

  it('shows a boot: stages, what went beside, and where it hangs', async () => {
    service.on('GET /boots/b-1', { body: boot });
    expect((await run('boot show b-1')).out).toMatchInlineSnapshot(`
      "boot:         b-1
      machine:      post01 (52:54:00:00:00:01) on lab
      profile:      dom0
      image:        dom0@3
      state:        stuck since 2026-03-01 11:51:15: 60 s since menu
      began:        2026-03-01 11:50:00
      took so far:  90.0 s, usually 48.3 s
      addresses:    192.168.0.11

      SECONDS  STAGE     TOOK  USUAL  PROTOCOL    BYTES  FILE OR ADDRESS
          0.0  discover   0.0         dhcp
          1.3  lease      1.3    1.2  dhcp               192.168.0.11
          9.0  loader     7.8    3.0  tftp      123,456  /pxegrub
         15.0  menu       6.0         tftp          512  /grub/post01.conf

      SECONDS  BESIDE            WHAT
          0.5  boot.ignored      dhcp another server was chosen
          4.0  boot.file         tftp /pxegrub aborted 1,024 B the client gave up
         80.0  machine.assigned  profile=dom0 role=worker
      There is more: virtdom event list --boot b-1 shows it all

      stuck:              60 s since menu; waits for kernel
      last packet seen:   RRQ /grub/post01.conf finished, 512 bytes
      next one expected:  the whole of /images/dom0@3/vmlinuz by TFTP or HTTP
      likely causes:      the menu names a kernel that is not there
                          TFTP is blocked
      "
    `);
    expect(JSON.parse((await run('boot show b-1 -o json')).out)).toEqual(boot);
  });

  it('shows the newest boot of a machine by its name', async () => {
    service
      .on('GET /boots/post01', problem(404, 'There is no boot post01.'))
      .on('GET /boots', ({ query }) => ({ body: { items: query['machine'] === 'post01' ? [boot] : [] } }))
      .on('GET /boots/b-1', { body: boot })
      .on('GET /boots/nobody', problem(404, 'There is no boot nobody.'));
    expect((await run('boot show post01 -o name')).out).toBe('b-1\n');
    expect(await run('boot show nobody')).toMatchObject({
      code: 3,
      error: 'virtdom: there is no boot nobody, and no machine of this name has booted\n',
    });
  });

  it('lists events, the newest last, each in a line', async () => {
    service.on('GET /events', { body: { items: boot.timeline.toReversed() } });
    expect((await run('event list')).out).toMatchInlineSnapshot(`
      "TIME (UTC)           KIND              MACHINE  WHAT
      2026-03-01 11:50:00  boot.opened       post01   dom0 dom0@3 profile of the machine
      2026-03-01 11:50:00  boot.stage        post01   discover dhcp
      2026-03-01 11:50:00  boot.ignored      post01   dhcp another server was chosen
      2026-03-01 11:50:04  boot.file         post01   tftp /pxegrub aborted 1,024 B the client gave up
      2026-03-01 11:50:09  boot.file         post01   tftp /pxegrub finished 123,456 B
      2026-03-01 11:51:15  boot.stuck        post01   60 s since menu; waits for x
      2026-03-01 11:51:20  machine.assigned  post01   profile=dom0 role=worker
      "
    `);
    await run('event list --kind boot.* -m post01 --boot b-1 --severity warning -q loader --limit 3');
    expect(service.requests.at(-1)?.query).toEqual({
      kind: 'boot.*',
      machine: 'post01',
      attempt: 'b-1',
      severity: 'warning',
      q: 'loader',
      limit: '3',
    });
  });

  describe('watching', () => {
    const open: ServerResponse[] = [];
    beforeEach(() => {
      open.length = 0;
      service.on('GET /events/stream', (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('retry: 10\n\n');
        open.push(response);
        return undefined;
      });
    });
    const tell = (each: EventResource): void => void open.at(-1)?.write(`id: ${each.id}\ndata: ${JSON.stringify(each)}\n\n`);
    const [opened, , , aborted, , stuck] = boot.timeline as [
      EventResource,
      EventResource,
      EventResource,
      EventResource,
      EventResource,
      EventResource,
    ];

    it('shows events as they come, tells of a break and of what was missed, and ends where it is refused', async () => {
      let out = '';
      const watching = run('event watch --kind boot.* -m post01 --after 5', { onOut: (text) => void (out += text) });
      await vi.waitUntil(() => open.length === 1);
      tell(opened);
      await vi.waitUntil(() => out.includes('boot.opened'));
      open[0]?.destroy();
      await vi.waitUntil(() => open.length === 2);
      open[1]?.write('id: 9\nevent: reset\ndata: {"newest":9}\n\n');
      tell(stuck);
      await vi.waitUntil(() => out.includes('boot.stuck'));
      service.on('GET /events/stream', problem(401, 'The session has ended'));
      open[1]?.destroy();
      const { code, error } = await watching;
      expect(code).toBe(1);
      expect(error.split('\n').map((line) => line.replace(/\(.*\)/, '(…)'))).toEqual([
        'connection lost (…); trying again',
        'connected again',
        'some events were missed here: virtdom event list has them as long as they are kept',
        'connection lost (…); trying again',
        'virtdom: The session has ended',
        expect.stringContaining('virtdom login'),
        '',
      ]);
      expect(out).toMatch(
        /^TIME \(UTC\) +KIND +MACHINE +WHAT\n2026-03-01 11:50:00 +boot\.opened +post01 +dom0 dom0@3 profile of the machine\n/,
      );
      expect(service.requests.map(({ headers, query }) => [headers['last-event-id'], query['machine']])).toEqual([
        ['5', 'post01'],
        ['1', 'post01'],
        ['6', 'post01'],
      ]);
    });

    it('gives programs a line of JSON for each', async () => {
      let out = '';
      const watching = run('event watch -o json', { onOut: (text) => void (out += text) });
      await vi.waitUntil(() => open.length === 1);
      tell(opened);
      tell(stuck);
      await vi.waitUntil(() => out.split('\n').length === 3);
      service.on('GET /events/stream', problem(403, 'no'));
      open[0]?.destroy();
      await watching;
      expect(
        out
          .split('\n')
          .slice(0, -1)
          .map((line) => (JSON.parse(line) as EventResource).id),
      ).toEqual([1, 6]);
    });

    it('ends where the service sends what is no event', async () => {
      const watching = run('event watch');
      await vi.waitUntil(() => open.length === 1);
      open[0]?.write('data: {"id"\n\n');
      expect(await watching).toMatchObject({ code: 1, error: expect.stringContaining('the service sent an event that is not valid JSON') });
    });

    it('watches a machine without each file, unless that is asked for', async () => {
      let out = '';
      const watching = run('machine watch post01', { onOut: (text) => void (out += text) });
      await vi.waitUntil(() => open.length === 1);
      tell(aborted);
      const { machine: _, ...ofNoMachine } = event(8, 1, 'template.published', {});
      tell(ofNoMachine);
      tell(stuck);
      await vi.waitUntil(() => out.includes('boot.stuck'));
      service.on('GET /events/stream', problem(403, 'no'));
      open[0]?.destroy();
      await watching;
      expect(out).not.toMatch(/boot\.file|template/);
      expect(service.requests[0]?.query).toEqual({ machine: 'post01' });
    });
  });

  it('waits for a task, telling how far it is', async () => {
    const task = { id: 't-1', kind: 'image.verify', object: 'image/dom0@3', createdAt: at(0), createdBy: 'anna', since: at(0) };
    const states = [
      { ...task, state: 'running', reason: 'reading', progress: { done: 1, total: 2, unit: 'contents' } },
      { ...task, state: 'done', reason: 'whole', progress: { done: 2, total: 2, unit: 'contents' }, result: {} },
    ];
    service.on('GET /tasks/t-1', () => ({ body: states.length > 1 ? states.shift() : states[0] }));
    expect(await run('task watch t-1')).toMatchObject({
      code: 0,
      error: 'image.verify image/dom0@3: running, 1 of 2 contents\nimage.verify image/dom0@3: done, 2 of 2 contents\n',
    });
    service.on('GET /tasks/t-1', { body: { ...states[0], state: 'failed', reason: 'a content is damaged' } });
    expect(await run('task watch t-1')).toMatchObject({ code: 1, error: expect.stringContaining('task t-1 failed: a content is damaged') });
    service.on('GET /tasks/t-1', { body: { ...states[0], state: 'running' } });
    expect(await run('task watch t-1 --timeout 0')).toMatchObject({ code: 5 });
  });
});
