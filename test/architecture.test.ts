import { globSync, readFileSync } from 'node:fs';
import { dirname, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Which rooms a room may import, types included. `clock`, `log` and `thread` are open to everyone. */
const mayImport: Readonly<Record<string, readonly string[] | 'everything'>> = {
  main: 'everything',
  app: 'everything',
  admin: [
    'api',
    'boot-servers',
    'config',
    'events',
    'images',
    'machines',
    'manager',
    'manager-health',
    'served-subnets',
    'store',
    'templates',
  ],
  'boot-servers': ['boot', 'bulk-thread', 'dhcp', 'nfs', 'net', 'service', 'served-images', 'model'],
  'served-subnets': ['machines', 'documents', 'service', 'model'],
  'first-objects': ['machines', 'documents'],
  'host-boots': ['model'],
  'agent-session': ['bus', 'config', 'service', 'model'],
  'expression-checks': ['agent', 'machines', 'manager', 'model'],
  'manager-app': 'everything',
  'manager-health': ['manager'],
  'manager-bus': ['bus', 'config', 'events', 'host-boots', 'manager', 'service'],
  'manager-service': [
    'boot',
    'config',
    'events',
    'host-boots',
    'images',
    'machines',
    'manager',
    'manager-bus',
    'model',
    'service',
    'store',
  ],
  'template-adapters': ['boot', 'machines', 'model', 'events', 'templates'],
  'served-images': ['boot', 'images', 'nfs', 'model'],
  'bulk-thread': ['tftp', 'httpboot', 'net', 'model', 'bulk-worker'],
  'bulk-worker': ['tftp', 'httpboot', 'net', 'model'],
  documents: ['model'],
  config: ['documents', 'machines', 'model'], // machines for the reference of its documents
  clock: [],
  log: [],
  thread: [],
  model: [],
  bytes: [],
  net: ['bytes', 'model'],
  dhcp: ['bytes', 'net', 'model'],
  tftp: ['bytes', 'net', 'model'],
  nfs: ['bytes', 'net', 'model'],
  httpboot: ['bytes', 'net', 'model'],
  boot: ['model'],
  images: ['model', 'bytes'],
  service: ['net', 'model'],
  machines: ['model', 'boot', 'documents'],
  templates: ['model', 'boot'],
  events: ['model', 'boot'],
  api: ['machines', 'templates', 'events', 'boot', 'images', 'manager', 'documents', 'model'],
  store: ['model', 'dhcp', 'boot', 'machines', 'templates', 'events', 'manager', 'api'],
  lab: ['net', 'images', 'model'],
  bus: ['model'],
  manager: ['model', 'bus', 'events', 'documents'],
  agent: ['model', 'bus', 'manager', 'documents'], // of the manager only its protocol: see below
  cli: ['service', 'config', 'documents', 'machines', 'store', 'lab', 'images', 'boot', 'api', 'app', 'manager-app', 'agent', 'model'],
};
const openToAll = new Set(['clock', 'log', 'thread']);

/** `src/dhcp/server.ts` is of the room `dhcp`, `src/clock.ts` of `clock`. */
function roomOf(file: string): string {
  const [first = ''] = relative('src', file).split('/');
  return first.replace(/\.ts$/, '');
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const specifiers = text.matchAll(/(?:\bfrom|\bimport|new URL)\s*\(?\s*['"](\.[^'"]+\.ts)['"]/g);
  return [...specifiers].map(([, specifier = '']) => normalize(`${dirname(file)}/${specifier}`));
}

const files = globSync('src/**/*.ts');

describe('the house', () => {
  it.each(files)('%s imports only what its room may', (file) => {
    const room = roomOf(file);
    const allowed = mayImport[room];
    expect(allowed, `room ${room} is not in the table`).toBeDefined();
    if (allowed === undefined || allowed === 'everything') return;
    const foreign = importsOf(file).filter((target) => {
      const other = roomOf(target);
      return other !== room && !openToAll.has(other) && !allowed.includes(other);
    });
    expect(foreign).toEqual([]);
  });

  it('lets an agent know nothing of the manager but the messages', () => {
    const known = files
      .filter((file) => roomOf(file) === 'agent')
      .flatMap((file) => importsOf(file).filter((target) => roomOf(target) === 'manager'));
    expect(known.filter((target) => target !== 'src/manager/protocol.ts')).toEqual([]);
  });

  it('has no file over 400 lines', () => {
    const long = files.filter((file) => readFileSync(file, 'utf8').split('\n').length > 400);
    expect(long).toEqual([]);
  });

  it('has a README of at most 15 lines in every room', () => {
    const rooms = new Set(files.filter((file) => file.split('/').length > 2).map(roomOf));
    for (const room of rooms) {
      const lines = readFileSync(`src/${room}/README.md`, 'utf8').trimEnd().split('\n');
      expect(lines.length, `src/${room}/README.md`).toBeLessThanOrEqual(15);
    }
  });
});
