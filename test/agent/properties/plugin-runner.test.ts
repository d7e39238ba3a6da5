import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findUser, PluginRunner } from '../../../src/agent/properties/plugin-runner.ts';

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
    const user = findUser(readFileSync('/etc/passwd', 'utf8'), 'nobody');
    plugin('who.sh', 'id -un; id -G');
    const low = new PluginRunner({ folder, owner, ...(user !== undefined && { user }), maxOutputBytes: 4096 });
    expect(await low.run('who.sh', [], new AbortController().signal)).toBe(`nobody\n${user?.gid}\n`);
  });

  it('is run by a user of /etc/passwd', () => {
    expect(findUser('root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/x\n', 'nobody')).toEqual({ uid: 65_534, gid: 65_533 });
    expect(findUser('root:x:0:0::/root:/bin/sh\n', 'nobody')).toBeUndefined();
  });
});
