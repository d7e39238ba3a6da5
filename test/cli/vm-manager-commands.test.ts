import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiServer } from '../../src/api/api-server.ts';
import { ApiRig } from '../api/api-rig.ts';
import type { FakeManager } from '../api/fake-manager.ts';
import { runCommand } from './run-command.ts';
import type { Circumstances } from './run-command.ts';

/** The commands against the real API, behind which a manager stands that knows what test/api/fake-manager.ts says. */
describe('the commands of the VM manager', () => {
  let rig: ApiRig;
  let manager: FakeManager;
  let server: ApiServer;
  let folder: string;
  let socket: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virtdom-cli-'));
    socket = join(folder, 'api.sock');
    rig = await ApiRig.start({ withManager: true });
    if (rig.manager === undefined) throw new Error('the rig has no manager');
    ({ manager } = rig);
    server = await ApiServer.start(rig.plane, { socket });
  });
  afterAll(async () => {
    await server.close();
    await rig.close();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    manager.asked.length = 0;
    manager.refusals.clear();
    manager.duties.clear();
  });

  const run = (words: string, more: Partial<Circumstances> = {}) => runCommand(words.split(' '), { socket, ...more });
  const good = async (words: string, more?: Partial<Circumstances>) => {
    const { code, out, error } = await run(words, more);
    if (code !== 0) throw new Error(`${words}: ${code}: ${error}`);
    return out;
  };

  const say = (kind: string, detail: Record<string, unknown>) =>
    rig.events.append({ atMs: rig.clock.now(), kind, severity: 'info', machine: 'post01', detail });

  describe('environment', () => {
    it('lists what is wanted and what there is', async () => {
      expect(await good('environment list')).toBe(
        'NAME     STATE      WANTED  RUNNING  READY  IMAGE      INSTANCES     REASON\n' +
          'gateway  short           1        0      0  gateway@1  at-most-one   0 of 1 run\n' +
          'worker   as-wanted       1        1      1  worker     at-least-one  1 of 1 run\n',
      );
      expect(await good('environment list --state short -o name')).toBe('gateway\n');
      expect(await good('environment list --sort=-priority -o name')).toBe('gateway\nworker\n');
      expect(await good('environment get worker')).toMatch(
        /^state: +as-wanted since 2026-03-01 11:59:30: 1 of 1 run\nwanted: +1 \(its document\)/,
      );
      expect(await run('environment get nothing')).toMatchObject({ code: 3 });
    });

    it('is made, edited, set, applied and deleted like every document', async () => {
      const text = 'kind: Environment\nname: printer\ninstances: at-least-one\nimage: worker\nmemoryMib: 128\ncount: 2\n';
      expect(await good('environment create -f -', { input: text })).toBe('environment printer created\n');
      expect(await run('environment create -f -', { input: text })).toMatchObject({ code: 4 });
      expect(await good('environment set printer memoryMib=256 constraints.labels.rack=a3 count.min=1 count.max=3')).toBe(
        'environment printer changed\n',
      );
      expect(await good('export --kind environment --name printer')).toMatch(
        /memoryMib: 256\n(?:.*\n)*constraints:\n {2}labels:\n {4}rack: a3\n/,
      );
      expect(await good('environment set printer constraints.labels.rack= --dry-run')).toBe('environment printer changed\n');
      expect(await run('environment set printer memoryMib=lots')).toMatchObject({ code: 1, error: expect.stringContaining('memoryMib') });
      expect(await run('environment set printer memoryMib')).toMatchObject({ code: 2 });
      expect(await good('environment apply -f -', { input: text })).toBe('environment/printer changed\n');
      const role = 'kind: Role\nname: other\n';
      expect(await run('environment apply -f -', { input: `${text}---\n${role}` })).toMatchObject({
        code: 2,
        error: expect.stringContaining('the file also holds a Role, other'),
      });
      expect(await good('environment delete printer --yes')).toContain('deleted');
    });

    it('is planned: each step, and with --why or -o wide host by host', async () => {
      const plain = await good('environment plan worker --count 2');
      expect(plain).toBe(
        'ACTION  VM        ENVIRONMENT  FROM  TO      REASON\n' +
          'start   worker-3  worker             post01  worker wants 2, 1 runs\n' +
          'post01: if it failed, 2 VMs would find no place\n',
      );
      expect(manager.asked).toEqual([{ method: 'plan', given: [{ environment: 'worker', count: 2 }] }]);
      const why = await good('environment plan worker --why');
      expect(why).toContain('runs\n    post01: chosen: 2048 MiB free\n    post02: refused: it is silent\n');
      expect(await good('environment plan worker -o wide')).toBe(why);
      expect(JSON.parse(await good('manager plan -o json'))).toMatchObject({
        steps: [{ vm: 'worker-3' }, { vm: 'gateway-1', from: 'post02' }],
      });
      expect(await good('manager plan -o name')).toBe('worker-3\ngateway-1\n');
      expect(await run('environment plan worker --count many')).toMatchObject({ code: 2 });
    });

    it('is scaled, with what follows on standard error', async () => {
      expect(await run('environment scale worker 4 --dry-run')).toMatchObject({
        code: 0,
        out: 'environment worker scaled to 4\n',
        error: 'it begins at once\ndry run: nothing was changed\n',
      });
      expect(manager.wanted.get('worker')).toBeUndefined();
      expect(await run('environment scale worker 9')).toMatchObject({ code: 4, error: expect.stringContaining('from 1 to 8 VMs') });
      expect(await run('environment scale nothing 1')).toMatchObject({ code: 3 });
      expect(await run('environment scale worker many')).toMatchObject({ code: 2 });
    });

    it('is waited for: 0 when it is as wanted, 5 when time is up, 1 when it is paused', async () => {
      expect(await run('environment scale worker 1 --wait')).toMatchObject({
        code: 0,
        error: 'it begins at once\nworker: 1 of 1 running, 0 starting (as-wanted: 1 of 1 run)\n',
      });
      const late = await run('environment scale worker 3 --wait --timeout 1s');
      expect(late).toMatchObject({ code: 5, error: expect.stringContaining('worker: 1 of 3 running, 0 starting (short: 1 of 3 run)') });
      expect(late.error).toContain('is not as wanted after 1 s');
      await good('environment pause worker');
      expect(await run('environment scale worker 2 --wait')).toMatchObject({
        code: 1,
        error: expect.stringContaining('virtdom environment resume worker'),
      });
      expect(await good('environment resume worker')).toBe('environment worker goes on\n');
      await good('environment scale worker 1');
    });

    it('that somebody else scales meanwhile is waited for no longer: 4', async () => {
      const waiting = run('environment scale worker 5 --wait --timeout 20s');
      await vi.waitUntil(() => manager.wanted.get('worker') === 5);
      manager.wanted.set('worker', 2);
      expect(await waiting).toMatchObject({ code: 4, error: expect.stringContaining('2 are wanted meanwhile, by anna') });
      manager.wanted.delete('worker');
    });
  });

  describe('role and trigger', () => {
    it('lists roles with the hosts that have them', async () => {
      expect(await good('role list')).toMatch(
        /^NAME +ENVIRONMENTS +NETWORKS +HOSTS +MACHINES +GIVEN\nfarm +worker,gateway +br12\(12\) +1 +0 +by name\n$/,
      );
      await good('role set farm match.labels.rack=a3 reserveMib=256');
      expect(await good('role list')).toMatch(/rack=a3\n$/);
      await good('role set farm match.labels.rack= reserveMib=');
      expect(await good('export --kind role')).not.toContain('match');
    });

    it('shows the last evaluation of a trigger apart from when it fired', async () => {
      expect(await good('trigger list')).toMatch(
        /^NAME +COMMAND +RESULT +EVALUATED +FIRED +REASON\nmore-workers +scale +false +5s ago +60m ago +false: load is 0\.4\n$/,
      );
      expect(await good('trigger get more-workers')).toMatch(
        /^last evaluation: +2026-03-01 11:59:55: false: .*\nit read: +post01\.load = 0\.4\nlast fired: +2026-03-01 11:00:00: worker scaled/,
      );
    });

    it('pauses a trigger in its document, and resumes it', async () => {
      await good('trigger pause more-workers');
      expect(await good('export --kind trigger')).toContain('paused: true');
      expect(await good('trigger list')).toMatch(/ paused /);
      await good('trigger resume more-workers');
      expect(await good('export --kind trigger')).not.toContain('paused');
    });

    it('checks a trigger that is saved or not, with file and line of what is wrong', async () => {
      expect(await good('trigger check more-workers')).toMatch(
        /^would say now: +2026-03-01 12:00:00: true: it would scale worker to 3\nit read: +load = 9\n$/,
      );
      const file = join(folder, 'trigger.yaml');
      writeFileSync(file, 'kind: Trigger\nname: x\nexpr: agnets.size() > 0\ncmd: {command: scale, environment: nothing, by: 1}\n');
      const wrong = await run(`trigger check -f ${file}`);
      expect(wrong).toMatchObject({ code: 1, error: expect.stringMatching(/trigger\.yaml:4:\d+: Trigger x: cmd\.environment: /) });
      writeFileSync(file, 'kind: Trigger\nname: x\nexpr: agnets.size() > 0\ncmd: {command: scale, environment: worker, by: 1}\n');
      expect((await run(`trigger check -f ${file}`)).error).toMatch(/trigger\.yaml:3:7: Trigger x: expr: unknown name agnets\n/);
      expect(JSON.parse((await run(`trigger check -f ${file} -o json`)).out)).toMatchObject({ valid: false });
      expect(await run('trigger check')).toMatchObject({ code: 2 });
      expect(await run(`trigger check x -f ${file}`)).toMatchObject({ code: 2 });
    });
  });

  describe('host', () => {
    it('lists hosts with state, duty, capacity and reason', async () => {
      expect(await good('host list')).toBe(
        'NAME    STATE              SINCE  ROLE  VMS              FREE  REASON\n' +
          'post01  online               60s  farm    1  2048 of 3584 MiB  its agent answers\n' +
          'post02  suspect, draining    25s          1                    silent for 40 s\n',
      );
      expect(await good('host list --duty active -o name')).toBe('post01\n');
      expect(await good('host list -l rack=a4 -o name')).toBe('post02\n');
      expect(await good('host list -l rack -o name')).toBe('post01\npost02\n');
      const shown = await good('host get post01');
      expect(shown).toMatch(
        /^name: +post01\nstate: +online since .*\nrole: +farm \(its machine document names it\)\nboot: +17, session 42, said hello at /,
      );
      expect(shown).toMatch(/vms: +worker-1 running \(worker, 512 MiB\)\n$/);
    });

    it('is drained, and waited for until the last VM has left', async () => {
      expect(await run('host drain post01 --dry-run')).toMatchObject({ code: 0, error: expect.stringContaining('dry run') });
      expect(manager.duties.size).toBe(0);
      const waiting = run('host drain post01 --wait');
      await vi.waitUntil(() => manager.duties.get('post01') === 'draining');
      manager.duties.set('post01', 'maintenance');
      expect(await waiting).toMatchObject({
        code: 0,
        out: 'post01 is drained\npost01 is in maintenance\n',
        error: expect.stringContaining('post01: worker-1 (running) still there\n'),
      });
      expect(await run('host drain post01 --wait --timeout 1s')).toMatchObject({ code: 5 });
      expect(await good('host activate post01')).toBe('post01 takes VMs again\n');
    });

    it('is drained with others by a label, each audited by itself, and one that is refused keeps no other back', async () => {
      manager.refusals.set('post01', 'post01 is the last that can host gateway');
      expect(await run('host drain -l rack --yes')).toMatchObject({
        code: 4,
        out: 'post02 is drained\n',
        error:
          'post01 refused: post01 is the last that can host gateway\npost02: it begins at once\n1 drained, 1 refused\nvirtdom: cannot drain post01\n',
      });
      const audited = JSON.parse(await good('audit list --action host.drain --limit 2 -o json')) as { object: string; outcome: string }[];
      expect(audited.map(({ object, outcome }) => `${object} ${outcome}`).sort()).toEqual(['host/post01 refused', 'host/post02 done']);
    });

    it('is drained until somebody activates it again: 4', async () => {
      const waiting = run('host drain post01 --wait');
      await vi.waitUntil(() => manager.duties.get('post01') === 'draining');
      manager.duties.set('post01', 'active');
      expect(await waiting).toMatchObject({ code: 4 });
    });

    it('gets a role, and gives it back', async () => {
      expect(await good('host role post02 farm')).toBe('post02 has the role farm\n');
      await good('host role post02');
      expect(manager.asked.map(({ given }) => given)).toEqual([
        ['post02', 'farm'],
        ['post02', undefined],
      ]);
    });

    it('is rebooted after a question', async () => {
      expect(await run('host reboot post01')).toMatchObject({ code: 2 });
      expect(await run('host reboot post01', { answers: ['n'] })).toMatchObject({ code: 1 });
      expect(manager.asked.filter(({ by }) => by?.dryRun !== true)).toEqual([]);
      expect(await run('host reboot post01', { answers: ['y'] })).toMatchObject({ code: 0, out: 'post01 is told to reboot\n' });
    });

    it('counts as dead when its name is typed: what would follow is shown before', async () => {
      const given = await run('host confirm-dead post02', { answers: ['post02'] });
      expect(given).toMatchObject({ code: 0, out: 'post02 counts as off: gateway-1 may start elsewhere\n' });
      expect(given.error).toContain('post02 is suspect: silent for 40 s\ngateway-1 may start elsewhere\n');
      expect(given.questions).toEqual([expect.stringMatching(/^Is post02 off, and sure to stay off\?.*Type its name: $/)]);
      expect(manager.asked.map(({ by }) => by?.dryRun)).toEqual([true, undefined]);
    });

    it.each([['y'], ['yes'], [''], ['post01'], ['POST02']])('does not count as dead when %j is typed', async (answer) => {
      expect(await run('host confirm-dead post02', { answers: [answer] })).toMatchObject({ code: 1 });
      expect(manager.asked.filter(({ by }) => by?.dryRun !== true)).toEqual([]);
    });

    it('counts as dead by a program that says its name once more, and by nobody else', async () => {
      expect(await run('host confirm-dead post02')).toMatchObject({ code: 2, error: expect.stringContaining('--yes-it-is-off post02') });
      expect(await run('host confirm-dead post02 --yes-it-is-off post01')).toMatchObject({ code: 2 });
      expect(await run('host confirm-dead post02 --dry-run')).toMatchObject({ code: 0, error: expect.stringContaining('dry run') });
      expect(manager.asked.filter(({ by }) => by?.dryRun !== true)).toEqual([]);
      expect(await good('host confirm-dead post02 --yes-it-is-off post02')).toContain('counts as off');
      manager.refusals.set('post01', 'post01 answers right now: it is not dead');
      expect(await run('host confirm-dead post01', { answers: ['post01'] })).toMatchObject({
        code: 4,
        error: 'virtdom: post01 answers right now: it is not dead\n',
        questions: [],
      });
    });

    it('has properties, which are also asked for anew', async () => {
      expect(await good('host properties post01')).toMatch(
        /^MACHINE +NAME +VALUE +AGE +PROBLEM\npost01 +raid +clean +\d+\w +timeout: raid\.sh/,
      );
      expect(await good('property list --name ram_free -o name')).toBe('post01/ram_free\npost02/ram_free\n');
      expect(JSON.parse(await good('property list -m post01 --name ram_free --history -o json'))).toMatchObject([{ history: [{}, {}] }]);
      expect(await good('property fetch post01 ram_free raid -o name')).toBe('post01/ram_free\npost01/raid\n');
      expect(await run('property fetch nothing ram_free')).toMatchObject({ code: 3 });
    });
  });

  describe('vm', () => {
    it('lists VMs with state, host, address and reason', async () => {
      expect(await good('vm list')).toBe(
        'NAME       ENVIRONMENT  STATE    SINCE  HOST    ADDRESS        READY  REASON\n' +
          'gateway-1  gateway      lost       40s  post02  10.12.0.1/24          post02 is silent: nobody knows whether it runs\n' +
          'worker-1   worker       running    40s  post01  192.168.0.117  yes    its domain runs\n' +
          'worker-2   worker       error      40s                                it failed to start twice\n',
      );
      expect(await good('vm list --state lost,error -o name')).toBe('gateway-1\nworker-2\n');
      expect(await good('vm list --host post01 -o name')).toBe('worker-1\n');
      expect(await run('vm list --state asleep')).toMatchObject({ code: 1 });
      expect(await good('vm get worker-2')).toMatch(/failures: +2026-03-01 11:59:15 on post01: xl create: not enough free memory\n/);
      expect(await good('vm explain gateway-1')).toBe(
        'gateway-1:  lost on post02 since 2026-03-01 11:59:20: post02 is silent: nobody knows whether it runs\n' +
          '  post02: power read back as off would let it move\n',
      );
    });

    it.each([
      ['vm shutdown worker-1 worker-2', 'worker-1 is asked to stop\nworker-2 is asked to stop\n', 'stopVm'],
      ['vm destroy worker-1 --yes', 'worker-1 is stopped\n', 'stopVm'],
      ['vm reboot worker-1', 'worker-1 reboots\n', 'rebootVm'],
      ['vm pause worker-1', 'worker-1 is paused\n', 'pauseVm'],
      ['vm unpause worker-1', 'worker-1 goes on\n', 'pauseVm'],
      ['vm clear worker-2', 'worker-2 is tried again\n', 'clearVm'],
      ['vm migrate worker-1 post02', 'worker-1 moves to post02\n', 'migrateVm'],
    ])('does %s', async (words, out, method) => {
      expect(await run(words)).toMatchObject({ code: 0, out, error: expect.stringContaining('it begins at once\n') });
      expect(new Set(manager.asked.map((each) => each.method))).toEqual(new Set([method]));
    });

    it('asks before it stops one at once, and keeps the reason of a refusal', async () => {
      expect(await run('vm destroy worker-1')).toMatchObject({ code: 2 });
      expect(await run('vm destroy worker-1', { answers: ['n'] })).toMatchObject({ code: 1 });
      expect(manager.asked.filter(({ by }) => by?.dryRun !== true)).toEqual([]);
      expect(await good('vm destroy worker-1 --dry-run')).toBe('worker-1 is stopped\n');
      manager.refusals.set('worker-1', 'post01 is silent: confirm that it is dead, or wait');
      expect(await run('vm reboot worker-1')).toMatchObject({
        code: 4,
        error: 'virtdom: post01 is silent: confirm that it is dead, or wait\n',
      });
      expect(await run('vm reboot nothing')).toMatchObject({ code: 3 });
    });

    it('prints a console, on a terminal without what a terminal would act on', async () => {
      manager.consoleText = 'one\r\n\u001b[2Jtwo\r\n';
      expect(await good('vm console worker-1')).toBe('one\r\n\u001b[2Jtwo\r\n');
      expect(await good('vm console worker-1', { columns: 80 })).toBe('one\n\\x1b[2Jtwo\n');
      await good('vm console worker-1 --bytes 4');
      expect(manager.asked.at(-1)?.given).toEqual(['worker-1', 4]);
    });

    it('follows a console, over a time in which its host is silent', async () => {
      manager.consoleText = 'one\n';
      let seen = '';
      const following = run('vm console worker-1 -f --every 1', {
        onOut: (text) => {
          seen += text;
          if (seen.includes('three')) throw new Error('enough');
        },
      });
      await vi.waitUntil(() => seen === 'one\n');
      manager.refusals.set('worker-1', 'post01 is silent');
      manager.consoleText = 'one\ntwo\n';
      await vi.waitUntil(() => manager.asked.length > 1, { timeout: 5000 });
      manager.refusals.clear();
      await vi.waitUntil(() => seen === 'one\ntwo\n', { timeout: 5000 });
      manager.consoleText = 'two\nthree\n';
      expect((await following).error).toBe('post01 is silent\nvirtdom: enough\n');
      expect(seen).toBe('one\ntwo\nthree\n');
    });
  });

  it('follows what happens to a VM, and what holds all of them', async () => {
    let seen = '';
    const following = run('vm watch worker-1', {
      onOut: (text) => {
        seen += text;
        if (seen.includes('manager.hold')) throw new Error('enough');
      },
    });
    await vi.waitUntil(
      () => {
        if (seen === '') say('vm.running', { vm: 'worker-1', environment: 'worker', reason: 'its domain runs' });
        return seen !== '';
      },
      { interval: 100 },
    );
    say('vm.running', { vm: 'worker-2', environment: 'worker', reason: 'its domain runs too' });
    say('environment.short', { environment: 'worker', reason: 'no room' });
    say('manager.hold', { reason: 'too much is silent' });
    expect((await following).error).toContain('enough');
    expect(seen).toContain('worker-1: its domain runs');
    expect(seen).not.toMatch(/worker-2|no room/);
  });

  describe('command', () => {
    it('lists, shows and takes back what agents were told', async () => {
      expect(await good('command list')).toMatch(
        /^ID +HOST +COMMAND +VM +STATE +SINCE +BY +REASON\nc-2 +post02 +vm\.migrate +gateway-1 +queued +10s +manager +post02 is silent\nc-1 /,
      );
      expect(await good('command list --state done -o name')).toBe('c-1\n');
      expect(await good('command get c-1')).toMatch(
        /command: +vm\.create worker-1 on post01, its boot 17, session 42\n(?:.*\n)*result:\n {2}domid: 3\n$/,
      );
      expect(await good('command cancel c-2')).toBe('c-2 cancelled\n');
      expect(await run('command cancel c-9')).toMatchObject({ code: 3 });
    });
  });

  describe('manager and status', () => {
    it('says how it is, holds it and releases it', async () => {
      expect(await good('manager status')).toMatch(/^name: +server1\nmanager: +leading since .*\nbus: +embedded, connected: /);
      expect(await good('manager hold maintenance')).toContain('virtdom manager release');
      expect(await good('status')).toMatch(/\nHOLD: +nothing is fenced or recovered, by operator since .*: maintenance\n/);
      await good('manager release');
      expect(await good('manager status -o json')).not.toContain('hold');
    });

    it('tells of lost and failed VMs with the state of the service', async () => {
      const text = await good('status');
      expect(text).toMatch(/\nmanager: +leading since .*\nERROR: +worker-2 since .*\nLOST: +gateway-1 since .*: post02 is silent/);
      expect(JSON.parse(await good('status -o json'))).toMatchObject({ state: 'ok', manager: { vms: { lost: 1 } }, troubled: [{}, {}] });
    });
  });
});
