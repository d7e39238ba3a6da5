import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runIsolated } from '../../src/images/command.ts';

let scratch = '';
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'virtdom-isolated-'));
  mkdirSync(join(scratch, 'mounted'));
});
afterEach(() => rmSync(scratch, { recursive: true }));

/** Mounts something, starts a child that outlives its parent, says so and waits. */
const busy = (folder: string): string[] => [
  '/bin/sh',
  '-c',
  'mount -t tmpfs tmpfs "$1/mounted"; touch "$1/mounted/inside"; (while :; do date +%N >"$1/pulse"; sleep 0.05; done) & echo ready; wait',
  'sh',
  folder,
];

const pulse = (): string => (existsSync(join(scratch, 'pulse')) ? readFileSync(join(scratch, 'pulse'), 'utf8') : '');

async function expectNothingLeft(): Promise<void> {
  await expect
    .poll(async () => {
      const before = pulse();
      await new Promise((resume) => void setTimeout(resume, 200));
      return pulse() === before;
    })
    .toBe(true);
  expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(scratch);
  expect(existsSync(join(scratch, 'mounted/inside'))).toBe(false);
}

it('a command that is aborted leaves neither mounts nor children', async () => {
  const abort = new AbortController();
  const running = runIsolated(busy(scratch), {
    logFile: join(scratch, 'log'),
    signal: abort.signal,
    onLine: () => void setTimeout(() => abort.abort(), 200),
  });
  await expect(running).rejects.toThrow(/abort/i);
  expect(pulse()).not.toBe('');
  await expectNothingLeft();
});

it('a command whose parent is killed with SIGKILL leaves neither mounts nor children', async () => {
  const module = resolve(import.meta.dirname, '../../src/images/command.ts');
  const script = `import { runIsolated } from ${JSON.stringify(module)};
    await runIsolated(${JSON.stringify(busy(scratch))}, { logFile: ${JSON.stringify(join(scratch, 'log'))}, onLine: console.log });`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(parent.stdout, 'data');
  await expect.poll(pulse).not.toBe('');
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  await expectNothingLeft();
});

it('a command that fails says how and what it last said', async () => {
  const running = runIsolated(['/bin/sh', '-c', 'echo first; echo the reason >&2; exit 3'], { logFile: join(scratch, 'log') });
  await expect(running).rejects.toThrow(/ended with 3[^]*the reason/);
  expect(readFileSync(join(scratch, 'log'), 'utf8')).toContain('first');
});
