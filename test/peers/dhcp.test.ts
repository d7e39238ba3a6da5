import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Real DHCP clients against our server: each in a network namespace of its own, joined by a veth pair. Needs root. */
const run = promisify(execFile);
const server = `vd-dhcp-s${process.pid}`;
const client = `vd-dhcp-c${process.pid}`;
const ownAddress = '10.9.8.5';
const mac = '52:54:00:09:08:01';

let directory: string;
let daemon: ChildProcess;
let output = '';

async function ip(...args: readonly string[]): Promise<void> {
  await run('ip', args);
}

/** Output of a command in the client's namespace, standard error included; never rejects for its exit code. */
async function inClient(command: string, ...args: readonly string[]): Promise<string> {
  const options = { timeout: 30_000 };
  const result = await run('ip', ['netns', 'exec', client, command, ...args], options).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return `${result.stdout}${result.stderr}`;
}

async function waitFor(text: string, seconds = 10): Promise<void> {
  const untilMs = Date.now() + seconds * 1000;
  while (!output.includes(text)) {
    if (Date.now() > untilMs) throw new Error(`the server did not say "${text}" in ${seconds} s; it said:\n${output}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function hear(chunk: Buffer): void {
  output += chunk.toString();
}

async function resetClient(): Promise<void> {
  await ip('-n', client, 'address', 'flush', 'dev', 'eth0');
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'virtdom-dhcp-'));
  await ip('netns', 'add', server);
  await ip('netns', 'add', client);
  await ip('-n', server, 'link', 'add', 'br0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', client);
  await ip('-n', client, 'link', 'set', 'eth0', 'address', mac);
  for (const [namespace, name] of [
    [server, 'lo'],
    [server, 'br0'],
    [client, 'lo'],
    [client, 'eth0'],
  ] as const) {
    await ip('-n', namespace, 'link', 'set', name, 'up');
  }
  await ip('-n', server, 'address', 'add', `${ownAddress}/24`, 'dev', 'br0');
  const script = new URL('dhcp-server.ts', import.meta.url).pathname;
  daemon = spawn('ip', ['netns', 'exec', server, process.execPath, script, 'br0', ownAddress], { stdio: ['ignore', 'pipe', 'pipe'] });
  daemon.stdout?.on('data', hear);
  daemon.stderr?.on('data', hear);
  await waitFor('serving');
});

afterAll(async () => {
  if (daemon?.exitCode === null) {
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await ended;
  }
  for (const namespace of [server, client]) await ip('netns', 'del', namespace).catch(() => {});
  await rm(directory, { recursive: true, force: true });
});

describe('real DHCP clients', () => {
  it('dhclient gets address, boot file and server, and gives its lease back', async () => {
    const script = join(directory, 'dhclient-script');
    await writeFile(
      script,
      '#!/bin/sh\necho "$reason $new_ip_address $new_filename $new_routers"\n[ -z "$new_ip_address" ] || ip address add "$new_ip_address/24" dev "$interface"\nexit 0\n',
      { mode: 0o755 },
    );
    const files = ['-sf', script, '-lf', join(directory, 'leases'), '-pf', join(directory, 'pid')];
    const said = await inClient('dhclient', '-4', '-1', '-v', ...files, 'eth0');
    expect(said).toContain('BOUND 10.9.8.100 pxegrub 10.9.8.1');
    await inClient('dhclient', '-4', '-r', ...files, 'eth0');
    await waitFor('RELEASE');
  });

  it('udhcpc gets the same address, with the menu in option 150', async () => {
    await resetClient();
    const script = join(directory, 'udhcpc-script');
    await writeFile(script, '#!/bin/sh\necho "$1 $ip $siaddr $boot_file $opt150"\n', { mode: 0o755 });
    const said = await inClient('udhcpc', '-f', '-q', '-n', '-i', 'eth0', '-s', script);
    expect(said).toContain(`bound 10.9.8.100 ${ownAddress} pxegrub ${Buffer.from('/grub/post01.conf').toString('hex')}`);
  });

  it('the npm package dhcp is bound as a client', async () => {
    await resetClient();
    await ip('-n', client, 'address', 'add', '10.9.8.250/24', 'dev', 'eth0');
    await ip('-n', client, 'route', 'add', 'default', 'dev', 'eth0');
    const script = join(directory, 'client.cjs');
    const package_ = new URL('../../node_modules/dhcp', import.meta.url).pathname;
    await writeFile(
      script,
      `const client = require(${JSON.stringify(package_)}).createClient({ mac: '52-54-00-09-08-02' });
client.on('bound', (state) => { console.log('bound', state.address); process.exit(0); });
client.on('listening', () => client.sendDiscover());
client.listen(68);
setTimeout(() => process.exit(1), 10000);\n`,
    );
    expect(await inClient(process.execPath, script)).toContain('bound 10.9.8.101');
  });

  it('a client hears the server again after its interface was deleted and made anew', async () => {
    await ip('-n', server, 'link', 'del', 'br0');
    await waitFor('the interface is gone');
    await ip('-n', server, 'link', 'add', 'br0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', client);
    await ip('-n', client, 'link', 'set', 'eth0', 'address', mac);
    await ip('-n', server, 'address', 'add', `${ownAddress}/24`, 'dev', 'br0');
    await ip('-n', server, 'link', 'set', 'br0', 'up');
    await ip('-n', client, 'link', 'set', 'eth0', 'up');
    await waitFor('the interface is back');
    const script = join(directory, 'udhcpc-script');
    expect(await inClient('udhcpc', '-f', '-q', '-n', '-i', 'eth0', '-s', script)).toContain('bound 10.9.8.100');
  });

  it('names the process that holds port 67', async () => {
    const script = new URL('dhcp-server.ts', import.meta.url).pathname;
    const second = await run('ip', ['netns', 'exec', server, process.execPath, script, 'br0', ownAddress]).catch(
      (error: { stderr: string }) => error,
    );
    expect(second.stderr).toMatch(/UDP port 67 on interface br0 is in use by node \(process \d+\)/);
  });
});
