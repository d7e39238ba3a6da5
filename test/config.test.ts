import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../src/config.ts';
import { folderWith, load, problemsOf, subnet } from './config/config-files.ts';

const examples = join(import.meta.dirname, '../docs/examples');

describe('loading a configuration', () => {
  it('takes the example of the documentation', () => {
    expect(loadConfig(join(examples, 'virtdom.example.yaml'), {}).stateDir).toBe('/var/lib/virtdom');
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
      api: { address: '127.0.0.1' },
      manager: { run: 'inside' },
      bus: { port: 8883, address: '0.0.0.0', agents: {} },
      keep: { attemptDays: 90, commandDays: 7, eventDays: 30, auditDays: 365 },
      serverName: hostname().toLowerCase(),
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

  it('is frozen to its last section', () => {
    const config = load('');
    expect(() => Object.assign(config.nfs, { port: 1 })).toThrow(TypeError);
  });

  it('says nothing of what stands in the object file', () => {
    expect(load('kind: Nonsense').objectsFile).toMatch(/lab\.yaml$/);
  });

  it('needs no object file, once the database has the objects', () => {
    expect(loadConfig(join(folderWith({ 'virtdom.yaml': '' }), 'virtdom.yaml'), {}).objectsFile).toBeUndefined();
  });

  it('takes a PostgreSQL database by its URL, from the variable as well', () => {
    expect(load('', 'database: postgres://virtdom@db.example/virtdom').database).toBe('postgres://virtdom@db.example/virtdom');
    expect(load('', '', { VIRTDOM_DATABASE: 'postgres:///virtdom?host=/run/postgresql' }).database).toMatch(/^postgres:/);
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
  it('says everything that is wrong at once, in the order of the lines', () => {
    const folder = folderWith({ 'virtdom.yaml': 'statedir: /x\nlogLevel: loud\nnfs: { workers: two }\n' });
    const file = join(folder, 'virtdom.yaml');
    expect(() => loadConfig(file, {})).toThrow(
      new ConfigError(
        [
          [file, 1, 1, 'statedir', 'unknown key (did you mean stateDir?)'],
          [file, 2, 11, 'logLevel', 'expected debug, info, warn, error or silent, found "loud"'],
          [file, 3, 17, 'nfs.workers', 'expected a whole number from 1 to 64, found "two"'],
        ].map(([at, line, column, path, message]) => ({ file: at, line, column, path, message }) as ConfigError['problems'][number]),
      ),
    );
  });

  it.each([
    ['another database than the two', 'database: mysql://db/virtdom', /database: expected the path of an SQLite database/],
    [
      'an admin port for everybody without a certificate',
      'api: { port: 8443, address: 192.168.0.5 }',
      /api\.address: expected an address of 127/,
    ],
    ['a certificate without its key', 'api: { port: 8443, certificate: cert.pem }', /api\.key: expected both/],
    ['one port for boot files and our own broker', 'bus: { port: 8080 }', /bus\.port: expected a port of its own/],
    ['certificates for our own broker', 'bus: { ca: ca.pem }', /bus\.ca: expected bus\.url beside it/],
    ['a name at a broker without its password', 'bus: { url: "mqtt://bus.lab", username: x }', /bus\.passwordFile: expected both/],
    ['a broker with a password in its URL', 'bus: { url: "mqtt://a:b@bus.lab" }', /bus\.url: expected mqtts:\/\/HOST/],
    ['one port for boot files and admins', 'api: { port: 8080 }', /api\.port: expected a port of its own/],
  ])('refuses %s', (_, text, expected) => {
    expect(problemsOf('', text)).toEqual([expect.stringMatching(expected) as string]);
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
    const folder = folderWith({});
    expect(() => loadConfig(join(folder, 'none.yaml'), {})).toThrow('no such file; name it with --config');
  });
});
