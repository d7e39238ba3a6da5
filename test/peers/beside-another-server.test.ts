import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSubnet, serverAddress, ServeRig, type RigClient } from './serve-rig.ts';

/** dnsmasq has the network; virtdom has its machines on it, by reservation. */
const dnsmasqAddress = '10.77.0.2';
const ours = { mac: '02:00:00:00:77:11', address: '10.77.0.11' };
const theirs = { mac: '02:00:00:00:77:21' };
const dnsmasqSays: string[] = [];

async function startDnsmasq(rig: ServeRig, server: RigClient): Promise<void> {
  await server.network.ip('address', 'add', `${dnsmasqAddress}/24`, 'dev', 'eth0');
  const arguments_ = ['--no-daemon', '--port=0', '--conf-file=/dev/null', '--user=root', '--interface=eth0', '--bind-interfaces'];
  const range = [
    '--dhcp-range=10.77.0.50,10.77.0.60,1h',
    `--dhcp-leasefile=${rig.dir}/dnsmasq.leases`,
    '--no-ping',
    '--log-dhcp',
    '--log-facility=-',
  ];
  // As farms do it: the one that has the network leaves the other's machines alone.
  const child = server.network.spawn(['dnsmasq', ...arguments_, ...range, `--dhcp-host=${ours.mac},ignore`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (child.stderr === null) throw new Error('no standard error');
  const lines = createInterface({ input: child.stderr });
  lines.on('line', (line) => void dnsmasqSays.push(line));
  await once(lines, 'line');
}

async function dnsmasqSaid(text: string): Promise<boolean> {
  for (const untilMs = Date.now() + 5000; Date.now() < untilMs; await new Promise((resolve) => setTimeout(resolve, 50)))
    if (dnsmasqSays.some((line) => line.includes(text))) return true;
  return false;
}

/** What dhclient remembers of another place. */
const leaseOfElsewhere = `lease {
  interface "eth0";
  fixed-address 10.78.0.9;
  option subnet-mask 255.255.255.0;
  option dhcp-lease-time 86400;
  option dhcp-server-identifier 10.78.0.1;
  renew 0 2036/01/01 00:00:00;
  rebind 0 2036/01/01 00:00:00;
  expire 0 2036/01/01 00:00:00;
}
`;

let rig: ServeRig;
let client: RigClient;
let machine: RigClient;

beforeAll(async () => {
  const { pool: _, ...subnet } = openSubnet;
  rig = await ServeRig.create({
    documents: [
      { ...subnet, mode: 'reserved', unknown: 'ignore' },
      { kind: 'Profile', name: 'disk', boot: 'local' },
      { kind: 'Machine', name: 'post11', nics: [ours], profile: 'disk' },
    ],
  });
  await startDnsmasq(rig, await rig.addClient('02:00:00:00:77:02'));
  client = await rig.addClient(theirs.mac);
  machine = await rig.addClient(ours.mac);
  await rig.start();
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** What went by on the bridge while `action` ran: source addresses of DHCP answers. */
async function answersDuring(action: () => Promise<unknown>): Promise<readonly string[]> {
  const capture = rig.network.spawn(['tcpdump', '-l', '-n', '-i', 'br0', 'udp and src port 67'], { stdio: ['ignore', 'pipe', 'pipe'] });
  if (capture.stdout === null || capture.stderr === null) throw new Error('no pipes');
  const sources: string[] = [];
  createInterface({ input: capture.stdout }).on('line', (line) => {
    const [, source] = / IP (\d+\.\d+\.\d+\.\d+)\.67 > /.exec(line) ?? [];
    if (source !== undefined) sources.push(source);
  });
  await once(capture.stderr, 'data');
  await action();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const closed = once(capture, 'close');
  capture.kill('SIGINT');
  await closed;
  return sources;
}

it('in mode reserved, a client of the other server never hears of us: DISCOVER, REQUEST, INIT-REBOOT (RFC 2131 4.3.2)', async () => {
  const answers = await answersDuring(async () => {
    expect((await client.udhcpc()).text).toMatch(/^bound 10\.77\.0\.5\d from 10\.77\.0\.2$/m);
    expect((await client.run('udhcpc', '-f', '-q', '-n', '-R', '-i', 'eth0', '-t', '3', '-T', '1', '-s', '/bin/true')).code).toBe(0);
    const script = ['-1', '-v', '-sf', '/bin/true', '-lf', `${rig.dir}/dhclient.leases`, '-pf', `${rig.dir}/dhclient.pid`];
    expect((await client.run('dhclient', '-4', ...script, 'eth0')).text).toContain('DHCPACK of');
    await client.run('dhclient', '-4', '-x', ...script, 'eth0');
    // It comes back with the address of a network that it has left: only an authoritative server may say no to that.
    writeFileSync(`${rig.dir}/dhclient.leases`, leaseOfElsewhere);
    expect((await client.run('dhclient', '-4', ...script, 'eth0')).text).toContain('DHCPREQUEST for 10.78.0.9');
  });
  expect(answers).not.toContain(serverAddress);
  expect(new Set(answers)).toEqual(new Set([dnsmasqAddress]));
  expect(rig.lines.some(({ level }) => level === 'error' || level === 'warn')).toBe(false);
});

it('in mode reserved, our machine gets its address from us alone', async () => {
  const answers = await answersDuring(async () => {
    expect((await machine.udhcpc()).text).toContain(`bound ${ours.address} from ${serverAddress}`);
  });
  expect(new Set(answers)).toEqual(new Set([serverAddress]));
  await expect(dnsmasqSaid(`${ours.mac} ignored`)).resolves.toBe(true);
});

it('where we are authoritative, another DHCP server raises an alarm: by its offers, and by a client that takes one', async () => {
  // Without addresses to give, so that the client has one offer to take.
  const { pool: _, ...subnet } = openSubnet;
  await using alone = await ServeRig.create({ documents: [subnet] });
  await startDnsmasq(alone, await alone.addClient('02:00:00:00:77:02'));
  await alone.start();
  const another = 'another DHCP server answers on this subnet';
  const probed = await alone.line(({ msg }) => msg === another);
  expect(probed).toMatchObject({ level: 'warn', subnet: 'lab', server: dnsmasqAddress });
  const stranger = await alone.addClient('02:00:00:00:77:31');
  expect((await stranger.udhcpc()).text).toContain(`from ${dnsmasqAddress}`);
  const taken = await alone.line(({ reason }) => reason === another);
  expect(taken).toMatchObject({ level: 'warn', subnet: 'lab', server: dnsmasqAddress, mac: '02:00:00:00:77:31' });
});

it('in mode reserved, a machine of ours that comes back with an address of elsewhere gets no NAK, and then its own', async () => {
  const [leases, config, pid] = ['leases', 'conf', 'pid'].map((name) => `${rig.dir}/machine.${name}`);
  writeFileSync(leases ?? '', leaseOfElsewhere);
  writeFileSync(config ?? '', 'reboot 1;\n');
  const files = ['-sf', '/bin/true', '-lf', leases ?? '', '-pf', pid ?? '', '-cf', config ?? ''];
  const { text } = await machine.run('dhclient', '-4', '-1', '-v', ...files, 'eth0');
  expect(text).toContain('DHCPREQUEST for 10.78.0.9');
  expect(text).not.toContain('DHCPNAK');
  expect(text).toContain(`DHCPACK of ${ours.address} from ${serverAddress}`);
});
