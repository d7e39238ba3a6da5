import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ApiServer } from '../../src/api/api-server.ts';
import { ApiRig } from '../api/api-rig.ts';
import { runCommand } from './run-command.ts';
import type { Circumstances } from './run-command.ts';

/** The commands against the real API over a real database, on a real socket and a real port. */
describe('the commands and the service', () => {
  let rig: ApiRig;
  let server: ApiServer;
  let folder: string;
  let socket: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virtdom-cli-'));
    socket = join(folder, 'api.sock');
    rig = await ApiRig.start();
    server = await ApiServer.start(rig.plane, { socket, tcp: { address: '127.0.0.1', port: 0 } });
  });
  afterAll(async () => {
    await server.close();
    await rig.close();
    rmSync(folder, { recursive: true });
  });

  const run = (words: string, more: Partial<Circumstances> = {}) => runCommand(words.split(' '), { socket, ...more });
  const good = async (words: string, more?: Partial<Circumstances>) => {
    const { code, out, error } = await run(words, more);
    if (code !== 0) throw new Error(`${words}: ${code}: ${error}`);
    return out;
  };
  const overNetwork = () => ({ VIRTDOM_SERVER: `http://127.0.0.1:${server.port}`, XDG_CONFIG_HOME: folder });
  const parsed = async (words: string): Promise<unknown> => JSON.parse(await good(words));

  it('is admin on the socket, and well', async () => {
    expect(await good('status')).toMatch(/^state: +ok: /);
    expect(await parsed('whoami -o json')).toMatchObject({ via: 'socket', role: 'admin' });
  });

  it('lists, shows and explains machines', async () => {
    expect(await good('machine list -o name')).toBe('post01\npost02\nspare\n');
    expect(await good('machine list -l rack=a3 -o name')).toBe('post01\n');
    expect(await good('machine list --sort=-name --limit 1 -o name')).toBe('spare\n');
    expect(await good('machine get post01')).toMatch(/^name: +post01\nstate: +new since /);
    expect(await good('machine explain post01')).toMatch(/^post01: boot: .*\nVALUE +IS +FROM/);
    expect(await good('machine files post01 -o name')).toBe('/grub/post01.conf\n');
    expect(await run('machine get nobody')).toMatchObject({ code: 3 });
    expect(await run('machine list --state nonsense')).toMatchObject({ code: 1 });
  });

  it('assigns, sets, ignores and releases machines by name, range and label', async () => {
    await good('machine assign spare --profile dom0 --role worker --set-label rack=a5');
    expect(await parsed('machine get spare -o json')).toMatchObject({ profile: 'dom0', role: 'worker', labels: { rack: 'a5' } });
    expect(await good('machine assign post[01-02] --role gateway --dry-run')).toMatch(/^post01 assigned .*\npost02 assigned /);
    expect(await parsed('machine get post01 -o json')).not.toHaveProperty('role');
    const asked = await run('machine assign post[01-02] --role gateway', { answers: ['y'] });
    expect(asked).toMatchObject({ code: 0, questions: ['Assign 2 machines? [y/N] '] });
    await good('machine set spare parameters.serial=ttyS1 labels.rack= role=');
    expect(await good('export --kind machine --name spare')).toContain('parameters:\n  serial: ttyS1\n');
    await good('machine ignore -l rack=a4 --yes');
    expect(await good('machine list --state ignored -o name')).toBe('post02\n');
    await good('machine unignore post02');
    await good('machine release spare');
    expect(await good('machine list --state unassigned -o name')).toBe('spare\n');
    expect(await run('machine assign post01 --profile nonsense')).toMatchObject({ code: 1, error: expect.stringContaining('nonsense') });
    expect(await run('machine assign nobody --profile dom0')).toMatchObject({ code: 3 });
    expect(await run('machine assign post[01-] --profile dom0 --yes')).toMatchObject({
      code: 1,
      error: expect.stringContaining('selection'),
    });
    expect(await run('machine release -l rack=zz --yes')).toMatchObject({ code: 3 });
  });

  it('enrols, edits and deletes a machine', async () => {
    await good('machine create post07 --mac 52:54:00:00:00:07 --address 192.168.0.17 --profile dom0');
    expect(await run('machine create post07 --mac 52:54:00:00:00:08')).toMatchObject({ code: 4 });
    const environment = { EDITOR: 'sed -i s/0:07/0:17/', TMPDIR: folder, PATH: process.env['PATH'] ?? '' };
    await good('machine edit post07', { environment });
    expect(await parsed('machine get post07 -o json')).toMatchObject({ nics: [{ mac: '52:54:00:00:00:17', address: '192.168.0.17' }] });
    const wrong = { ...environment, EDITOR: 'sed -i s/0:17/0:zz/' };
    const refused = await run('machine edit post07', { environment: wrong });
    expect(refused).toMatchObject({
      code: 1,
      error: expect.stringMatching(/post07\.yaml:4:10: Machine post07: nics\.0\.mac: expected a MAC/),
    });
    expect(await run('machine delete post07')).toMatchObject({ code: 2 });
    expect(await good('machine delete post07 --yes')).toContain('post07 deleted');
    expect(await run('machine get post07')).toMatchObject({ code: 3 });
  });

  it('shows clients that wait, enrols one and forgets another', async () => {
    for (const mac of ['52:54:00:00:00:21', '52:54:00:00:00:22']) rig.unknown.seen({ mac, arch: 'bios' }, { name: 'lab' }, rig.clock.now());
    expect(await good('machine list --state pending -o name')).toBe('52-54-00-00-00-21\n52-54-00-00-00-22\n');
    expect(await good('machine get 52-54-00-00-00-21')).toContain('not enrolled: virtdom machine assign 52-54-00-00-00-21');
    await good('machine assign 52-54-00-00-00-21 --name post09 --profile dom0 --role worker');
    expect(await parsed('machine get post09 -o json')).toMatchObject({ known: true, nics: [{ mac: '52:54:00:00:00:21' }], role: 'worker' });
    expect(await run('machine delete 52-54-00-00-00-22')).toMatchObject({ code: 2 });
    expect(await good('machine delete 52-54-00-00-00-22 post09 --yes')).toBe(
      '52-54-00-00-00-22 forgotten until it asks again\npost09 deleted\n',
    );
    expect(await run('machine list --state pending')).toMatchObject({ code: 0, out: '' });
  });

  it('asks for a boot once, and takes it back', async () => {
    await good('machine boot post01 --once installer');
    expect(await good('machine list -l rack=a3')).toContain('(once installer)');
    await good('machine boot post01 --cancel');
    expect(await parsed('machine get post01 -o json')).not.toHaveProperty('oneShot');
    expect(await run('machine boot post01 --once nonsense')).toMatchObject({ code: 1 });
  });

  it('exports what apply takes, tells differences, and says file and line of what is wrong', async () => {
    const file = join(folder, 'lab.yaml');
    writeFileSync(file, await good('export'));
    expect(await good(`apply -f ${file}`)).toBe('');
    expect(await run(`diff -f ${file}`)).toMatchObject({ code: 0, out: '' });
    writeFileSync(file, readFileSync(file, 'utf8').replace('rack: a3', 'rack: a9'));
    expect(await run(`diff -f ${file}`)).toMatchObject({
      code: 1,
      out: expect.stringContaining('  - /labels/rack: "a3"\n  + /labels/rack: "a9"\n'),
    });
    expect(await good(`apply -f ${file}`)).toBe('machine/post01 changed\n');
    writeFileSync(
      file,
      `${readFileSync(file, 'utf8')}---\nkind: Machine\nname: bad\nnics:\n  - mac: 52:54:00:00:00:01\nprofile: missing\n`,
    );
    const { code, error } = await run(`apply -f ${file}`);
    expect(code).toBe(1);
    expect(error).toMatch(/lab\.yaml:\d+:10: Machine bad: nics\.0\.mac: .*\n.*lab\.yaml:\d+:10: Machine bad: profile: /);
    expect(
      await run('apply -f - --prune --yes --dry-run', { input: 'kind: Machine\nname: post01\nnics: [{ mac: "52:54:00:00:00:01" }]\n' }),
    ).toMatchObject({
      code: 0,
      out: expect.stringContaining('machine/post02 deleted'),
    });
    expect(await good('machine list -o name')).toContain('post02');
  });

  it('keeps profiles and subnets', async () => {
    expect(await good('profile list')).toMatch(/^NAME +BOOT +IMAGE +MENUS +MACHINES\ndom0 /);
    await good('profile create -f -', { input: 'kind: Profile\nname: own-disk\nboot: local\n' });
    expect(await run('profile delete dom0 --yes')).toMatchObject({ code: 1 });
    await good('profile delete own-disk --yes');
    expect(await good('subnet get lab -o yaml')).toContain('cidr: 192.168.0.0/24');
    expect(await good('subnet list')).toContain('192.168.0.0/24');
  });

  it('edits, checks, compares, publishes, rolls back and restores a template', async () => {
    expect(await good('template list')).toMatch(/menu\.lst +shipped +no/);
    const text = await good('template get menu.lst');
    expect(await good('template render menu.lst -m post01')).toContain('post01');
    expect(await good('template render /grub/post01.conf -m post01')).toContain('post01');
    await good('template set menu.lst -f -', { input: `# mine\n${text}` });
    expect(await run('template diff menu.lst')).toMatchObject({ code: 1, out: expect.stringContaining('+# mine') });
    expect(await good('template check menu.lst')).toContain('renders for');
    expect(await good('template publish menu.lst --note mine --try 10m')).toContain('version 1 is served, on trial');
    await good('template confirm menu.lst');
    expect(await good('template get menu.lst')).toBe(`# mine\n${text}`);
    expect(await good('template versions menu.lst -o name')).toMatch(/^1\n/);
    await good('template rollback menu.lst --to shipped --note back');
    expect(await good('template get menu.lst')).toBe(text);
    await good('template set menu.lst -f -', { input: `{{parameters.missing}}\n${text}` });
    const broken = await run('template publish menu.lst');
    expect(broken).toMatchObject({ code: 1, error: expect.stringContaining('parameters.missing is missing') });
    expect(await run('template check menu.lst')).toMatchObject({ code: 1 });
    await good('template discard menu.lst --yes');
    await good('template restore menu.lst --yes');
    expect(await run('template get nonsense')).toMatchObject({ code: 3 });
  });

  it('lets two people edit one template, and the second one find a way out', async () => {
    const script = join(folder, 'editor');
    const wait = `until [ -e ${folder}/go ]; do sleep 0.05; done`;
    writeFileSync(script, `#!/bin/sh\n${wait}\necho mine >> "$1"\n`, { mode: 0o755 });
    const environment = { EDITOR: script, TMPDIR: folder, PATH: process.env['PATH'] ?? '' };
    const mine = run('template edit menu.lst', { environment, answers: ['t'] });
    await vi.waitUntil(() => globSync(join(folder, 'virtdom-edit-*/menu.lst.hbs')).length === 1);
    await good('template set menu.lst -f -', { input: 'theirs\n' });
    writeFileSync(join(folder, 'go'), '');
    const { code, error, questions } = await mine;
    expect({ code, error }).toMatchObject({
      code: 0,
      error: expect.stringMatching(/template\/menu\.lst is at revision \d+ now, changed by /),
    });
    expect(questions[0]).toContain('was changed while you edited it');
    expect(error).toContain('+theirs\n');
    expect(await good('template get menu.lst --draft')).toMatch(/mine\nmine\n$/);
    await good('template discard menu.lst --yes');
  });

  it('lists boots, events, audit entries, leases, tasks and images', async () => {
    for (const noun of ['boot', 'event', 'lease', 'task', 'image']) expect(await good(`${noun} list -o json`)).toMatch(/^\[/);
    expect(await good('audit list --object machine/spare')).toMatch(/machine\.assign +machine\/spare +done/);
    expect(await good('event list --kind machine.*', {})).toMatch(/TIME|^$/);
    expect(await run('boot show post01')).toMatchObject({ code: 3 });
    expect(await run('lease delete 192.168.0.99 --yes')).toMatchObject({ code: 3 });
    expect(await run('image delete dom0@2 --yes')).toMatchObject({ code: 4 });
    expect(await good('image list -o wide')).toContain('dom0@1');
  });

  it('takes machines over from another system, and says what was not understood', async () => {
    const input =
      'host farm1 { hardware ethernet 52:54:00:00:01:01; fixed-address 192.168.0.31; }\nhost farm2 { hardware ethernet 52:54:00:00:01:02; fixed-address a.example; }\n';
    const { code, out, error } = await run('machine import isc - --profile dom0', { input });
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('machine/farm1 created\n') });
    expect(error).toContain('standard input:2: ');
    await good('machine delete farm1 --yes');
  });

  it('follows events as they happen', async () => {
    const seen: string[] = [];
    const watching = run('event watch --kind machine.* -o jsonl', {
      onOut: (text) => {
        seen.push(text);
        throw new Error('enough');
      },
    });
    await vi.waitUntil(
      async () => {
        rig.events.append({ atMs: rig.clock.now(), kind: 'machine.assigned', severity: 'info', machine: 'post01', detail: {} });
        return seen.length > 0;
      },
      { interval: 50 },
    );
    expect((await watching).error).toContain('enough');
    expect(JSON.parse(seen[0] ?? '')).toMatchObject({ kind: 'machine.assigned', machine: 'post01' });
  });

  describe('over the network', () => {
    it('is nobody before a log-in, then the user, and nobody again', async () => {
      await good('user create anna --role operator --password-stdin', { input: 'correct horse battery\n' });
      const there = { environment: overNetwork() };
      expect(await run('machine list', there)).toMatchObject({ code: 1, error: expect.stringContaining('Say virtdom login') });
      expect(await run('login anna --password-stdin', { ...there, input: 'wrong horse battery\n' })).toMatchObject({ code: 1 });
      await good('login anna --password-stdin', { ...there, input: 'correct horse battery\n' });
      expect(JSON.parse(await good('whoami -o json', there))).toMatchObject({ actor: 'anna', via: 'session', role: 'operator' });
      await good('machine set post01 role=worker', there);
      expect(await run('user list', there)).toMatchObject({ code: 1, error: expect.stringContaining('Your role does not allow this') });
      const changed = await run('user set anna --password', {
        ...there,
        answers: ['correct horse battery', 'another horse battery', 'another horse battery'],
      });
      expect(changed).toMatchObject({ code: 0 });
      await run('login anna --password-stdin', { ...there, input: 'another horse battery\n' });
      await good('logout', there);
      expect(await run('machine list', there)).toMatchObject({ code: 1 });
    });

    it('may do with a token what the token may', async () => {
      const token = (await good('token create ci --role viewer --scope machines:read --expires 1h')).trim();
      const there = { environment: { ...overNetwork(), VIRTDOM_TOKEN: token } };
      expect(await good('machine list -o name', there)).toContain('post01\n');
      expect(await run('machine set post01 role=x', there)).toMatchObject({ code: 1 });
      const made = (await parsed('token list -o json')) as { id: string; name: string }[];
      expect(await good('token list')).toContain('machines:read');
      await good(`token delete ${made.find(({ name }) => name === 'ci')?.id} --yes`);
      expect(await run('machine list', there)).toMatchObject({
        code: 1,
        error: expect.stringContaining('The token is wrong, or has ended'),
      });
    });

    it('locks a user out and deletes them', async () => {
      await good('user set anna --disable');
      expect(await good('user list')).toMatch(/anna +operator +locked out/);
      await good('user delete anna --yes');
      expect(await run('user get anna')).toMatchObject({ code: 3 });
    });
  });
});
