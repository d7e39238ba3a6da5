import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { addTemplateCommands } from '../../src/cli/template.ts';
import { formatManifest } from '../../src/model/image-manifest-text.ts';

const lab = `kind: Subnet
name: lab
cidr: 192.168.0.0/24
interface: br0
serverAddress: 192.168.0.5
mode: authoritative
pool: 192.168.0.100-192.168.0.199
---
kind: Profile
name: dom0
loaders: { bios: pxegrub }
menus: [{ path: "/grub/{name}.conf", template: menu.lst }, { path: /boot.ipxe, template: boot.ipxe }]
image: dom0
---
kind: Machine
name: post01
nics: [{ mac: "52:54:00:00:00:01", address: 192.168.0.11 }]
profile: dom0
`;

describe('virtdom template', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virtdom-template-'));
    writeFileSync(join(folder, 'virtdom.yaml'), 'stateDir: state\nobjects: lab.yaml\n');
    writeFileSync(join(folder, 'lab.yaml'), lab);
    const root = { path: '/', kind: 'folder', mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0 } as const;
    mkdirSync(join(folder, 'state/images/dom0/7'), { recursive: true });
    writeFileSync(
      join(folder, 'state/images/dom0/7/manifest.jsonl'),
      formatManifest({
        image: 'dom0',
        version: 7,
        bootFiles: [],
        writablePaths: [],
        recipeSha256: 'a'.repeat(64),
        builtMs: 0,
        entries: [root],
      }),
    );
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  async function run(...words: string[]): Promise<{ code: number; out: string; error: string }> {
    let out = '';
    let error = '';
    const terminal = { out: (text: string) => void (out += text), error: (text: string) => void (error += text) };
    const table = { template: () => Promise.resolve(addTemplateCommands) };
    const code = await runProgram(table, '0', ['template', ...words, '--config', join(folder, 'virtdom.yaml')], { terminal });
    return { code, out, error };
  }

  it.each(['menu.lst', '/grub/post01.conf', 'grub/menu.lst'])(
    'render %s prints the menu of the newest image, and nothing else',
    async (name) => {
      const { code, out, error } = await run('render', name, '--machine', 'post01');
      expect({ code, error }).toEqual({ code: 0, error: '' });
      expect(out).toMatch(
        /^# post01: GRUB Legacy's menu[^]*\/images\/dom0@7\/vmlinuz [^\n]*virtdom.token=<boot-token>\nmodule [^\n]*initrd.gz\n$/,
      );
    },
  );

  it.each([
    [['render', 'menu.lst', '--machine', 'post02'], 3, /there is no machine post02/],
    [
      ['render', 'grub.cfg', '--machine', 'post01'],
      3,
      /has no menu grub.cfg; it has menu.lst at \/grub\/post01.conf, boot.ipxe at \/boot.ipxe/,
    ],
    [['render', 'menu.lst'], 2, /--machine/],
  ])('%j ends with %i', async (words, code, message) => {
    const result = await run(...words);
    expect(result).toMatchObject({ code, out: '' });
    expect(result.error).toMatch(message);
  });

  it('check renders for every machine, and says template, line, variable and machine of each problem', async () => {
    expect(await run('check')).toMatchObject({ code: 0, out: expect.stringMatching(/: ok for 1 machine\n$/) });
    mkdirSync(join(folder, 'own'));
    writeFileSync(join(folder, 'own/menu.lst.hbs'), 'default 0\ntimeout {{parameters.wait}}\n');
    writeFileSync(join(folder, 'own/boot.ipxe.hbs'), '#!ipxe\n');
    writeFileSync(join(folder, 'virtdom.yaml'), 'stateDir: state\nobjects: lab.yaml\ntemplatesDir: own\n');
    const { code, error } = await run('check');
    expect(code).toBe(1);
    expect(error).toContain('menu.lst.hbs:2: parameters.wait is missing (machine post01)');
  });
});
