import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { XlHypervisor } from '../../src/agent/xl-hypervisor.ts';
import { silentLog } from '../../src/log.ts';
import { scratchFolder } from './scratch.ts';

const fixtures = new URL('../fixtures/xl/', import.meta.url).pathname;

/** An `xl` that does what the lines of shell say; `$1` is its first word. */
function rig(script: string, options: { readonly createMs?: number; readonly otherMs?: number } = {}) {
  const dir = scratchFolder();
  const program = join(dir, 'xl');
  writeFileSync(program, `#!/bin/sh\necho "$@" >>${dir}/calls\n${script}\n`);
  chmodSync(program, 0o755);
  const calls = (): string[] => readFileSync(join(dir, 'calls'), 'utf8').trim().split('\n');
  return { dir, calls, xen: new XlHypervisor({ dir, log: silentLog, program, ...options }) };
}

describe('Xen by xl', () => {
  it('lists domains and knows the memory, by the words that xl really says', async () => {
    const { xen, calls } = rig(`case $1 in list) cat ${fixtures}list-v-running.txt;; info) cat ${fixtures}info.txt;; esac`);
    expect(await xen.list()).toMatchObject([{ name: 'worker-1', state: 'running' }]);
    expect(await xen.info()).toMatchObject({ freeMib: 1003 });
    expect(calls()).toEqual(['list -v', 'info']);
  });

  it('never takes a failure of xl list for no domains', async () => {
    await expect(rig(`head -n 1 ${fixtures}list-v-running.txt`).xen.list()).rejects.toThrow('without Domain-0');
    await expect(rig('exit 0').xen.list()).rejects.toThrow('something else than its table');
    await expect(rig(`cat ${fixtures}list-v-empty.txt; exit 1`).xen.list()).rejects.toThrow('xl list');
    await expect(rig('sleep 60', { otherMs: 100 }).xen.list()).rejects.toThrow('did not end in time');
  });

  it('hands xl the configuration as a file for root alone, which is gone afterwards', async () => {
    const { xen, dir, calls } = rig('stat -c %a "$2" >>$0.seen; cat "$2" >>$0.seen');
    expect(await xen.create('worker-1', 'name = "worker-1"\n')).toEqual({ kind: 'done' });
    expect(calls()).toEqual([`create ${dir}/worker-1.cfg`]);
    expect(readFileSync(join(dir, 'xl.seen'), 'utf8')).toBe('600\nname = "worker-1"\n');
    expect(readdirSync(dir).toSorted()).toEqual(['calls', 'xl', 'xl.seen']);
  });

  it('says why xl could not make it', async () => {
    const { xen } = rig(`cat ${fixtures}create-no-memory.err.txt >&2; exit 3`);
    expect(await xen.create('worker-1', '')).toMatchObject({
      kind: 'failed',
      code: 'no-memory',
      reason: /^xl create: can't allocate low memory/,
    });
  });

  it('makes one domain at a time (xl create takes 93 MB)', async () => {
    const { xen, dir } = rig('echo begin >>$0.log; sleep 0.05; echo end >>$0.log');
    await Promise.all([xen.create('a', ''), xen.create('b', ''), xen.create('c', '')]);
    expect(readFileSync(join(dir, 'xl.log'), 'utf8')).toBe('begin\nend\n'.repeat(3));
  });

  it('kills an xl create that hangs with all that it started, and goes on', async () => {
    const { xen, dir } = rig('sleep 300 & echo $! >$0.child; wait', { createMs: 300 });
    expect(await xen.create('worker-1', '')).toMatchObject({ code: 'timeout' });
    const child = Number(readFileSync(join(dir, 'xl.child'), 'utf8'));
    await vi.waitUntil(() => !isAlive(child), { timeout: 5000 });
    expect(existsSync(join(dir, 'xl-create.pid'))).toBe(false);
  });

  it('has read all that xl said, however much that is', async () => {
    const { xen } = rig(`cat ${fixtures}list-v-running.txt; line=$(tail -n 1 ${fixtures}list-v-running.txt); yes "$line" | head -n 2999`);
    expect(await xen.list()).toHaveLength(3000);
  });

  it('never takes a list that is longer than what is read for the whole one', async () => {
    const { xen } = rig(`cat ${fixtures}list-v-running.txt; line=$(tail -n 1 ${fixtures}list-v-running.txt); yes "$line" | head -n 20000`);
    await expect(xen.list()).rejects.toThrow('xl list -v said more than is read of it');
  });

  it('does not wait for the daemon that xl leaves behind for a domain', async () => {
    const { xen, dir } = rig('setsid sleep 300 & echo $! >$0.child');
    const started = performance.now();
    expect(await xen.create('worker-1', '')).toEqual({ kind: 'done' });
    expect(performance.now() - started).toBeLessThan(5000);
    const daemon = Number(readFileSync(join(dir, 'xl.child'), 'utf8'));
    expect(isAlive(daemon)).toBe(true);
    process.kill(daemon);
  });

  it('keeps little of an xl that talks without end', async () => {
    const { xen } = rig('yes "libxl: error: x.c:1:f: again" >&2', { otherMs: 200 });
    const outcome = await xen.destroy('worker-1');
    expect(outcome).toMatchObject({ code: 'timeout' });
    expect(JSON.stringify(outcome).length).toBeLessThan(3000);
  });

  it('says that there is no xl', async () => {
    const xen = new XlHypervisor({ dir: scratchFolder(), log: silentLog, program: '/nowhere/xl' });
    expect(await xen.pause('worker-1')).toMatchObject({ code: 'failed', reason: /xl is not on this machine/ });
  });

  it('ends an xl create that an earlier agent left, and no other process of its number', async () => {
    const dir = scratchFolder();
    const left = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
    onTestFinished(() => void left.kill('SIGKILL'));
    const pid = left.pid ?? 0;
    const start = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19];
    const ended = new Promise((resolve) => {
      left.once('exit', resolve);
    });
    writeFileSync(join(dir, 'xl-create.pid'), `${pid} 1\n`);
    const other = new XlHypervisor({ dir, log: silentLog });
    expect(isAlive(pid)).toBe(true);
    writeFileSync(join(dir, 'xl-create.pid'), `${pid} ${start}\n`);
    expect([other, new XlHypervisor({ dir, log: silentLog })]).toHaveLength(2);
    await ended;
    expect(existsSync(join(dir, 'xl-create.pid'))).toBe(false);
  });
});

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
