import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeLabFiles, type LabDocument } from '../../src/lab/lab-files.ts';
import { openSubnet, serverAddress, ServeRig, type RigClient } from './serve-rig.ts';

const project = join(import.meta.dirname, '../..');

interface Refusal {
  readonly code: number | null;
  readonly text: string;
}

/** Runs `virtdom serve` to its end: it must refuse to start. Where it serves, it is ended after 20 seconds. */
function serveOnce(rig: ServeRig, configFile: string): Refusal {
  return runInNetwork(rig, [join(project, 'bin/virtdom'), 'serve', '--config', configFile]);
}

/** As nobody, who may not look into the folder that the checkout lies in: it is mounted where he may. */
function serveAsNobody(rig: ServeRig, configFile: string): Refusal {
  const checkout = join(rig.dir, 'checkout');
  mkdirSync(checkout, { recursive: true });
  const script = 'mount --bind "$1" "$2" && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$2/bin/virtdom" serve --config "$3"';
  return runInNetwork(rig, ['sh', '-c', script, 'sh', project, checkout, configFile]);
}

function runInNetwork(rig: ServeRig, command: readonly string[]): Refusal {
  const { status, stderr } = spawnSync('ip', ['netns', 'exec', rig.network.namespace, 'timeout', '20', ...command], { encoding: 'utf8' });
  return { code: status, text: stderr };
}

/** The same subnet for another server process, with a state of its own. */
function otherConfig(
  rig: ServeRig,
  name: string,
  settings: Readonly<Record<string, unknown>> = {},
  documents: readonly LabDocument[] = [openSubnet],
): string {
  const dir = join(rig.dir, name);
  return writeLabFiles({ dir, stateDir: join(dir, 'state'), settings: { nfs: { workers: 1 }, ...settings }, documents });
}

describe('a second server', () => {
  let rig: ServeRig;
  beforeAll(async () => {
    rig = await ServeRig.create();
    await rig.start();
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  it('is refused on the same state folder, and told which process has it (rule 26)', () => {
    const { code, text } = serveOnce(rig, rig.configFile);
    expect(code).toBe(1);
    expect(text).toBe(
      `virtdom: another virtdom (process ${rig.serve?.pid}) already works on ${rig.dir}/state: stop it, or give this one a stateDir of its own\n`,
    );
  });

  it('is refused on the same ports, and told which process has them (rule 26)', () => {
    const { code, text } = serveOnce(rig, otherConfig(rig, 'second'));
    expect(code).toBe(1);
    expect(text).toContain(`virtdom: UDP port 67 on interface br0 is in use by node (process ${rig.serve?.pid}): stop it`);
  });

  it.each([
    ['UDP port 69 on 10.77.0.5', { http: { port: 8081 }, nfs: { port: 2050, mountPort: 20_049, portmap: 'off' } }],
    ['TCP port 8080 on 10.77.0.5', { tftp: { port: 6969 }, nfs: { port: 2050, mountPort: 20_049, portmap: 'off' } }],
    ['UDP port 2049 on 10.77.0.5', { tftp: { port: 6969 }, http: { port: 8081 }, nfs: { mountPort: 20_049, portmap: 'off' } }],
    ['UDP port 111 on 10.77.0.5', { tftp: { port: 6969 }, http: { port: 8081 }, nfs: { port: 2050, mountPort: 20_049 } }],
  ])('is refused %s where that is all it shares', (port, settings) => {
    const config = otherConfig(rig, 'third', { dhcp: { port: 6767 }, ...settings });
    expect(serveOnce(rig, config).text).toContain(`${port} is in use by node (process ${rig.serve?.pid})`);
  });

  it('that was refused has done the first one no harm', async () => {
    const client = await rig.addClient('02:00:00:00:77:01');
    expect((await client.udhcpc()).text).toContain(`from ${serverAddress}`);
  });
});

describe('a port that is not to be had', () => {
  let rig: ServeRig;
  beforeAll(async () => {
    rig = await ServeRig.create();
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  it('is named with the daemon of root that has it, whose descriptors we cannot see once our privileges are dropped', async () => {
    const options = ['--no-daemon', '--port=0', '--conf-file=/dev/null', '--user=root', '--interface=br0'];
    const range = ['--dhcp-range=10.77.0.50,10.77.0.60', `--dhcp-leasefile=${rig.dir}/dnsmasq.leases`];
    const dnsmasq = rig.network.spawn(['dnsmasq', ...options, ...range], { stdio: ['ignore', 'ignore', 'pipe'] });
    if (dnsmasq.stderr !== null) await once(dnsmasq.stderr, 'data');
    const { code, text } = serveOnce(rig, rig.configFile);
    dnsmasq.kill();
    await once(dnsmasq, 'close');
    expect(code).toBe(1);
    expect(text).toContain(`UDP port 67 on interface br0 is in use by dnsmasq (process ${dnsmasq.pid}): stop it`);
  });

  it.each([
    ['TCP port 111 on 0.0.0.0', {}],
    ['UDP port 69 on 10.77.0.5', { nfs: { workers: 1, portmap: 'off' } }],
    ['UDP port 67 on interface br0', { nfs: { workers: 1, portmap: 'off' }, tftp: { port: 6969 } }],
  ])('%s: without privileges, the error says so and what to do', (port, settings) => {
    const config = otherConfig(rig, `plain-${port.replaceAll(/\W/g, '-')}`, settings);
    chmodSync(rig.dir, 0o755);
    chmodSync(join(config, '..'), 0o777);
    const { code, text } = serveAsNobody(rig, config);
    expect(code).toBe(1);
    expect(text).toContain(
      `virtdom: ${port} needs a privilege that this process lacks: run as root, or with CAP_NET_BIND_SERVICE and CAP_NET_RAW`,
    );
  });
});

describe('a configuration that is wrong', () => {
  it('is refused with every mistake, each with its file and line', async () => {
    await using rig = await ServeRig.create();
    writeFileSync(rig.configFile, `stateDir: ${rig.dir}/state\nobjects: ${rig.dir}/lab.yaml\nhttp: { port: 80800 }\nloglevel: info\n`);
    writeFileSync(
      join(rig.dir, 'lab.yaml'),
      'kind: Subnet\nname: lab\ncidr: 10.77.0.0/33\ninterface: br0\n---\nkind: Machine\nname: post01\nnics: [{ mac: "02:00" }]\nprofile: nothing\n',
    );
    const settings = serveOnce(rig, rig.configFile);
    expect(settings.code).toBe(1);
    expect(settings.text).toMatch(/virtdom\.yaml:3:\d+: .*http.*port/);
    expect(settings.text).toMatch(/virtdom\.yaml:4:\d+: .*loglevel/);
    expect(settings.text).toMatch(/2 problems in the configuration, nothing was done/);

    writeFileSync(rig.configFile, `stateDir: ${rig.dir}/state\nobjects: ${rig.dir}/lab.yaml\n`);
    const { code, text } = serveOnce(rig, rig.configFile);
    expect(code).toBe(1);
    expect(text).toMatch(/lab\.yaml:3:\d+: .*cidr/);
    expect(text).toMatch(/lab\.yaml:8:\d+: .*mac/);
    expect(text).toMatch(/\d+ problems in the configuration, nothing was done/);
    expect(text).not.toMatch(/\n\s+at /);
    expect(existsSync(join(rig.dir, 'state', 'virtdom.db')), 'nothing was taken over').toBe(false);
  });
});

const machines: readonly LabDocument[] = [
  openSubnet,
  {
    kind: 'Profile',
    name: 'menu',
    loaders: { bios: 'pxegrub', ipxe: 'pxegrub' },
    menus: [{ path: '/grub/{name}.conf', template: 'site.menu' }],
  },
  { kind: 'Machine', name: 'post01', nics: [{ mac: '02:00:00:00:77:01', address: '10.77.0.11' }], profile: 'menu' },
  { kind: 'Machine', name: 'post02', nics: [{ mac: '02:00:00:00:77:02', address: '10.77.0.12' }], profile: 'menu' },
];

describe('templates', () => {
  let rig: ServeRig;
  let template: string;
  let templatesDir: string;
  const clients: RigClient[] = [];

  beforeAll(async () => {
    templatesDir = mkdtempSync(join(tmpdir(), 'virtdom-templates-'));
    cpSync(join(project, 'templates'), templatesDir, { recursive: true });
    template = join(templatesDir, 'site.menu.hbs');
    rig = await ServeRig.create({ documents: machines, settings: { templatesDir } });
    for (const number of [1, 2]) clients.push(await rig.addClient(`02:00:00:00:77:0${number}`));
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
    rmSync(templatesDir, { recursive: true });
  });

  /** Powers the machine on, as far as its ROM's lease, and fetches its menu. */
  async function powerOn(number: 1 | 2): Promise<string> {
    const client = clients[number - 1];
    if (client === undefined) throw new Error('no such client');
    expect((await client.udhcpc({ classId: 'PXEClient:Arch:00000:UNDI:002001' })).text).toContain(`bound 10.77.0.1${number} `);
    return menuOf(number);
  }

  async function menuOf(number: 1 | 2): Promise<string> {
    const client = clients[number - 1];
    const file = join(rig.dir, `menu-${number}`);
    await client?.network.ip('address', 'replace', `10.77.0.1${number}/24`, 'dev', 'eth0');
    await client?.run('tftp', '-m', 'octet', serverAddress, '-c', 'get', `/grub/post0${number}.conf`, file);
    return readFileSync(file, 'utf8');
  }

  it('that cannot be read keep the server from starting, with template and line', () => {
    writeFileSync(template, 'title {{machine.name}}\nkernel {{#if image}}\n');
    const { code, text } = serveOnce(rig, rig.configFile);
    expect(code).toBe(1);
    expect(text).toMatch(/site\.menu\.hbs:\d+: /);
    expect(text).not.toMatch(/\n\s+at /);
  });

  it('that fail for a machine are told with line, variable and machine, and keep no other machine from booting', async () => {
    writeFileSync(template, 'title {{machine.name}}\n{{#if (eq machine.name "post01")}}kernel {{image.kernal}}{{/if}}\n');
    const server = await rig.start();
    const told = await rig.line(({ template: of, machine }) => of === 'site.menu.hbs' && machine === 'post01');
    expect(told).toMatchObject({ level: 'error', line: 2, variable: expect.stringMatching(/^image/) as string });
    expect(await powerOn(2)).toMatch(/^title post02\n/);
    await server.stop();
    rig.lines.length = 0;
  });

  it('that are edited while it serves: a broken edit is refused in the log, a good one is for attempts that open afterwards', async () => {
    writeFileSync(template, 'title first for {{machine.name}}\n');
    await rig.start();
    expect(await powerOn(1)).toBe('title first for post01\n');

    writeFileSync(template, 'title second for {{machine.nmae}}\n');
    const refused = await rig.line(({ msg }) => String(msg).startsWith('the last good templates keep serving'));
    expect(refused).toMatchObject({ level: 'error', line: 1, variable: 'machine.nmae' });
    expect(String(refused['msg'])).toMatch(/site\.menu/);
    expect(await menuOf(1)).toBe('title first for post01\n');

    writeFileSync(template, 'title third for {{machine.name}}\n');
    await rig.line(({ msg }) => msg === 'templates are as in their folder');
    expect(await menuOf(1), 'of the attempt that was open').toBe('title first for post01\n');
    expect(await powerOn(2), 'of one that opened afterwards').toBe('title third for post02\n');
  });
});
