import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LabNetwork } from '../../src/lab/lab-network.ts';
import { runCommand } from '../../src/lab/run-command.ts';
import { Lab } from '../../src/lab/lab.ts';

const lab = new URL('../../src/lab/lab.ts', import.meta.url).href;
let dir = '';
beforeAll(() => {
  dir = mkdtempSync('/tmp/virtdom-lab-');
});
afterAll(() => rmSync(dir, { recursive: true }));

function namespaces(): string[] {
  return readdirSync('/run/netns');
}

/** Process ids of the QEMUs of one machine, by its name. */
function qemusOf(machine: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(`qemu-system-x86_64\0-name\0${machine}\0`);
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
}

async function eventually(holds: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 50; tries++) {
    if (holds()) return true;
    await setTimeout(100);
  }
  return holds();
}

it('leaves neither namespace nor machine behind when it is closed', async () => {
  const { network } = await (async () => {
    await using running = await Lab.start({ dir, captureFile: `${dir}/closed.pcap` });
    const machine = await running.addMachine({ name: 'closed', nics: [{ mac: '52:54:00:00:00:01' }], memoryMib: 64 });
    const { monitor } = machine.powerOn();
    await monitor.execute('query-status');
    expect(namespaces()).toContain(running.network.namespace);
    return running;
  })();
  expect(namespaces()).not.toContain(network.namespace);
  expect(qemusOf('closed')).toEqual([]);
});

it('leaves neither namespace nor machine behind when its process is killed', async () => {
  const program = `
    const { Lab } = await import(${JSON.stringify(lab)});
    const lab = await Lab.start({ dir: ${JSON.stringify(dir)} });
    const machine = await lab.addMachine({ name: 'killed', nics: [{ mac: '52:54:00:00:00:01' }], memoryMib: 64 });
    await machine.powerOn().monitor.execute('query-status');
    console.log(lab.network.namespace);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [namespace] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  expect(namespaces()).toContain(namespace);
  expect(qemusOf('killed')).toHaveLength(1);
  child.kill('SIGKILL');
  await expect(eventually(() => !namespaces().includes(namespace))).resolves.toBe(true);
  await expect(eventually(() => qemusOf('killed').length === 0)).resolves.toBe(true);
});

it('sweeps what a lab left whose process and reaper were both killed', async () => {
  const abandoned = 'virtdom-lab-4194305-1-1';
  await runCommand(['ip', 'netns', 'add', abandoned]);
  await using _lab = await Lab.start({ dir });
  expect(namespaces()).not.toContain(abandoned);
});

it('keeps two labs of the same addresses apart', async () => {
  const options = { bridge: 'br0', addresses: ['192.168.0.5/24'] };
  const [first, second] = await Promise.all([LabNetwork.create(options), LabNetwork.create(options)]);
  await first.addTap();
  expect(await first.ip('-brief', 'link')).toContain('tap1');
  expect(await second.ip('-brief', 'link')).not.toContain('tap1');
  await Promise.all([first.close(), second.close()]);
});

it('says what ip complained of, and leaves nothing behind', async () => {
  await expect(LabNetwork.create({ bridge: 'br0', addresses: ['no address'] })).rejects.toThrow(
    /ip .*address add no address dev br0: .*no address/,
  );
  expect(namespaces().filter((name) => name.startsWith(`virtdom-lab-${process.pid}-`))).toEqual([]);
});

it('advertises a router with all the hops that hosts insist on (RFC 4861 6.1.2)', async () => {
  await using running = await Lab.start({ dir, captureFile: `${dir}/advertised.pcap` });
  // A bridge has carrier once a port of it has one.
  await running.network.ip('link', 'add', 'peer0', 'type', 'veth', 'peer', 'name', 'peer1');
  await running.network.ip('link', 'set', 'peer0', 'master', 'br0', 'up');
  await running.network.ip('link', 'set', 'peer1', 'up');
  const seen = await running.network.exec(['timeout', '10', 'tcpdump', '-n', '-i', 'peer1', '-c', '1', '-vv', 'icmp6 and ip6[40] == 134']);
  expect(seen).toMatch(/hlim 255.*ff02::1: \[icmp6 sum ok\] ICMP6, router advertisement/s);
});
