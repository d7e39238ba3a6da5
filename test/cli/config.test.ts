import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addConfigCommands } from '../../src/cli/config.ts';
import { runProgram } from '../../src/cli/program.ts';
import { loadConfig } from '../../src/config.ts';
import { documents, folderWith, machine, profile, subnet } from '../config/config-files.ts';

async function run(...words: string[]) {
  let out = '';
  let error = '';
  const terminal = { out: (text: string) => void (out += text), error: (text: string) => void (error += text) };
  const code = await runProgram({ config: () => Promise.resolve(addConfigCommands) }, '0', ['config', ...words], { terminal });
  return { code, out, error };
}

describe('virtdom config', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = folderWith({
      'virtdom.yaml': 'stateDir: state\n',
      'lab.yaml': documents(
        `${subnet.replace('br0', 'nosuch0')}pool: 192.168.0.20-192.168.0.30\nunknown: profile:dom0\noption150: [192.168.0.9]\n`,
        `${profile}image: dom0@3\nmenus: [{ path: "/grub/{name}.conf", template: menu.lst }]\n`,
        machine,
      ),
    });
    file = join(folder, 'virtdom.yaml');
  });

  afterEach(() => {
    delete process.env['VIRTDOM_CONFIG'];
  });

  it('check counts the objects of a good configuration', async () => {
    const lab = join(folder, 'lab.yaml');
    expect(await run('check', '--elsewhere', '--config', file)).toEqual({
      code: 0,
      out: `${file}: ok; ${lab}: 1 subnet, 1 profile, 1 machine\n`,
      error: '',
    });
  });

  it('check looks for our own addresses on this machine, as serve would', async () => {
    const { code, error } = await run('check', '--config', file);
    expect(code).toBe(1);
    expect(error).toMatch(/lab\.yaml:1:1: Subnet lab: interface: expected one of this machine/);
  });

  it('check takes the file from VIRTDOM_CONFIG', async () => {
    process.env['VIRTDOM_CONFIG'] = join(folder, 'none.yaml');
    expect((await run('check')).error).toMatch(/none\.yaml: no such file/);
  });

  it('show prints what can be loaded again and is the same then', async () => {
    const { code, out } = await run('show', '--config', file);
    expect(code).toBe(0);
    const again = loadConfig(join(folderWith({ 'virtdom.yaml': out }), 'virtdom.yaml'), {});
    expect({ ...again, file }).toEqual(loadConfig(file, {}));
  });

  it("show keeps a database's password to itself", async () => {
    const secret = folderWith({ 'virtdom.yaml': 'database: postgres://virtdom:hunter2@db.example/virtdom\n' });
    const { out } = await run('show', '--config', join(secret, 'virtdom.yaml'));
    expect(out).toContain('postgres://virtdom@db.example/virtdom');
    expect(out).not.toContain('hunter2');
  });
});
