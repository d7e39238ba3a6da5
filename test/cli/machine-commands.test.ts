import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BulkResult } from '../../src/api/schemas/bulk.ts';
import type { MachineResource } from '../../src/api/schemas/machine.ts';
import { patchOf } from '../../src/cli/machine-change.ts';
import { FakeService, problem } from './fake-service.ts';
import type { SeenRequest } from './fake-service.ts';
import { runCommand } from './run-command.ts';

function machine(name: string, more: Partial<MachineResource> = {}): MachineResource {
  return {
    name,
    nics: [{ mac: '52:54:00:00:00:01', address: '192.168.0.11' }],
    profile: 'dom0',
    role: 'worker',
    labels: { rack: 'a3' },
    known: true,
    state: 'up',
    reason: 'said hello 00:48 after its first packet',
    since: '2026-03-01T11:58:00.000Z',
    lastBootAt: '2026-03-01T11:57:12.000Z',
    lastBoot: 'b-1',
    revision: 4,
    ...more,
  };
}

const pending = machine('52-54-00-00-00-09', {
  nics: [{ mac: '52:54:00:00:00:09' }],
  known: false,
  state: 'pending',
  reason: 'asked to boot, and is not enrolled',
  since: '2026-03-01T11:00:00.000Z',
  firstSeenAt: '2026-03-01T11:00:00.000Z',
  timesSeen: 2,
  revision: 0,
});
delete (pending as { profile?: string }).profile;
delete (pending as { role?: string }).role;

/** Answers a bulk request: each name as `outcomes` says, else done. */
function bulk(outcomes: Readonly<Record<string, number>> = {}, all: readonly string[] = ['node01', 'node02', 'node03']) {
  return ({ body, query }: SeenRequest): { body: BulkResult } => {
    const { select, atomic } = body as { select: { names?: string[] }; atomic?: boolean };
    const items = (select.names ?? all).map((name): BulkResult['items'][number] => {
      const status = outcomes[name] ?? 200;
      if (status === 200) return { name, status, outcome: 'done', machine: machine(name) };
      const text = { type: 'x', title: 'It cannot be done', status, detail: `${name} cannot be changed`, requestId: 'req-1' };
      return { name, status, outcome: 'refused', problem: text };
    });
    const count = (outcome: string): number => items.filter((item) => item.outcome === outcome).length;
    const dryRun = query['dryRun'] === 'true';
    return { body: { atomic: atomic === true, dryRun, done: count('done'), unchanged: 0, refused: count('refused'), items } };
  };
}

describe('virtdom machine', () => {
  let service: FakeService;
  beforeEach(async () => {
    service = await FakeService.start();
  });
  afterEach(() => service.close());
  const run = (words: string, more: Partial<Parameters<typeof runCommand>[1]> = {}) =>
    runCommand(['machine', ...words.split(' ')], { socket: service.socket, ...more });
  const sent = (action: string) => service.to(`POST /machines:${action}`).map(({ query, body }) => [query['dryRun'] ?? '', body]);

  describe('list and get', () => {
    it('shows machines and those that wait in one table', async () => {
      service.on('GET /machines', {
        body: { items: [pending, machine('post01', { oneShot: oneShot() }), machine('post02', { state: 'stuck' })] },
      });
      expect((await run('list')).out).toMatchInlineSnapshot(`
        "NAME               MAC                STATE    SINCE  PROFILE                ROLE    ADDRESS       REASON
        52-54-00-00-00-09  52:54:00:00:00:09  pending    60m                                               asked to boot, and is not enrolled
        post01             52:54:00:00:00:01  up          2m  dom0 (once installer)  worker  192.168.0.11  said hello 00:48 after its first packet
        post02             52:54:00:00:00:01  stuck       2m  dom0                   worker  192.168.0.11  said hello 00:48 after its first packet
        "
      `);
      expect((await run('list -o wide')).out).toMatchInlineSnapshot(`
        "NAME               MAC                STATE    SINCE  PROFILE                ROLE    ADDRESS       SUBNET  FIRMWARE  IMAGE  LAST BOOT            LABELS   REASON
        52-54-00-00-00-09  52:54:00:00:00:09  pending    60m                                                                        2026-03-01 11:57:12  rack=a3  asked to boot, and is not enrolled
        post01             52:54:00:00:00:01  up          2m  dom0 (once installer)  worker  192.168.0.11                           2026-03-01 11:57:12  rack=a3  said hello 00:48 after its first packet
        post02             52:54:00:00:00:01  stuck       2m  dom0                   worker  192.168.0.11                           2026-03-01 11:57:12  rack=a3  said hello 00:48 after its first packet
        "
      `);
    });

    it('hands filters, order and limit to the service', async () => {
      service.on('GET /machines', { body: { items: [] } });
      const { code, error } = await run('list --state stuck,failed -l rack=a3 -l row=2 -q post --sort=-since --limit 5 --profile dom0');
      expect({ code, error: error.slice(0, 17) }).toEqual({ code: 0, error: 'no machine fits. ' });
      expect(service.requests[0]?.query).toEqual({
        state: 'stuck,failed',
        label: 'rack=a3,row=2',
        q: 'post',
        sort: '-since',
        limit: '5',
        profile: 'dom0',
      });
    });

    it('shows one machine as lines, and how to enrol one that waits', async () => {
      service.on('GET /machines/post01', { body: machine('post01', { oneShot: oneShot(), parameters: { serial: 'ttyS1' } }) });
      expect((await run('get post01')).out).toMatchInlineSnapshot(`
        "name:               post01
        state:              up since 2026-03-01 11:58:00 (2m): said hello 00:48 after its first packet
        profile:            dom0
        next boot:          installer, once; asked for by anna at 2026-03-01 11:00:00
        role:               worker
        nic:                52:54:00:00:00:01, reserved 192.168.0.11
        labels:             rack=a3
        parameters.serial:  "ttyS1"
        last boot:          b-1 at 2026-03-01 11:57:12
        revision:           4
        "
      `);
      service.on('GET /machines/52-54-00-00-00-09', { body: pending });
      expect((await run('get 52-54-00-00-00-09')).out).toContain('virtdom machine assign 52-54-00-00-00-09 --name NAME --profile PROFILE');
    });

    it('explains a machine value by value, each with its origin', async () => {
      service.on('GET /machines/post01:explain', {
        body: {
          machine: 'post01',
          known: true,
          decision: { kind: 'boot', reason: 'profile dom0 of the machine' },
          running: { boot: 'b-1', profile: 'installer' },
          values: [
            { name: 'profile', value: 'dom0', origin: 'machine', object: 'machine/post01', shadowed: [] },
            {
              name: 'parameters.serial',
              value: ['ttyS0'],
              origin: 'machine',
              object: 'machine/post01',
              note: 'a list',
              shadowed: [{ value: 9600, origin: 'profile', object: 'profile/dom0' }],
            },
          ],
        },
      });
      expect((await run('explain post01')).out).toMatchInlineSnapshot(`
        "post01: boot: profile dom0 of the machine
        Boot b-1 goes on with what it began with: profile installer
        VALUE              IS         FROM            HIDES                 NOTE
        profile            dom0       machine/post01
        parameters.serial  ["ttyS0"]  machine/post01  9600 of profile/dom0  a list
        "
      `);
    });
  });

  describe('changes of many', () => {
    it('changes machines that were typed letter by letter without a question', async () => {
      service.on('POST /machines:assign', bulk());
      expect(await run('assign node01 node02 --profile dom0 --role worker')).toEqual({
        code: 0,
        out: 'node01 assigned (profile dom0, role worker, up)\nnode02 assigned (profile dom0, role worker, up)\n',
        error: '2 assigned, 0 unchanged, 0 refused\n',
        questions: [],
      });
      expect(sent('assign')).toEqual([['', { select: { names: ['node01', 'node02'] }, profile: 'dom0', role: 'worker' }]]);
    });

    it.each([
      ['a range', 'node[01-03]', { hostlist: 'node[01-03]' }],
      ['several ranges', 'node[01-02] node03', { hostlist: 'node[01-02],node03' }],
      ['a label', '-l rack=a3', { labels: ['rack=a3'] }],
      ['all', '--all', { all: true }],
    ])('shows what %s touches, asks, and then does just that', async (_, words, select) => {
      service.on('POST /machines:release', bulk({ node02: 409 }));
      const { code, error, questions, out } = await run(`release ${words}`, { answers: ['y'] });
      expect(questions).toEqual(['Release 2 machines (and leave 1 as they are)? [y/N] ']);
      expect(error).toMatch(/^NAME +STATE +PROFILE +ROLE +OUTCOME\nnode01 .*will release\nnode02 +node02 cannot be changed\n/);
      expect(out).toMatch(/^node01 released .*\nnode03 released /);
      expect(code).toBe(4);
      expect(sent('release')).toEqual([
        ['true', { select }],
        ['', { select: { names: ['node01', 'node02', 'node03'] } }],
      ]);
    });

    it.each([['n'], [''], ['nonsense']])('does nothing where the answer is %j', async (answer) => {
      service.on('POST /machines:ignore', bulk());
      expect(await run('ignore --all', { answers: [answer] })).toMatchObject({ code: 1, out: '' });
      expect(sent('ignore').map(([dryRun]) => dryRun)).toEqual(['true']);
    });

    it('never asks when nobody sits there: it says what to type, with 2', async () => {
      service.on('POST /machines:delete', bulk());
      const { code, out, error } = await run('delete node01');
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(error).toContain('virtdom: Delete machine node01? Nobody is here to answer\nSay --yes');
      expect(sent('delete').map(([dryRun]) => dryRun)).toEqual(['true']);
    });

    it('asks before each deletion, and not with --yes', async () => {
      service.on('POST /machines:delete', bulk());
      expect((await run('delete node01', { answers: ['y'] })).questions).toEqual(['Delete machine node01? [y/N] ']);
      expect(await run('delete node[01-03] --yes')).toMatchObject({ code: 0, questions: [] });
      expect(sent('delete').at(-1)).toEqual(['', { select: { hostlist: 'node[01-03]' } }]);
    });

    it('lets the service decide a dry run, and says that it was one', async () => {
      service.on('POST /machines:assign', bulk());
      const { code, error } = await run('assign --all --profile dom0 --atomic --dry-run');
      expect({ code, error }).toEqual({ code: 0, error: 'dry run: nothing was changed\n3 assigned, 0 unchanged, 0 refused\n' });
      expect(sent('assign')).toEqual([['true', { select: { all: true }, atomic: true, profile: 'dom0' }]]);
    });

    it.each([
      [{ node01: 404 }, 3],
      [{ node01: 409, node02: 412 }, 4],
      [{ node01: 404, node02: 409 }, 1],
      [{ node01: 422 }, 1],
    ])('ends with a code for all that were refused: %j gives %i', async (outcomes, code) => {
      service.on('POST /machines:ignore', bulk(outcomes));
      const result = await run('ignore node01 node02 node03');
      expect(result.code).toBe(code);
      expect(result.error).toContain('node01 refused: node01 cannot be changed\n');
      expect(result.error).toContain('virtdom: cannot ignore node01');
    });

    it('ends with 3 where nothing fits', async () => {
      service.on('POST /machines:release', bulk({}, []));
      expect(await run('release -l rack=zz --yes')).toMatchObject({
        code: 3,
        error: expect.stringContaining('no machine fits -l rack=zz'),
      });
    });

    it.each(['assign --profile dom0', 'assign node01 --all --profile dom0', 'assign node01', 'release -l a=b --all'])(
      'refuses %j',
      async (words) => {
        expect(await run(words)).toMatchObject({ code: 2, out: '' });
        expect(service.requests).toEqual([]);
      },
    );

    it('enrols one that waits under a name of its own', async () => {
      service.on('POST /machines/52-54-00-00-00-09:assign', { body: machine('post07') });
      expect(await run('assign 52-54-00-00-00-09 --name post07 --profile dom0 --role worker')).toMatchObject({
        code: 0,
        out: '52-54-00-00-00-09 is post07 (profile dom0, role worker, up)\n',
      });
      expect(service.requests[0]?.body).toEqual({ name: 'post07', profile: 'dom0', role: 'worker' });
      expect(await run('assign a b --name c')).toMatchObject({ code: 2 });
    });
  });

  it('sets single fields as a merge patch (RFC 7396)', async () => {
    service.on('PATCH /machines/post01', { body: machine('post01') });
    expect(await run('set post01 role= labels.rack=a4 labels.old= parameters.speed=9600 parameters.on=true')).toMatchObject({ code: 0 });
    expect(service.requests[0]?.body).toEqual({ role: null, labels: { rack: 'a4', old: null }, parameters: { speed: 9600, on: true } });
    expect(patchOf(['name=a', 'parameters.mac=00', 'labels.n=1', 'ignored=true'])).toEqual({
      name: 'a',
      parameters: { mac: '00' },
      labels: { n: '1' },
      ignored: true,
    });
    expect(await run('set post01 nics=x')).toMatchObject({ code: 2, error: expect.stringContaining('nics is no field that can be set') });
    expect(await run('set post01 role')).toMatchObject({ code: 2 });
  });

  describe('boot', () => {
    it('asks for one boot by another profile, and takes it back', async () => {
      service.on('POST /machines:boot', bulk()).on('POST /machines/node01:boot-cancel', { body: machine('node01') });
      expect(await run('boot node01 --once installer')).toMatchObject({
        code: 0,
        out: expect.stringMatching(/^node01 boots installer next /),
      });
      expect(sent('boot')).toEqual([['', { select: { names: ['node01'] }, profile: 'installer' }]]);
      expect(await run('boot node01 --cancel')).toMatchObject({ code: 0, out: 'node01 boots its own profile next\n' });
    });

    it.each(['boot node01', 'boot node01 --once a --cancel', 'boot --all --wait', 'boot --all --cancel'])('refuses %j', async (words) => {
      service.on('GET /machines', { body: { items: [] } });
      expect(await run(words)).toMatchObject({ code: 2, out: '' });
    });

    it('waits for a new boot until it is up, and tells of what hangs meanwhile', async () => {
      const seen = [
        machine('node01'),
        machine('node01', { lastBoot: 'b-2', state: 'stuck', lastStage: 'loader', reason: '60 s since loader' }),
        machine('node01', { lastBoot: 'b-2', state: 'up', lastStage: 'hello' }),
      ];
      service.on('GET /machines', { body: { items: [seen[0]] } }).on('GET /machines/node01', () => ({ body: seen.shift() }));
      const { code, out, error } = await run('boot node01 --wait --timeout 20s');
      expect({ code, out }).toEqual({ code: 0, out: 'node01 up\n' });
      expect(error).toBe('waiting for node01: switch it on\nnode01: stuck, reached loader: 60 s since loader\nnode01: up, reached hello\n');
    });

    it('goes on waiting while the service is away for a moment', async () => {
      const answers = [machine('node01'), undefined, machine('node01', { lastBoot: 'b-2' })];
      service.on('GET /machines', { body: { items: [answers[0]] } }).on('GET /machines/node01', (_, response) => {
        // The client asks a second time by itself.
        const body = answers[0];
        if (body !== undefined || service.to('GET /machines/node01').length > 2) answers.shift();
        if (body === undefined) response.destroy();
        return body && { body };
      });
      expect(await run('boot node01 --wait --timeout 20s')).toMatchObject({ code: 0, out: 'node01 up\n' });
    });

    it('ends with 1 when the boot fails, and with 5 when it takes too long', async () => {
      service.on('GET /machines', { body: { items: [] } });
      service.on('GET /machines/node01', { body: machine('node01', { state: 'failed', reason: 'switched on again' }) });
      expect(await run('boot node01 --wait')).toMatchObject({
        code: 1,
        error: expect.stringContaining('virtdom boot show b-1 tells more'),
      });
      service.on('GET /machines/node01', { body: machine('node01', { state: 'booting', lastStage: 'menu' }) });
      expect(await run('boot node01 --wait --timeout 0')).toMatchObject({
        code: 5,
        error: expect.stringContaining('node01: not up after 0 s (booting, reached menu)'),
      });
    });
  });

  describe('import', () => {
    const imported = {
      dryRun: false,
      created: 1,
      changed: 0,
      unchanged: 0,
      deleted: 0,
      objects: [{ kind: 'Machine', name: 'post01', outcome: 'created', revision: 1 }],
      notUnderstood: [{ line: 7, text: 'fixed-address host.example;', detail: 'the address is a name' }],
    };

    it('tells line by line what was not understood', async () => {
      service.on('POST /machines:import', { body: imported });
      const result = await run('import isc - --profile dom0', { input: 'host post01 {}' });
      expect(result).toMatchObject({ code: 0, out: 'machine/post01 created\n' });
      expect(result.error).toBe(
        'standard input:7: the address is a name: fixed-address host.example;\n1 created, 0 changed, 0 deleted, 0 unchanged\n1 thing was not understood\n',
      );
      expect(service.requests[0]?.body).toEqual({ format: 'isc', text: 'host post01 {}', file: 'standard input', profile: 'dom0' });
    });

    it('takes nothing over with --strict where something is not understood', async () => {
      service.on('POST /machines:import', { body: imported });
      expect(await run('import kea - --strict', { input: '{}' })).toMatchObject({ code: 1 });
      expect(service.requests.map(({ query }) => query)).toEqual([{ dryRun: 'true' }]);
      expect(await run('import bind - ', { input: '' })).toMatchObject({ code: 2 });
    });
  });

  it('keeps hostile names and texts of the service off the terminal', async () => {
    const evil = `\u001b]0;x\u0007${'y'.repeat(100_000)}`;
    service.on('GET /machines', { body: { items: [machine(evil, { reason: '\u001b[2J' })] } });
    service.on('POST /machines:ignore', bulk({ node01: 409 }));
    service.on('GET /machines/evil', problem(404, '\u001b[31mthere is no such'));
    const shown = [await run('list', { columns: 100 }), await run('get evil'), await run('ignore node01', { columns: 100 })];
    expect(shown.map(({ out, error }) => `${out}${error}`).join('')).not.toContain('\u001b');
    expect(Math.max(...(shown[0]?.out.split('\n').map((line) => line.length) ?? []))).toBeLessThanOrEqual(100);
  });
});

function oneShot(): NonNullable<MachineResource['oneShot']> {
  return { id: '1', profile: 'installer', requestedAt: '2026-03-01T11:00:00.000Z', requestedBy: 'anna' };
}
