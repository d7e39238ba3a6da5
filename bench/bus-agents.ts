// How much CPU and memory the embedded broker takes for each agent: 300 agents (or `node bench/bus-agents.ts 100`), each over TLS
// with its own key, send messages of 10 KB and then of 100 KB to one listener in the broker's process. The agents run in a process
// of their own. Two runs a size: all that goes through, and a message a second of each agent for 5 s.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { credential } from '../src/bus/credential.ts';
import { EmbeddedBroker } from '../src/bus/embedded-broker.ts';
import { MqttBus } from '../src/bus/mqtt-bus.ts';
import { systemClock } from '../src/clock.ts';
import { silentLog } from '../src/log.ts';

const key = Buffer.alloc(32, 1);
const pacedSeconds = 5;

interface Order {
  readonly bytes: number;
  readonly messages: number;
  readonly everyMs: number;
}

function usernameOf(at: number): string {
  return `post${at}/1`;
}

/** In the agents' process: does what it is ordered, and says when all is acknowledged. */
async function runAgents(port: number, count: number): Promise<void> {
  const buses = Array.from({ length: count }, (_, at) => {
    const username = usernameOf(at);
    return new MqttBus({
      url: `mqtts://127.0.0.1:${port}`,
      clientId: username,
      username,
      password: credential(key, username),
      psk: true,
      clock: systemClock,
      log: silentLog,
    });
  });
  await Promise.all(
    buses.map(
      (bus) =>
        new Promise<void>((resolve) => {
          bus.onState(({ kind }) => {
            if (kind === 'connected') resolve();
          });
        }),
    ),
  );
  process.on('message', ({ bytes, messages, everyMs }: Order) => {
    const payload = Buffer.alloc(bytes, 'virtdom ');
    const send = async (bus: MqttBus, at: number): Promise<void> => {
      if (everyMs > 0) await sleep((everyMs * at) / count);
      for (let sent = 0; sent < messages; sent++) {
        await bus.publish(`agent/post${at}/out`, payload);
        if (everyMs > 0) await sleep(everyMs);
      }
    };
    void Promise.all(buses.map(send)).then(() => process.send?.('done'));
  });
  process.send?.('ready');
}

async function measure(count: number): Promise<void> {
  const broker = await EmbeddedBroker.start({
    address: '127.0.0.1',
    port: 0,
    clock: systemClock,
    log: silentLog,
    credentialOf: (username) => Buffer.from(credential(key, username)),
    mayPublish: () => true,
    maySubscribe: () => true,
    limits: { connectionsOfAddress: 1024, bytesPerSecond: 1e9, byteBurst: 1e9, packetsPerSecond: 1e6, packetBurst: 1e6 },
  });
  let heard = 0;
  await broker.connectLocal('manager').subscribe('agent/+/out', () => {
    heard++;
  });
  const rssBefore = process.memoryUsage().rss;
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const agents = fork(fileURLToPath(import.meta.url), [String(count), String(broker.port)]);
  await once(agents, 'message');
  const { user, system } = process.cpuUsage(cpuBefore);
  const connectMs = Math.round(performance.now() - startMs);
  say(`${count} agents were started and connected within ${connectMs} ms; ${((user + system) / 1000 / count).toFixed(2)} ms CPU each`);
  say(`memory: ${mib(rssBefore)} MiB without agents, ${mib(process.memoryUsage().rss)} MiB with ${count} that are silent`);
  say('bytes    pace          heard  messages/s  MB/s  CPU %  CPU ms/message  CPU %/client  MiB at most  KiB/client');
  for (const bytes of [10_000, 100_000])
    for (const everyMs of [0, 1000]) {
      heard = 0;
      const cpu = process.cpuUsage();
      const fromMs = performance.now();
      const messages = everyMs === 0 ? (bytes > 50_000 ? 5 : 20) : pacedSeconds;
      agents.send({ bytes, messages, everyMs } satisfies Order);
      let rss = 0;
      const watch = setInterval(() => (rss = Math.max(rss, process.memoryUsage().rss)), 50);
      await once(agents, 'message');
      clearInterval(watch);
      const seconds = (performance.now() - fromMs) / 1000;
      const used = process.cpuUsage(cpu);
      const cpuMs = (used.user + used.system) / 1000;
      const cells = [
        String(bytes).padEnd(7),
        (everyMs === 0 ? 'unpaced' : 'one a second').padEnd(12),
        String(heard).padStart(6),
        (heard / seconds).toFixed(0).padStart(10),
        ((heard * bytes) / seconds / 1e6).toFixed(0).padStart(4),
        (cpuMs / seconds / 10).toFixed(0).padStart(5),
        (cpuMs / heard).toFixed(2).padStart(14),
        (cpuMs / seconds / 10 / count).toFixed(3).padStart(12),
        String(mib(rss)).padStart(11),
        ((rss - rssBefore) / 1024 / count).toFixed(0).padStart(10),
      ];
      say(cells.join('  '));
    }
  agents.kill();
  await broker.close();
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function mib(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}

const [, , count = '300', port] = process.argv;
if (port === undefined) await measure(Number(count));
else await runAgents(Number(port), Number(count));
