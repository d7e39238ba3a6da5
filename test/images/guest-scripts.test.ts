import { execFileSync, spawnSync } from 'node:child_process';
import { globSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratchFolder } from './scratch-folder.ts';

const recipes = resolve(import.meta.dirname, '../../recipes');
const words = join(recipes, 'guest-overlay/usr/lib/virtdom/arguments');

/** What a guest with this kernel command line finds. */
function ask(commandLine: string, question: string): { readonly status: number | null; readonly out: string } {
  const file = join(scratchFolder(), 'cmdline');
  writeFileSync(file, `${commandLine}\n`);
  const { status, stdout } = spawnSync('sh', ['-c', `. "$1"; command_line=$2; ${question}`, 'sh', words, file], { encoding: 'utf8' });
  return { status, out: stdout };
}

const commandLine =
  'console=hvc0 quiet virtdom.name=worker-1 virtdom.net.0=10.12.0.10/24,10.12.0.1 virtdom.env.NOTE="two words" virtdom.env.EMPTY=';

describe('a guest', () => {
  it.each([
    ['virtdom.name', 'worker-1'],
    ['virtdom.net.0', '10.12.0.10/24,10.12.0.1'],
    ['virtdom.env.NOTE', 'two words'],
    ['virtdom.env.EMPTY', ''],
  ])('reads %s from its kernel arguments, double quotes holding words together', (name, value) => {
    expect(ask(commandLine, `argument ${name}`)).toEqual({ status: 0, out: `${value}\n` });
  });

  it.each(['virtdom.net.1', 'name', 'quiet', 'virtdom'])('knows that %s was not given a value', (name) => {
    expect(ask(commandLine, `argument ${name}`)).toEqual({ status: 1, out: '' });
  });

  it('takes what its work is told, or what it does without being told', () => {
    expect(ask(commandLine, 'variable NOTE x; variable OUTER eth0').out).toBe('two words\neth0\n');
  });
});

const scripts = globSync('{guest,gateway,worker}-overlay/{init,usr/lib/virtdom/*}', { cwd: recipes }).filter(
  (file) => !file.endsWith('modules'),
);

it.each(scripts)('%s is a script that a shell can read', (file) => {
  expect(() => execFileSync('sh', ['-n', join(recipes, file)])).not.toThrow();
});
