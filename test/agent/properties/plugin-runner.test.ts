import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PluginRunner } from '../../../src/agent/properties/plugin-runner.ts';
import { findPluginUser } from '../../../src/agent/properties/plugin-user.ts';
import type { PluginUser } from '../../../src/agent/properties/plugin-user.ts';

const owner = process.getuid?.() ?? 0;
const isRoot = owner === 0;

let folder: string;
let runner: PluginRunner;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtdom-plugins-'));
  chmodSync(folder, 0o755);
  runner = new PluginRunner({ folder, owner, maxOutputBytes: 4096 });
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function plugin(name: string, script: string, mode = 0o755): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), mode);
}

function run(name: string, args: readonly string[] = [], signal = new AbortController().signal): Promise<string> {
  return runner.run(name, args, signal);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

describe('a plugin', () => {
  it('is run with its words as they are, and no shell between', async () => {
    plugin('words.sh', 'for word in "$@"; do echo "<$word>"; done');
    expect(await run('words.sh', ['a b', '$(id)', '; ls'])).toBe('<a b>\n<$(id)>\n<; ls>\n');
  });

  it('sees nothing of the environment, the folder and the input of the agent', async () => {
    process.env['VIRTDOM_TEST_SECRET'] = 'x';
    plugin('env.sh', 'env; pwd; cat');
    const output = await run('env.sh');
    delete process.env['VIRTDOM_TEST_SECRET'];
    expect(output).not.toContain('SECRET');
    expect(output).toContain('PATH=/usr/sbin:/usr/bin:/sbin:/bin\n');
    expect(output.trimEnd().split('\n').at(-1)).toBe('/');
  });

  it('that fails says its status and what it complained of', async () => {
    plugin('fails.sh', 'echo output; echo "no RAID here" >&2; exit 3');
    await expect(run('fails.sh')).rejects.toMatchObject({ code: 'failed', message: 'fails.sh ended with status 3: no RAID here' });
  });

  it('that cannot be started says so', async () => {
    writeFileSync(join(folder, 'odd.sh'), '#!/nonexistent/interpreter\n');
    chmodSync(join(folder, 'odd.sh'), 0o755);
    await expect(run('odd.sh')).rejects.toMatchObject({ code: 'failed', message: expect.stringContaining('it could not be started') });
  });

  it('that hangs is stopped with all that it started', async () => {
    plugin('hangs.sh', `sleep 300 & echo $! > ${folder}/child; echo $$ > ${folder}/own; wait`);
    const stop = new AbortController();
    const running = run('hangs.sh', [], stop.signal);
    await vi.waitUntil(() => existsSync(join(folder, 'own')));
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: 'timeout' });
    const pids = ['own', 'child'].map((name) => Number(readFileSync(join(folder, name), 'utf8')));
    await vi.waitUntil(() => !pids.some(isAlive));
  });

  it('that leaves something behind is done when it is done itself, and what it left is stopped', async () => {
    plugin('leaves.sh', `sleep 300 & echo $! > ${folder}/child; echo done`);
    expect(await run('leaves.sh')).toBe('done\n');
    const child = Number(readFileSync(join(folder, 'child'), 'utf8'));
    await vi.waitUntil(() => !isAlive(child));
  });

  it('that leaves something behind in another group is not waited for either', async () => {
    plugin('escapes.sh', `setsid sleep 5 & echo done`);
    const began = performance.now();
    expect(await run('escapes.sh')).toBe('done\n');
    expect(performance.now() - began).toBeLessThan(4000);
  });

  it('that writes without end is stopped', async () => {
    plugin('floods.sh', 'while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done');
    await expect(run('floods.sh')).rejects.toMatchObject({ code: 'too-large', message: 'floods.sh wrote more than 4 KiB and was stopped' });
  });

  it('is not run twice at once', async () => {
    plugin('slow.sh', `echo > ${folder}/begun; sleep 0.3; echo done`);
    const first = run('slow.sh');
    await vi.waitUntil(() => existsSync(join(folder, 'begun')));
    await expect(run('slow.sh')).rejects.toMatchObject({ code: 'busy' });
    expect(await first).toBe('done\n');
    expect(await run('slow.sh')).toBe('done\n');
  });

  it.each(['../evil.sh', '/bin/sh', 'a/b.sh', '.hidden', '', '-c', 'a\0b', '..'])('is a name in its folder, and not %j', async (name) => {
    await expect(run(name)).rejects.toMatchObject({ code: 'refused' });
  });

  it('that is not there says where it should be', async () => {
    await expect(run('none.sh')).rejects.toMatchObject({ code: 'missing', message: `there is no ${folder}/none.sh` });
  });

  it('is a plain file: a link is not followed', async () => {
    symlinkSync('/bin/true', join(folder, 'link.sh'));
    await expect(run('link.sh')).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('links are not followed') });
  });

  it.each([
    [0o777, 'may be written by others'],
    [0o775, 'may be written by others'],
    [0o644, 'is not executable'],
  ])('with mode %o is refused: it %s', async (mode, reason) => {
    plugin('mode.sh', 'echo x', mode);
    await expect(run('mode.sh')).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining(reason) });
  });

  it('in a folder that others may write to is refused', async () => {
    plugin('fine.sh', 'echo x');
    chmodSync(folder, 0o777);
    await expect(run('fine.sh')).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining(`${folder} may be written by others`),
    });
  });

  it('of another owner is refused', async () => {
    plugin('fine.sh', 'echo x');
    const strict = new PluginRunner({ folder, owner: owner + 1, maxOutputBytes: 4096 });
    await expect(strict.run('fine.sh', [], new AbortController().signal)).rejects.toMatchObject({
      code: 'refused',
      message: `${folder} belongs to user ${owner}, expected ${owner + 1}: chown it`,
    });
  });

  it.runIf(isRoot)('runs as its own user, without the groups of the agent', async () => {
    const user = findPluginUser(readFileSync('/etc/passwd', 'utf8'), 'virtdom-plugin-of-no-machine');
    plugin('who.sh', 'id -un; id -G');
    const low = new PluginRunner({ folder, owner, user, maxOutputBytes: 4096 });
    expect(await low.run('who.sh', [], new AbortController().signal)).toBe(`nobody\n${user.gid}\n`);
  });
});

const root = 'root:x:0:0::/root:/bin/sh';
const nobody = 'nobody:x:65534:65533::/:/x';

describe('the user who runs plugins', () => {
  it.each([
    { name: 'one for that alone', passwd: [root, nobody, 'plugin:x:990:991::/:/x'], user: { uid: 990, gid: 991, isOwn: true } },
    { name: 'nobody where there is none', passwd: [root, nobody], user: { uid: 65_534, gid: 65_533, isOwn: false } },
    { name: 'never root', passwd: [root, nobody, 'plugin:x:0:0::/:/x'], user: { uid: 65_534, gid: 65_533, isOwn: false } },
    { name: 'never in the group of root', passwd: [root, nobody, 'plugin:x:990:0::/:/x'], user: { uid: 65_534, isOwn: false } },
    {
      name: 'not by a number of somebody else',
      passwd: [root, nobody, 'plugin:x:33:33::/:/x', 'www:x:33:33::/:/x'],
      user: { isOwn: false },
    },
    { name: 'not nobody by another name', passwd: [root, nobody, 'plugin:x:65534:65534::/:/x'], user: { gid: 65_533, isOwn: false } },
    { name: 'not without number', passwd: [root, nobody, 'plugin:x:::/:/x'], user: { gid: 65_533, isOwn: false } },
  ])('is $name', ({ passwd, user }) => {
    expect(findPluginUser(`${passwd.join('\n')}\n`, 'plugin')).toMatchObject(user);
  });

  it('is missed, where there is not even nobody', () => {
    expect(() => findPluginUser(`${root}\n`, 'plugin')).toThrow(
      'there is neither a user plugin nor nobody in /etc/passwd to run plugins as',
    );
  });
});

describe.runIf(isRoot)('a plugin of a user of its own', () => {
  const children: number[] = [];
  let user: PluginUser;
  let own: PluginRunner;

  beforeEach(() => {
    // Of this test alone, whoever else runs it on this machine.
    const id = 20_000 + Math.floor(Math.random() * 40_000);
    user = { uid: id, gid: id, isOwn: true };
    own = new PluginRunner({ folder, owner, user, maxOutputBytes: 4096 });
    chmodSync(folder, 0o755);
  });
  afterEach(() => {
    for (const pid of children.splice(0)) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });

  /** The plugin says the numbers of its children, one a line. */
  async function childrenOf(runs: PluginRunner, name: string): Promise<number[]> {
    const pids = (await runs.run(name, [], new AbortController().signal)).trim().split('\n').map(Number);
    children.push(...pids);
    return pids;
  }

  const hidden = `setsid sh -c 'echo $$; exec sleep 300 >/dev/null 2>&1' </dev/null & sleep 0.2`;

  it.each([
    ['in a session of its own', hidden],
    [
      'as a daemon that is nobodys child',
      `(setsid sh -c '(echo $$; sh -c "echo \\$\\$; exec sleep 300 >/dev/null 2>&1" &)' &) ; sleep 0.3`,
    ],
    ['that ignores signals', `setsid sh -c 'trap "" TERM HUP INT; echo $$; sleep 300 >/dev/null 2>&1; :' </dev/null & sleep 0.2`],
  ])('leaves nothing running %s', async (_, script) => {
    plugin('escapes.sh', script);
    const pids = await childrenOf(own, 'escapes.sh');
    expect(pids.length).toBeGreaterThan(0);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it('leaves nothing running when it is stopped for its time either', async () => {
    plugin(
      'hangs.sh',
      `setsid sleep 300 & echo $! > /tmp/virtdom-plugin-$$; mv /tmp/virtdom-plugin-$$ /tmp/virtdom-plugin-${user.uid}; wait`,
    );
    const stop = new AbortController();
    const running = own.run('hangs.sh', [], stop.signal);
    const said = `/tmp/virtdom-plugin-${user.uid}`;
    await vi.waitUntil(() => existsSync(said));
    const child = Number(readFileSync(said, 'utf8'));
    rmSync(said);
    children.push(child);
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: 'timeout' });
    expect(isAlive(child)).toBe(false);
  });

  it('does not end what another plugin still runs, in its group or below it', async () => {
    plugin('long.sh', `((sleep 0.6; echo orphan) &); setsid sleep 0.8 & wait $! && echo whole`);
    plugin('short.sh', hidden);
    const long = own.run('long.sh', [], new AbortController().signal);
    const pids = await childrenOf(own, 'short.sh');
    expect(pids.filter(isAlive)).toEqual([]);
    expect(await long).toBe('orphan\nwhole\n');
  });

  it('does not end what others run, nor anything where plugins run as nobody', async () => {
    plugin('escapes.sh', hidden);
    const shared = new PluginRunner({ folder, owner, user: { ...user, isOwn: false }, maxOutputBytes: 4096 });
    const other = new PluginRunner({ folder, owner, user: { uid: user.uid + 1, gid: user.gid, isOwn: true }, maxOutputBytes: 4096 });
    const pids = await childrenOf(shared, 'escapes.sh');
    await childrenOf(other, 'escapes.sh');
    expect(pids.map(isAlive)).toEqual([true]);
    // An agent that is started anew ends what the one before it has left.
    await own.clean();
    expect(pids.map(isAlive)).toEqual([false]);
  });
});
