import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pluginLimits } from '../../../src/agent/properties/plugin-limits.ts';
import { PluginRunner } from '../../../src/agent/properties/plugin-runner.ts';

const owner = process.getuid?.() ?? 0;
const canLimit = owner === 0 && ['prlimit', 'choom'].every((tool) => existsSync(`/usr/bin/${tool}`));

/** Each script starts the next and stays for a second. Without any limit that ends with the sixtieth: no danger to who runs this. */
const bomb = (start: string): string => `[ "\${1:-0}" -lt 60 ] || exec sleep 1
${start} "$0" $((\${1:-0} + 1)) &
exec sleep 1`;

describe.runIf(canLimit)('a plugin', () => {
  let folder: string;
  let uid: number;
  let most: number;
  let watch: NodeJS.Timeout;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virtdom-limits-'));
    chmodSync(folder, 0o755);
    // Of this test alone, whoever else runs it on this machine.
    uid = 20_000 + Math.floor(Math.random() * 40_000);
    most = 0;
    watch = setInterval(() => (most = Math.max(most, processes().length)), 10);
  });
  afterEach(() => {
    clearInterval(watch);
    for (const pid of processes()) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true });
  });

  /** All that run as the user of this test. */
  function processes(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && new RegExp(`^Uid:\\s+${uid}\\s`, 'm').test(textOf(`/proc/${name}/status`)))
      .filter((name) => !/^State:\s+[ZX]/m.test(textOf(`/proc/${name}/status`)))
      .map(Number);
  }

  function run(script: string, limits = { processes: 20, memoryMib: 64 }, ms = 10_000): Promise<string> {
    const path = join(folder, 'plugin.sh');
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    const user = { uid, gid: uid, isOwn: true };
    const runner = new PluginRunner({ folder, owner, user, limits, maxOutputBytes: 4096 });
    return runner.run('plugin.sh', [], AbortSignal.timeout(ms));
  }

  it.each([
    ['in its group', bomb('')],
    ['in sessions of their own', bomb('setsid')],
  ])('that multiplies %s has no more processes than it may, and nothing is left of it', async (_, script) => {
    await run(script, undefined, 1500).catch(() => undefined);
    expect(most).toBeGreaterThan(15);
    expect(most).toBeLessThanOrEqual(20);
    expect(processes()).toEqual([]);
  });

  // It ends by itself after 150 of them.
  it('that is always another process is ended all the same', async () => {
    const script = '[ "${1:-0}" -lt 150 ] || exit 0\nsetsid "$0" $((${1:-0} + 1)) </dev/null >/dev/null 2>&1 &\n[ -n "$1" ] || sleep 0.1';
    await run(script, pluginLimits).catch(() => undefined);
    expect(processes()).toEqual([]);
  });

  it('that wants more memory than it may have does not get it', async () => {
    const script = 'x=0123456789abcdef; i=0; while [ $i -lt 23 ]; do x=$x$x; i=$((i + 1)); done; echo ${#x}';
    await expect(run(script)).rejects.toMatchObject({ code: 'failed' });
    expect(await run('x=0123456789abcdef; i=0; while [ $i -lt 16 ]; do x=$x$x; i=$((i + 1)); done; echo ${#x}')).toBe('1048576\n');
  });

  it('is the first to go where memory is short, leaves no dump of its memory, and raises none of it', async () => {
    const said = await run('cat /proc/self/oom_score_adj; ulimit -u 2>/dev/null || ulimit -p; ulimit -c; ulimit -d; ulimit -H -c');
    expect(said).toBe(`1000\n20\n0\n${64 * 1024}\n0\n`);
    await expect(run('(echo -800 >/proc/self/oom_score_adj) && echo raised')).rejects.toMatchObject({ code: 'failed' });
  });

  it('that does what plugins do has room for it', async () => {
    expect(await run('ls / | sort | head -1; (echo a; echo b) | wc -l', pluginLimits)).toMatch(/^\w+\n2\n$/);
  });

  it('has its words as they are, also those that look like options', async () => {
    const runner = new PluginRunner({ folder, owner, user: { uid, gid: uid, isOwn: true }, limits: pluginLimits, maxOutputBytes: 4096 });
    writeFileSync(join(folder, 'words.sh'), '#!/bin/sh\nfor word in "$@"; do echo "<$word>"; done\n');
    chmodSync(join(folder, 'words.sh'), 0o755);
    expect(await runner.run('words.sh', ['--help', '-n', '1', '$(id)'], AbortSignal.timeout(10_000))).toBe(
      '<--help>\n<-n>\n<1>\n<$(id)>\n',
    );
  });
});

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
