import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findPluginUser } from '../../../src/agent/properties/plugin-user.ts';
import { loadRecipe } from '../../../src/images/recipe.ts';
import { scratchFolder } from '../scratch.ts';

const { steps } = loadRecipe(resolve(import.meta.dirname, '../../../recipes/dom0.yaml'));

/** The step of the recipe, as it runs in a root with these users. */
function usersOf(users: readonly string[]): (file: string) => string {
  const folder = scratchFolder();
  mkdirSync(join(folder, 'etc'));
  const lines = (text: (user: string) => string): string => users.map((user) => `${text(user)}\n`).join('');
  writeFileSync(
    join(folder, 'etc/passwd'),
    lines((user) => `${user.replace(':', ':x:')}:100:${user}:/:/usr/sbin/nologin`),
  );
  writeFileSync(join(folder, 'etc/group'), 'users:x:899:\n');
  writeFileSync(
    join(folder, 'etc/shadow'),
    lines((user) => `${user.split(':')[0]}:*:20000:0:99999:7:::`),
    { mode: 0o640 },
  );
  const script = steps.find(({ run }) => run.includes('virtdom-plugin'))?.run ?? '';
  execFileSync('/bin/sh', ['-e', '-c', script.replaceAll('/etc/', `${folder}/etc/`)]);
  expect(statSync(join(folder, 'etc/shadow')).mode & 0o777).toBe(0o640);
  return (file) => readFileSync(join(folder, 'etc', file), 'utf8');
}

describe('the image of a Dom0', () => {
  it('has a user for plugins alone, by a number that neither a user nor a group has', () => {
    const read = usersOf(['root:0', 'nobody:65534', 'daemon:898']);
    expect(findPluginUser(read('passwd'), 'virtdom-plugin')).toEqual({ uid: 897, gid: 897, isOwn: true });
    expect(read('passwd').split('\n').at(-2)).toBe("virtdom-plugin:x:897:897:plugins of virtdom's agent:/:/usr/sbin/nologin");
    expect(read('group')).toBe('users:x:899:\nvirtdom-plugin:x:897:\n');
    expect(read('shadow').split('\n').at(-2)).toBe('virtdom-plugin:!*:::::::');
  });
});
