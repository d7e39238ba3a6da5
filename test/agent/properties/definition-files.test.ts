import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { definitionsOf, readDefinitions } from '../../../src/agent/properties/definition-files.ts';
import { propertyCommands } from '../../../src/agent/properties/property-commands.ts';
import type { ConfigProblem } from '../../../src/documents/problems.ts';

/** As it stood in a post of the first virtdom. */
const iniOf2008 = `# properties of a farm node
[ram_free]
command = ram
parameters = MemFree
return_type = int
ticks = 60

; how busy
[load]
command: load
return_type: float
ticks: 30
timeout: 5
`;

function read(text: string, file: string): { definitions: ReturnType<typeof definitionsOf>; problems: string[] } {
  const problems: ConfigProblem[] = [];
  const definitions = definitionsOf(text, file, propertyCommands, problems);
  return { definitions, problems: problems.map(({ file: name, line, path, message }) => `${name}:${line}: ${path}: ${message}`) };
}

describe('definitions', () => {
  it('in the INI of 2008', () => {
    expect(read(iniOf2008, 'farm.ini')).toEqual({
      definitions: [
        { name: 'ram_free', command: 'ram', parameters: ['MemFree'], type: 'int', ticks: 60, timeoutSeconds: 10, origin: 'farm.ini:2' },
        { name: 'load', command: 'load', parameters: [], type: 'float', ticks: 30, timeoutSeconds: 5, origin: 'farm.ini:9' },
      ],
      problems: [],
    });
  });

  it('in YAML, with the same keys', () => {
    const text =
      'ram_free:\n  command: ram\n  parameters: MemFree\n  return_type: int\n  ticks: 60\nraid:\n  command: exec\n  parameters: [raid.sh, "md 0"]\n  return_type: object\n';
    expect(read(text, 'farm.yaml')).toEqual({
      definitions: [
        { name: 'ram_free', command: 'ram', parameters: ['MemFree'], type: 'int', ticks: 60, timeoutSeconds: 10, origin: 'farm.yaml:1' },
        {
          name: 'raid',
          command: 'exec',
          parameters: ['raid.sh', 'md 0'],
          type: 'object',
          ticks: 60,
          timeoutSeconds: 10,
          origin: 'farm.yaml:6',
        },
      ],
      problems: [],
    });
  });

  it('say all that is wrong, each with its line, and keep no other from working (INI)', () => {
    const text = `${iniOf2008}stray line\n[bad]\ncomand = ram\nreturn_type = number\nticks = soon\n[worse\nticks = 1\n[load]\ncommand = uptime\n[ok]\ncommand = uptime\nreturn_type = int\n[twice]\ncommand = uptime\ncommand = load\nreturn_type = int\n`;
    const { definitions, problems } = read(text, 'farm.ini');
    expect(definitions.map(({ name }) => name)).toEqual(['ram_free', 'load', 'ok', 'twice']);
    expect(problems).toEqual([
      'farm.ini:14: load: expected [name], key = value, or a comment after #',
      'farm.ini:19: bad: expected [name] and nothing behind it',
      'farm.ini:21: worse: [load] stands here a second time: this one is left out'.replace('worse', 'bad'),
      'farm.ini:28: twice: command stands here a second time',
      'farm.ini:16: bad.comand: unknown key (did you mean command?)',
      'farm.ini:15: bad.command: missing: expected one of cpu, ram, load, disk, nic, vlan, xen, kernel, uptime, dmi, exec',
      'farm.ini:17: bad.return_type: found "number": expected one of int, float, string, bool, list, object',
      'farm.ini:18: bad.ticks: expected whole seconds from 0 to 86400, found "soon"',
    ]);
  });

  it('say all that is wrong, each with its line, and keep no other from working (YAML)', () => {
    const text =
      'a b:\n  command: ram\n  return_type: int\nbad:\n  command: rum\n  parameters: {a: 1}\n  return_type: int\n  ticks: 1.5\nworse: 7\ncpu:\n  command: cpu\n  parameters: heat\n  return_type: int\nok:\n  command: uptime\n  return_type: int\n';
    const { definitions, problems } = read(text, 'x.yaml');
    expect(definitions.map(({ name }) => name)).toEqual(['ok']);
    expect(problems).toEqual([
      'x.yaml:1: a b: expected a name of letters, digits, _ . and -, at most 64, a letter or _ first',
      'x.yaml:5: bad.command: there is no command "rum" (did you mean ram?)',
      'x.yaml:6: bad.parameters: expected words, or a list of at most 32 texts of at most 256 letters',
      'x.yaml:8: bad.ticks: expected whole seconds from 0 to 86400, found 1.5',
      'x.yaml:9: worse: expected the keys of a property below its name',
      expect.stringContaining('x.yaml:12: cpu.parameters: there is no "heat"; there are busy'),
    ]);
  });

  it('that are no YAML, or no names, say so', () => {
    expect(read('a: [', 'x.yaml').problems[0]).toContain('not valid YAML');
    expect(read('- a\n', 'x.yaml').problems).toEqual(['x.yaml:1: : expected names of properties, each with its keys below it']);
  });
});

describe('a folder of definitions', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virtdom-properties-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('is read by name; of two of one name the first counts, and the second is told', () => {
    writeFileSync(
      join(folder, '20-own.yaml'),
      'load:\n  command: uptime\n  return_type: int\nup:\n  command: uptime\n  return_type: int\n',
    );
    writeFileSync(join(folder, '10-farm.ini'), iniOf2008);
    writeFileSync(join(folder, '.hidden.yaml'), 'x: 1\n');
    writeFileSync(join(folder, 'README'), 'no definitions\n');
    const { definitions, problems } = readDefinitions(folder, propertyCommands);
    expect(definitions.map(({ name, command }) => `${name} ${command}`)).toEqual(['ram_free ram', 'load load', 'up uptime']);
    expect(problems.map(({ file, line, message }) => [file, line, message])).toEqual([
      [join(folder, '20-own.yaml'), 1, `it is defined in ${join(folder, '10-farm.ini')}:9 already: this one is left out`],
    ]);
  });

  it('may not be there', () => {
    expect(readDefinitions(join(folder, 'none'), propertyCommands)).toEqual({ definitions: [], problems: [] });
  });

  it('says which file is too large, and reads the others', () => {
    writeFileSync(join(folder, 'a.ini'), `# ${'x'.repeat(300_000)}`);
    writeFileSync(join(folder, 'b.ini'), iniOf2008);
    const { definitions, problems } = readDefinitions(folder, propertyCommands);
    expect(definitions).toHaveLength(2);
    expect(problems.map(({ message }) => message)).toEqual(['it has more than 256 KiB: split it']);
  });
});

describe('what the image ships', () => {
  it('is without problems, and of all that a Dom0 has', () => {
    const { definitions, problems } = readDefinitions('rootfs-overlay/etc/virtdom/properties.d', propertyCommands);
    expect(problems).toEqual([]);
    expect(new Set(definitions.map(({ command }) => command))).toEqual(
      new Set(['load', 'cpu', 'ram', 'disk', 'nic', 'vlan', 'kernel', 'uptime', 'dmi', 'xen']),
    );
  });
});
