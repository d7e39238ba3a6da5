import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostDetail } from '../../src/api/schemas/host.ts';
import type { VmResource } from '../../src/api/schemas/vm.ts';
import { FakeService, problem } from './fake-service.ts';
import type { FakeAnswer, SeenRequest } from './fake-service.ts';
import { runCommand } from './run-command.ts';
import type { Circumstances } from './run-command.ts';

const since = '2026-03-01T11:58:00.000Z';

function vm(name: string): VmResource {
  const claims = [{ host: 'node01', boot: 17, session: 42, seq: 1, takenAt: since }];
  const stands = { state: 'running', reason: 'its domain runs', since } as const;
  const size = { uuid: 'u', memoryMib: 512, vcpus: 1, cards: [], failures: [] };
  return { name, environment: 'worker', instances: 'at-least-one', claims, ...stands, ...size };
}

function host(name: string, more: Partial<HostDetail> = {}): HostDetail {
  const guests = [{ name: `${name}-vm`, environment: 'worker', state: 'running' as const, memoryMib: 512 }];
  const stands = { state: 'online', reason: 'its agent answers', since, duty: 'active' } as const;
  return { name, ...stands, session: 42, role: 'farm', roleReason: 'said so', bridges: [], images: [], vms: guests, ...more };
}

const hosts = ['node01', 'node02', 'node03'];
const vms = ['worker-1', 'worker-2', 'worker-3'];

/** Commands that change several hosts or VMs. */
describe('changes of several hosts and VMs', () => {
  let service: FakeService;
  beforeEach(async () => {
    service = await FakeService.start();
    service.on('GET /hosts', { body: { items: hosts.map((name) => host(name)) } });
    service.on('GET /vms', { body: { items: vms.map((name) => vm(name)) } });
  });
  afterEach(() => service.close());

  const run = (words: string, more: Partial<Circumstances> = {}) => runCommand(words.split(' '), { socket: service.socket, ...more });
  const posts = (dryRun?: 'true') => service.requests.filter(({ method, query }) => method === 'POST' && query['dryRun'] === dryRun);
  /** What was asked for, in the order of the names; of a request for several hosts, each. */
  const asked = (dryRun?: 'true') =>
    posts(dryRun)
      .flatMap(({ path, body }) => {
        const { hosts: several } = (body ?? {}) as { readonly hosts?: readonly string[] };
        return several === undefined ? [path] : several.map((name) => path.replace('/hosts', `/hosts/${name}`));
      })
      .sort((left, right) => left.localeCompare(right));

  /** Answers an action on each: as `refused` says, else done. */
  function answer(action: string, refused: Readonly<Record<string, FakeAnswer>> = {}): void {
    for (const name of [...hosts, 'node04'])
      service.on(`POST /hosts/${name}:${action}`, refused[name] ?? { body: host(name, { notes: ['it begins at once'] }) });
    for (const name of vms) service.on(`POST /vms/${name}:${action}`, refused[name] ?? { body: vm(name) });
    service.on(`POST /hosts:${action}`, ({ body }) => {
      const items = (body as { readonly hosts: readonly string[] }).hosts.map((name) => {
        const no = refused[name];
        if (no !== undefined) return { name, status: no.status, outcome: 'refused', problem: no.body };
        return { name, status: 200, outcome: 'done', host: host(name, { notes: ['it begins at once'] }) };
      });
      return { body: { dryRun: false, done: 0, unchanged: 0, refused: 0, items } };
    });
  }

  it.each([
    ['a range', 'node[01-03]', undefined],
    ['a range and a name', 'node[01-02],node03', undefined],
    ['a label', '-l rack=a3 -l row=2', { label: 'rack=a3,row=2', limit: '1000' }],
    ['a role', '--role farm', { role: 'farm', limit: '1000' }],
    ['all', '--all', { limit: '1000' }],
  ])('shows what %s touches, asks, and then does just that', async (_, words, query) => {
    answer('drain', { node02: problem(409, 'node02 is in maintenance') });
    const { code, out, error, questions } = await run(`host drain ${words}`, { answers: ['y'] });
    expect(questions).toEqual(['Drain 2 hosts (and leave 1 as they are)? [y/N] ']);
    expect(error).toMatch(
      /^NAME +STATE +ROLE +VMS +OUTCOME\nnode01 +online +farm +node01-vm +will be drained\nnode02 +refused: node02 is in/,
    );
    expect(error).toContain('\nnode01: it begins at once\n');
    expect(out).toBe('node01 is drained\nnode03 is drained\n');
    expect(error).toMatch(/\nnode02 refused: node02 is in maintenance\n2 drained, 1 refused\nvirtdom: cannot drain node02\n$/);
    expect(code).toBe(4);
    expect(asked('true')).toHaveLength(3);
    // The one of which the question said that it is left is not asked for.
    expect(asked()).toEqual(['/hosts/node01:drain', '/hosts/node03:drain']);
    expect(service.requests.find(({ path }) => path === '/hosts')?.query).toEqual(query);
  });

  it.each([
    ['environment, host and state', '--environment worker --host node01 --state running,paused', { environment: 'worker', host: 'node01' }],
    ['all', '--all', {}],
  ])('takes VMs by %s', async (_, words, query) => {
    answer('shutdown');
    expect(await run(`vm shutdown ${words}`, { answers: ['y'] })).toMatchObject({
      code: 0,
      out: 'worker-1 is asked to stop\nworker-2 is asked to stop\nworker-3 is asked to stop\n',
      error: expect.stringMatching(/^NAME +ENVIRONMENT +STATE +HOST +OUTCOME\nworker-1 +worker +running +node01 +will be asked to stop\n/),
      questions: ['Shut down 3 VMs? [y/N] '],
    });
    expect(service.requests[0]?.query).toMatchObject(query);
  });

  it.each([
    ['host activate node01 node02', 'activate', 2],
    ['host drain node01', 'drain', 1],
    ['vm shutdown worker-1 worker-2', 'shutdown', 2],
    ['vm pause worker-1 worker-2', 'pause', 2],
    ['vm reboot worker-1', 'reboot', 1],
  ])('does %s without a question: each was typed letter by letter', async (words, action, count) => {
    answer(action);
    expect(await run(words)).toMatchObject({ code: 0, questions: [] });
    expect([asked().length, asked('true').length]).toEqual([count, 0]);
  });

  it.each([
    ['host drain node01 node02', 'drain', 'Drain 2 hosts?'],
    ['host reboot node01', 'reboot', 'Reboot host node01 and all that runs there?'],
    ['host reboot node01 node02', 'reboot', 'Reboot 2 hosts and all that runs there?'],
    ['vm destroy worker-1', 'destroy', 'Destroy VM worker-1 at once, without a word to what runs there?'],
    ['vm reboot worker-1 worker-2', 'reboot', 'Reboot 2 VMs?'],
    ['host activate --all', 'activate', 'Activate 3 hosts?'],
    ['host role --all gateway', 'set-role', 'Give the role gateway to 3 hosts?'],
    ['vm clear worker-[1-2]', 'clear', 'Clear 2 VMs?'],
  ])('asks before %s, and never where nobody sits: then it says what to type, with 2', async (words, action, question) => {
    answer(action);
    expect(await run(words)).toMatchObject({
      code: 2,
      out: '',
      error: expect.stringContaining(`virtdom: ${question} Nobody is here to answer\nSay --yes`),
    });
    expect(await run(words, { answers: ['n'] })).toMatchObject({ code: 1, out: '', questions: [`${question} [y/N] `] });
    expect(asked()).toEqual([]);
    const before = asked('true').length;
    expect(await run(`${words} --yes`)).toMatchObject({ code: 0, questions: [] });
    expect(asked('true')).toHaveLength(before);
  });

  it('shows item by item what a dry run found, and changes nothing', async () => {
    answer('drain', { node02: problem(404, 'There is no host node02') });
    const { code, out, error } = await run('host drain node[01-03] --dry-run');
    expect({ code, out }).toEqual({ code: 3, out: 'node01 is drained\nnode03 is drained\n' });
    expect(error).toMatch(
      /^node01: it begins at once\nnode02 refused: There is no host node02\nnode03: it begins at once\n2 drained, 1 refused\n/,
    );
    expect(posts('true')).toHaveLength(1);
    expect(error).toContain('dry run: nothing was changed\n');
    expect(asked()).toEqual([]);
  });

  it.each([
    [{ node01: 404, node03: 404 }, 3],
    [{ node01: 409, node03: 412 }, 4],
    [{ node01: 404, node03: 409 }, 1],
    [{ node01: 403, node02: 403, node03: 403 }, 1],
  ])('goes on with the others, and ends with a code for all that were refused: %j gives %i', async (statuses, code) => {
    answer('activate', Object.fromEntries(Object.entries(statuses).map(([name, status]) => [name, problem(status, `${name} cannot`)])));
    const result = await run('host activate node01 node02 node03');
    expect(result.code).toBe(code);
    expect(asked()).toHaveLength(3);
    expect(result.error).toContain('node01 refused: node01 cannot\n');
    expect(result.error).toContain('virtdom: cannot activate node01, ');
    expect(result.error.includes('an admin changes roles')).toBe(code === 1 && 'node02' in statuses);
  });

  it('asks nothing where none can be done', async () => {
    answer('reboot', { node01: problem(409, 'node01 is suspect'), node02: problem(409, 'node02 is suspect') });
    expect(await run('host reboot node[01-02]', { answers: ['y'] })).toMatchObject({
      code: 4,
      out: '',
      questions: [],
      error:
        'node01 refused: node01 is suspect\nnode02 refused: node02 is suspect\n0 told to reboot, 2 refused\nvirtdom: cannot reboot node01, node02\n',
    });
    expect(await run('host reboot node01')).toMatchObject({ code: 4, error: 'virtdom: node01 is suspect\n' });
  });

  it('begins no more when the service is gone, and says of which nobody knows', async () => {
    answer('pause');
    const names = Array.from({ length: 9 }, (_, index) => `vm-${index + 1}`);
    for (const name of names) service.on(`POST /vms/${name}:pause`, { body: vm(name) });
    service.on('POST /vms/vm-2:pause', (_, response) => void response.destroy());
    const { code, out, error } = await run(`vm pause ${names.join(' ')}`);
    expect(code).toBe(1);
    expect(out).toContain('vm-1 is paused\n');
    expect(error).toMatch(/vm-2 may be done or not: .* broke the connection off/);
    expect(error).toMatch(
      /vm-9 left as it is: the service had not answered for one before it\n\d paused, 0 refused, 1 unknown, \d not begun\n/,
    );
    expect(asked()).not.toContain('/vms/vm-9:pause');
  });

  it.each([
    ['drain node01 node02', 'drain', ['node01', 'node02']],
    ['activate --all', 'activate', ['node01', 'node02', 'node03']],
  ])('asks for host %s in one request: no VM moves from one of them to another', async (words, action, names) => {
    answer(action);
    expect(await run(`host ${words} --yes`)).toMatchObject({ code: 0 });
    expect(posts().map(({ path, body }) => [path, body])).toEqual([[`/hosts:${action}`, { hosts: names }]]);
  });

  it('says of each of several hosts that nobody knows, when the service is gone', async () => {
    service.on('POST /hosts:drain', (_, response) => void response.destroy());
    const { code, out, error } = await run('host drain node01 node02 --yes');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(error).toMatch(/^node01 may be done or not: .*\nnode02 may be done or not: .*\n0 drained, 0 refused, 2 unknown\n/);
  });

  it('tells once what is in the way of all of several hosts', async () => {
    service.on('POST /hosts:drain', problem(409, 'This manager does not lead'));
    expect(await run('host drain node01 node02 --yes')).toEqual(
      expect.objectContaining({ code: 4, out: '', error: 'virtdom: This manager does not lead\n' }),
    );
  });

  it('has at most four requests under way, and tells in the order of the names', async () => {
    let under = 0;
    let most = 0;
    const names = Array.from({ length: 12 }, (_, index) => `vm-${index + 1}`);
    for (const [index, name] of names.entries())
      service.on(`POST /vms/${name}:unpause`, (_: SeenRequest, response) => {
        most = Math.max(most, ++under);
        setTimeout(
          () => {
            under--;
            response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(vm(name)));
          },
          index % 4 === 0 ? 30 : 1,
        );
        return undefined;
      });
    expect(await run('vm unpause vm-[1-12] --yes')).toMatchObject({ code: 0, out: names.map((name) => `${name} goes on\n`).join('') });
    expect(most).toBeLessThanOrEqual(4);
    expect(most).toBeGreaterThan(1);
  });

  describe('host drain --wait', () => {
    it('waits for each, and goes on where one is taken back', async () => {
      answer('drain', { node04: problem(409, 'node04 cannot') });
      const looks = [
        [host('node01', { duty: 'draining' }), host('node02', { duty: 'draining' }), host('node03', { duty: 'draining' })],
        [host('node01', { duty: 'maintenance', vms: [] }), host('node02'), host('node03', { duty: 'draining' })],
        [host('node03', { duty: 'maintenance', vms: [] })],
      ];
      service.on('GET /hosts', () => ({ body: { items: looks.length > 1 ? looks.shift() : looks[0] } }));
      service.on('GET /hosts/node03', () => ({ body: looks[0]?.at(-1) }));
      const { code, out, error } = await run('host drain node[01-04] --yes --wait --timeout 20s');
      expect(out).toBe('node01 is drained\nnode02 is drained\nnode03 is drained\nnode01 is in maintenance\nnode03 is in maintenance\n');
      expect(error).toContain('node03: node03-vm (running) still there\n');
      expect(error).toMatch(/node02 was told to take VMs again\n(?:.*\n)*virtdom: node02 was told to take VMs again\n$/);
      expect(code).toBe(4);
    });

    it('says of a VM that stays why, and what to do', async () => {
      answer('drain');
      const stays = 'its environment worker is paused: unpause it, or stop the VM';
      const guest = { environment: 'worker', state: 'running', memoryMib: 512 } as const;
      const guests = [
        { name: 'worker-1', ...guest, stays },
        { name: 'worker-2', ...guest },
      ];
      service.on('GET /hosts/node01', { body: host('node01', { duty: 'draining', vms: guests }) });
      const waiting = await run('host drain node01 --wait --timeout 0');
      expect(waiting.error).toContain(`node01: worker-2 (running) still there; worker-1 stays, since ${stays}\n`);
      expect((await run('host get node01')).out).toContain(`worker-1 running (worker, 512 MiB); worker-1 stays, since ${stays}\n`);
    });

    it('says which are not empty when time is up, with 5', async () => {
      answer('drain');
      service.on('GET /hosts', { body: { items: [host('node01', { duty: 'draining' }), host('node02', { duty: 'draining' })] } });
      expect(await run('host drain node01 node02 --yes --wait --timeout 0')).toMatchObject({
        code: 5,
        error: expect.stringContaining(
          'node01 (node01-vm (running) still there), node02 (node02-vm (running) still there) are not empty after 0 s',
        ),
      });
    });
  });

  it('gives a role to hosts by name, range and label, or takes it back', async () => {
    answer('set-role');
    expect(await run('host role node01 gateway')).toMatchObject({ code: 0, out: 'node01 has the role gateway\n' });
    expect(await run('host role node01,node02 gateway --yes')).toMatchObject({
      code: 0,
      out: expect.stringContaining('node02 has the role'),
    });
    expect(await run('host role -l rack=a3 --yes')).toMatchObject({
      code: 0,
      out: expect.stringContaining('node03 has the role again that its machine, labels and rules give it\n'),
    });
    expect(service.to('POST /hosts/node03:set-role').map(({ body }) => body)).toEqual([{}]);
    expect(service.to('POST /hosts/node02:set-role')[0]?.body).toEqual({ role: 'gateway' });
  });

  it.each([
    ['host drain', 'say which hosts: by name, by range (node[01-20])'],
    ['host reboot --yes', 'say which hosts'],
    ['host role', 'say which hosts'],
    ['host drain node01 --all', 'in one way'],
    ['host drain -l rack=a3 --all', 'in one way'],
    ['host role node01 farm -l rack=a3', 'in one way'],
    ['host drain node[03-01]', 'expected the lower number first'],
    ['host drain node[01', 'expected ]'],
    ['vm shutdown', 'say which VMs: by name, by range (worker-[1-8])'],
    ['vm shutdown worker-1 --environment worker', 'in one way'],
    ['vm stop worker-1', 'virtdom vm shutdown NAME'],
    ['vm start', 'virtdom environment scale'],
    ['image publish worker --force', 'virtdom image build RECIPE'],
  ])('refuses %j with 2, and asks the service nothing', async (words, text) => {
    expect(await run(words, { answers: ['y'] })).toMatchObject({ code: 2, out: '', error: expect.stringContaining(text) });
    expect(service.requests).toEqual([]);
  });

  it.each(['host drain -l rack=zz --yes', 'vm shutdown --environment nothing --yes', 'vm shutdown --all'])(
    'ends %j with 3: nothing fits',
    async (words) => {
      service.on('GET /hosts', { body: { items: [] } }).on('GET /vms', { body: { items: [] } });
      expect(await run(words)).toMatchObject({
        code: 3,
        error: expect.stringMatching(/^virtdom: no (?:host|VM) fits .+\nvirtdom (?:host|vm) list/),
      });
    },
  );

  it('keeps hostile texts of the service off the terminal', async () => {
    answer('drain', { node02: problem(409, '\u001b[31mno') });
    service.on('POST /hosts/node01:drain', { body: host('node01', { role: '\u001b[2J', notes: ['\u001b]0;x\u0007'] }) });
    const { out, error } = await run('host drain node[01-02]', { answers: ['y'], columns: 100 });
    expect(out + error).not.toContain('\u001b');
  });
});
