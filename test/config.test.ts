import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, loadSettings } from '../src/config.ts';
import { defaultStageSeconds } from '../src/model/boot-profile.ts';
import { documents, folderWith, load, machine, problemsOf, profile, subnet } from './config/config-files.ts';

const examples = join(import.meta.dirname, '../docs/examples');

describe('loading a configuration', () => {
  it('takes the examples of the documentation', () => {
    const { objects } = loadConfig(join(examples, 'virtdom.example.yaml'), {});
    expect(objects.machines.map(({ name }) => name)).toEqual(['post01', 'post02', 'desk01']);
  });

  it('fills in every default of an empty virtdom.yaml', () => {
    const config = load('');
    expect(config).toMatchObject({
      stateDir: '/var/lib/virtdom',
      runtimeDir: '/run/virtdom',
      logLevel: 'info',
      database: '/var/lib/virtdom/virtdom.db',
      dhcp: { port: 67 },
      tftp: { port: 69, maxBlockBytes: 1468, maxTransfers: 2048 },
      http: { port: 8080 },
      nfs: { port: 2049, mountPort: 20_048, portmap: 'own', workers: availableParallelism() },
      objects: { subnets: [], profiles: [], machines: [] },
    });
    expect(config.user).toBeUndefined();
    expect(config.templatesDir).toBe(join(import.meta.dirname, '../templates'));
  });

  it('keeps the defaults beside the keys that a section sets', () => {
    expect(load('', 'nfs: { portmap: off }').nfs).toEqual({
      port: 2049,
      mountPort: 20_048,
      portmap: 'off',
      workers: availableParallelism(),
    });
  });

  it('puts relative paths into the folder of virtdom.yaml', () => {
    const folder = folderWith({ 'virtdom.yaml': 'stateDir: .virtdom\ntemplatesDir: mine\nobjects: objects.yaml', 'objects.yaml': subnet });
    const config = loadConfig(join(folder, 'virtdom.yaml'), {});
    expect(config).toMatchObject({
      stateDir: join(folder, '.virtdom'),
      database: join(folder, '.virtdom/virtdom.db'),
      templatesDir: join(folder, 'mine'),
      objectsFile: join(folder, 'objects.yaml'),
    });
  });

  it('turns objects into the model, with addresses parsed and defaults filled in', () => {
    const lab = documents(
      `${subnet}serverAddress: 192.168.0.5\npool: 192.168.0.100 - 192.168.0.199\nunknown: profile:dom0\n`,
      `${profile}stageSeconds: { kernel: 60 }\n`,
      'kind: Machine\nname: post01\nnics: [{ mac: 5254.0000.00AB }]\nuuid: 4C4C4544-0042-3510-8052-B4C04F4D3632\nprofile: dom0\n',
    );
    expect(load(lab).objects).toEqual({
      subnets: [
        {
          name: 'lab',
          cidr: { network: 0xc0a8_0000, prefixLength: 24 },
          interface: 'br0',
          serverAddress: '192.168.0.5',
          mode: 'authoritative',
          pool: { first: '192.168.0.100', last: '192.168.0.199' },
          dnsServers: [],
          leaseSeconds: 3600,
          unknown: { kind: 'profile', profile: 'dom0' },
        },
      ],
      profiles: [
        {
          name: 'dom0',
          boot: 'network',
          loaders: { bios: 'pxegrub' },
          menus: [],
          menuByOption150: false,
          parameters: {},
          stageSeconds: { ...defaultStageSeconds, kernel: 60 },
        },
      ],
      machines: [
        {
          name: 'post01',
          nics: [{ mac: '52:54:00:00:00:ab' }],
          uuid: '4c4c4544-0042-3510-8052-b4c04f4d3632',
          profile: 'dom0',
          labels: {},
          parameters: {},
        },
      ],
    });
  });

  it('remembers where each object stands', () => {
    const { origins } = load(documents(subnet, profile, machine));
    expect(Object.entries(origins).map(([key, { line }]) => [key, line])).toEqual([
      ['Subnet/lab', 1],
      ['Profile/dom0', 6],
      ['Machine/post01', 10],
    ]);
  });

  it('is frozen to its last list', () => {
    const config = load(documents(subnet, profile, machine));
    expect(() => (config.objects.machines as unknown[]).push({})).toThrow(TypeError);
    expect(() => Object.assign(config.nfs, { port: 1 })).toThrow(TypeError);
  });

  it('lets a command do without the objects', () => {
    const folder = folderWith({ 'virtdom.yaml': 'stateDir: state', 'lab.yaml': 'kind: Nonsense' });
    expect(loadSettings(join(folder, 'virtdom.yaml'), {}).stateDir).toBe(join(folder, 'state'));
  });
});

describe('environment variables', () => {
  it('win over the file, numbers and paths included', () => {
    const config = load('', 'logLevel: warn\nhttp: { port: 81 }', {
      VIRTDOM_LOG_LEVEL: 'debug',
      VIRTDOM_HTTP_PORT: '82',
      VIRTDOM_TFTP_MAX_TRANSFERS: '7',
      VIRTDOM_STATE_DIR: 'here',
    });
    expect(config).toMatchObject({
      logLevel: 'debug',
      http: { port: 82 },
      tftp: { maxTransfers: 7 },
      stateDir: join(process.cwd(), 'here'),
    });
  });

  it('count as not set when they are empty', () => {
    expect(load('', 'logLevel: warn', { VIRTDOM_LOG_LEVEL: '' }).logLevel).toBe('warn');
  });

  it('are named where their value is wrong', () => {
    expect(problemsOf('', '', { VIRTDOM_HTTP_PORT: 'many', VIRTDOM_TFTP_PORT: '70000' })).toEqual([
      'environment variable VIRTDOM_TFTP_PORT: tftp.port: expected a port from 1 to 65535, found the number 70000',
      'environment variable VIRTDOM_HTTP_PORT: http.port: expected a port from 1 to 65535, found "many"',
    ]);
  });

  it('do not hide a section that is no block of keys', () => {
    expect(problemsOf('', 'http: 81', { VIRTDOM_HTTP_PORT: '82' })).toEqual([
      'virtdom.yaml:1:7: http: expected a block of keys, found the number 81',
    ]);
  });
});

describe('a configuration error', () => {
  it('says everything that is wrong in both files at once, in the order of the lines', () => {
    const folder = folderWith({
      'virtdom.yaml': 'statedir: /x\nlogLevel: loud\nnfs: { workers: two }\n',
      'lab.yaml': documents('kind: Subnet\nname: Lab!\ncidr: 192.168.0.1/24\n', 'kind: Machine\nname: post01\nnics: []\n'),
    });
    const file = join(folder, 'virtdom.yaml');
    const lab = join(folder, 'lab.yaml');
    const name = 'expected a name of lower-case letters, digits, dots and dashes, at most 63';
    expect(() => loadConfig(file, {})).toThrow(
      new ConfigError(
        [
          [file, 1, 1, 'statedir', 'unknown key (did you mean stateDir?)'],
          [file, 2, 11, 'logLevel', 'expected debug, info, warn, error or silent, found "loud"'],
          [file, 3, 17, 'nfs.workers', 'expected a whole number from 1 to 64, found "two"'],
          [lab, 1, 1, 'Subnet Lab!: interface', 'missing: expected the name of a network interface such as eth1'],
          [lab, 2, 7, 'Subnet Lab!: name', `${name}, found "Lab!"`],
          [lab, 3, 7, 'Subnet Lab!: cidr', 'expected a network such as 192.168.0.0/24, host bits zero, found "192.168.0.1/24"'],
          [lab, 5, 1, 'Machine post01: profile', `missing: ${name}`],
          [lab, 7, 7, 'Machine post01: nics', 'expected a list of at least 1, found an empty list'],
        ].map(([at, line, column, path, message]) => ({ file: at, line, column, path, message }) as ConfigError['problems'][number]),
      ),
    );
  });

  it('of YAML syntax names the line, and blames nothing on what could not be read', () => {
    expect(problemsOf(documents(machine, 'kind: Profile\nname: [dom0\n'))).toEqual([
      expect.stringMatching(/^lab\.yaml:\d+:\d+: not valid YAML: /) as string,
    ]);
  });

  it.each([
    ['a key that stands twice', 'logLevel: info\nlogLevel: warn\n', /^virtdom\.yaml:2:1: not valid YAML: Map keys must be unique/],
    ['an alias to nowhere', 'logLevel: *gone\n', /^virtdom\.yaml:1:11: not valid YAML: there is no anchor &gone/],
    ['a tag that nobody knows', 'logLevel: !loud info\n', /^virtdom\.yaml:1:11: not valid YAML: Unresolved tag/],
    ['a list', '- stateDir\n', /^virtdom\.yaml:1:1: expected a block of keys, found a list$/],
    ['a second document', 'logLevel: info\n---\nkind: Subnet\n', /^virtdom\.yaml:3:1: Subnet: expected a single document/],
    ['no text', 'stateDir: 5\n', /^virtdom\.yaml:1:11: stateDir: expected a path, found the number 5$/],
    ['an empty value', 'stateDir:\n', /^virtdom\.yaml:1:\d+: stateDir: expected a path, found nothing$/],
  ])('of virtdom.yaml says where there is %s', (_, text, expected) => {
    expect(problemsOf('', text)).toEqual([expect.stringMatching(expected) as string]);
  });

  it('of a file that is not there says who wants it', () => {
    const folder = folderWith({ 'virtdom.yaml': 'objects: gone.yaml' });
    const file = join(folder, 'virtdom.yaml');
    expect(() => loadConfig(file, {})).toThrow(`${join(folder, 'gone.yaml')}: no such file; objects in ${file} names it`);
    expect(() => loadConfig(join(folder, 'none.yaml'), {})).toThrow('no such file; name it with --config');
  });
});
