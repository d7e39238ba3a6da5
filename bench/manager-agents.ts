import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/clock.ts';
import type { BusSettings } from '../src/config.ts';
import { HostBoots } from '../src/host-boots.ts';
import { silentLog } from '../src/log.ts';
import { startManagerBus } from '../src/manager-bus.ts';
import { Manager } from '../src/manager/manager.ts';
import type { ManagerObjects } from '../src/manager/surroundings.ts';
import { agentSession } from '../src/agent-session.ts';
import { openStore } from '../src/store/store.ts';
import type { AgentsOrder } from './simulated-agents.ts';

// What 300 agents cost the manager, that is, this process: its own broker over TLS with keys, properties of 10 and of 100 KB from
// each agent every few seconds, beats every five, one VM on each host started and kept, records in SQLite. The agents live in
// another process. Arguments: agents, seconds between two messages of one agent, seconds to measure, sizes in KB.
const [agents = 300, every = 10, seconds = 30, ...sizes] = process.argv.slice(2).map(Number);
const port = 28_883;
const folder = mkdtempSync(join(tmpdir(), 'virtdom-bench-'));
const bus: BusSettings = { port, address: '127.0.0.1', agents: {} };
const busKey = Buffer.alloc(32, 7);
const names = Array.from({ length: agents }, (_, n) => `post${String(n + 1).padStart(4, '0')}`);

const objects: ManagerObjects = {
  machines: names.map((name, n) => ({
    name,
    nics: [{ mac: `52:54:00:00:${hex(n >> 8)}:${hex(n & 255)}` }],
    role: 'farm',
    labels: {},
    parameters: {},
  })),
  environments: [
    {
      name: 'worker',
      instances: 'at-least-one',
      image: 'worker',
      template: 'domu.xl',
      kernelArguments: [],
      memoryMib: 512,
      vcpus: 1,
      networks: [{ bridge: 'xenbr0', address: 'dhcp', mac: 'derived' }],
      storage: [],
      count: { min: agents, max: agents },
      constraints: { labels: {}, spread: true, apartFrom: [], excludes: [] },
      priority: 0,
      readySeconds: 0,
      paused: false,
      parameters: {},
    },
  ],
  roles: [{ name: 'farm', environments: ['worker'], networks: [], labels: {}, properties: [], reserveMib: 0, priority: 0 }],
  triggers: [],
};

try {
  const store = await openStore({ database: join(folder, 'virtdom.db'), serverId: 'bench', log: silentLog });
  const boots = await HostBoots.open({ store: store.hostBoots, clock: systemClock, log: silentLog });
  const sessions: string[] = [];
  for (const [index, machine] of names.entries()) {
    const boot = { machine, boot: index + 1, attempt: `a-${machine}`, redeemedMs: Date.now() };
    boots.learn(boot);
    sessions.push(agentSession({ bus, key: busKey }, boot, 'http://127.0.0.1:8080'));
  }
  const before = rssMib();
  const managerBus = await startManagerBus({ bus, name: 'bench', boots, busKey, tell: () => {}, clock: systemClock, log: silentLog });
  let ids = 0;
  const manager = await Manager.start({
    name: 'bench',
    clock: systemClock,
    bus: managerBus.bus,
    store: store.manager,
    power: { has: () => false, read: noPower, switch: noPower },
    objects: { current: objects, subscribe: () => () => {} },
    boots,
    images: { resolve: () => ({ kind: 'found', ref: 'worker@1', files: [] }) },
    renderDomain: (vm) => ({ config: `name = "${vm.name}"\n` }),
    tell: () => {},
    log: silentLog,
    newId: () => `id-${++ids}`,
    newKey: () => 'k'.repeat(43),
  });
  const child = fork(new URL('./simulated-agents.ts', import.meta.url));
  const startedMs = performance.now();
  child.send({ kind: 'connect', sessions, everySeconds: every } satisfies AgentsOrder);
  while (manager.vms().filter(({ state }) => state === 'running').length < agents) await sleep(100);
  print(`${agents} agents joined and ${agents} VMs started after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  const rows: string[] = [];
  for (const kib of sizes.length > 0 ? sizes : [0, 10, 100]) {
    child.send({ kind: 'size', bytes: kib * 1000 } satisfies AgentsOrder);
    await sleep(every * 1000);
    rows.push(await measure(kib));
  }
  print('| message | in | CPU of the manager | an agent | memory | an agent | loop p99 |\n|---|---|---|---|---|---|---|');
  for (const row of rows) print(row);
  child.send({ kind: 'end' } satisfies AgentsOrder);
  await once(child, 'exit');
  await manager.close();
  await managerBus[Symbol.asyncDispose]();
  await store.close();

  async function measure(kib: number): Promise<string> {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const cpu = process.cpuUsage();
    const beganMs = performance.now();
    await sleep(seconds * 1000);
    const { user, system } = process.cpuUsage(cpu);
    const took = (performance.now() - beganMs) / 1000;
    const share = (user + system) / 1e6 / took;
    const mib = rssMib() - before;
    return (
      `| ${kib} KB | ${((agents * kib) / 1000 / every).toFixed(1)} MB/s | ${(share * 100).toFixed(1)} % of a core | ` +
      `${((share * 1e6) / agents).toFixed(0)} µs/s | ${mib.toFixed(0)} MiB | ${((mib * 1024) / agents).toFixed(0)} KiB | ${(delay.percentile(99) / 1e6).toFixed(1)} ms |`
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

function rssMib(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
}

function noPower(): Promise<{ readonly kind: 'unknown'; readonly reason: string }> {
  return Promise.resolve({ kind: 'unknown', reason: 'none' });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
