import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeLabFiles } from '../src/lab/lab-files.ts';
import { LabNetwork } from '../src/lab/lab-network.ts';
import { ServeProcess } from '../src/lab/serve-process.ts';
import { readCapture } from '../test/peers/captured-dhcp.ts';
import { fillBigLab } from './big-lab.ts';

// A lab of 10,000 machines and 1,000,000 events in SQLite: how long listing, filtering and streaming take over the API; and how
// long DHCP answers take, alone and while that listing and 100 TFTP readers run. Needs root, and perfdhcp of kea-admin. Argument:
// how many events.
const eventCount = Number(process.argv[2] ?? 1_000_000);
const dir = mkdtempSync(join(tmpdir(), 'virtdom-bench-'));
const stateDir = join(dir, 'state');
mkdirSync(join(stateDir, 'loaders'), { recursive: true });
writeFileSync(join(stateDir, 'loaders', 'bench.bin'), Buffer.alloc(12 << 20, 1));
const configFile = writeLabFiles({ dir, stateDir, settings: { nfs: { workers: 1 } }, documents: [] });
const socketPath = join(dir, 'run', 'api.sock');

const network = await LabNetwork.create({ bridge: 'br0', addresses: ['10.77.0.5/16'] });
const clients = await LabNetwork.create({ bridge: 'unused', addresses: [] });
let serve: ServeProcess | undefined;
try {
  await network.ip('link', 'add', 'port0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', clients.namespace);
  await network.ip('link', 'set', 'port0', 'master', 'br0', 'up');
  await clients.ip('address', 'add', '10.77.0.9/16', 'dev', 'eth0');
  await clients.ip('link', 'set', 'eth0', 'up');
  const filledMs = await timed(() => fillBigLab(join(dir, 'virtdom.db'), eventCount, print));
  print(`filled in ${(filledMs / 1000).toFixed(0)} s`);
  const startMs = await timed(async () => {
    serve = await ServeProcess.start(network, { configFile, logFile: join(dir, 'serve.log') });
  });
  print(`virtdom serve is ready after ${startMs.toFixed(0)} ms\n`);
  await queries();
  await stream();
  print('');
  await answers('DHCP alone', async () => {});
  await answers('DHCP beside listing and 100 TFTP readers', async (untilMs) => {
    await Promise.all([listing(untilMs), readers(untilMs)]);
  });
} finally {
  await serve?.stop();
  await clients.close();
  await network.close();
  rmSync(dir, { recursive: true });
}

async function queries(): Promise<void> {
  const newest = JSON.parse((await get('/events?limit=1')).body) as { readonly items: readonly { readonly id: number }[] };
  print(`newest event ${newest.items[0]?.id}`);
  for (const path of [
    '/machines?limit=50',
    '/machines?limit=1000',
    '/machines?role=worker&limit=50&total=true',
    '/machines?q=node0777&limit=50',
    '/machines?sort=-lastBootAt&limit=50',
    '/machines/node04321',
    '/events?limit=50',
    '/events?limit=1000',
    '/events?machine=node04321&limit=50',
    '/events?kind=boot.stuck&limit=50',
    '/events?severity=warning&limit=50',
    '/events?kind=boot.*&severity=warning&machine=node04321&limit=50',
    '/events?q=no-such-text&limit=50',
    '/leases?limit=50',
  ]) {
    const times: number[] = [];
    let bytes = 0;
    for (let round = 0; round < 20; round++) {
      const startMs = performance.now();
      const { status, body } = await get(path);
      times.push(performance.now() - startMs);
      bytes = body.length;
      if (status !== 200) throw new Error(`${path}: ${status} ${body}`);
    }
    print(`GET ${path.padEnd(66)} p50 ${quantile(times, 0.5)} ms, worst ${quantile(times, 1)} ms, ${bytes} bytes`);
  }
  let pages = 0;
  const allMs = await timed(async () => {
    for (let cursor: string | undefined = ''; cursor !== undefined; pages++) {
      const page = JSON.parse((await get(`/machines?limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`)).body) as {
        nextCursor?: string;
      };
      cursor = page.nextCursor;
    }
  });
  print(`all machines in ${pages} pages: ${allMs.toFixed(0)} ms`);
}

/** Replays the newest 100,000 events. */
async function stream(): Promise<void> {
  const { items } = JSON.parse((await get('/events?limit=1')).body) as { readonly items: readonly { readonly id: number }[] };
  const newest = items[0]?.id ?? 0;
  const wanted = Math.min(100_000, newest - 1);
  const took = await timed(
    () =>
      new Promise<void>((resolve, reject) => {
        const asked = request(
          { socketPath, path: '/api/v1/events/stream', headers: { 'last-event-id': String(newest - wanted) } },
          (response: IncomingMessage) => {
            let seen = 0;
            response.setEncoding('utf8').on('data', (text: string) => {
              seen += text.split('\nid:').length - 1 + (text.startsWith('id:') ? 1 : 0);
              if (seen < wanted) return;
              response.destroy();
              resolve();
            });
          },
        );
        asked.on('error', reject);
        asked.end();
      }),
  );
  print(`stream of ${wanted} events: ${took.toFixed(0)} ms, ${(wanted / took).toFixed(0)} events a millisecond`);
}

async function listing(untilMs: number): Promise<void> {
  const paths = ['/machines?limit=1000', '/events?limit=1000', '/machines?q=node0777&total=true', '/events?kind=boot.stuck&limit=1000'];
  let count = 0;
  while (Date.now() < untilMs) {
    await get(paths[count++ % paths.length] ?? '');
  }
  print(`  ${count} lists of up to 1000 items`);
}

async function readers(untilMs: number): Promise<void> {
  const seconds = String(Math.ceil((untilMs - Date.now()) / 1000));
  const said = await run([process.execPath, join(import.meta.dirname, 'tftp-readers.ts'), '10.77.0.5', 'bench.bin', '100', seconds]);
  print(`  TFTP: ${(Number(said) / Number(seconds) / (1 << 20)).toFixed(0)} MiB/s`);
}

/** 200 exchanges a second for 20 s, timed at the bridge from the client's packet to our answer. */
async function answers(title: string, beside: (untilMs: number) => Promise<void>): Promise<void> {
  const seconds = 20;
  const file = join(dir, 'dhcp.pcap');
  const capture = network.spawn(['tcpdump', '-i', 'port0', '-B', '65536', '-w', file, 'udp port 67 or udp port 68'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (capture.stderr !== null) await once(capture.stderr, 'data');
  const work = beside(Date.now() + (seconds + 2) * 1000);
  const report = await run([
    'perfdhcp',
    '-4',
    '-B',
    '-l',
    '10.77.0.9',
    '-r',
    '200',
    '-R',
    '4000',
    '-p',
    String(seconds),
    '255.255.255.255',
  ]);
  await work;
  capture.kill('SIGINT');
  await once(capture, 'exit');
  const asked = new Map<string, number>();
  const times: number[] = [];
  for (const { atMs, type, mac } of readCapture(file)) {
    if (type === 1 || type === 3) asked.set(`${mac} ${type}`, atMs);
    const question = type === 2 ? 1 : 3;
    const askedMs = type === 2 || type === 5 ? asked.get(`${mac} ${question}`) : undefined;
    if (askedMs === undefined) continue;
    times.push(atMs - askedMs);
    asked.delete(`${mac} ${question}`);
  }
  const drops = [...report.matchAll(/drops: (\d+)/g)].map(([, count]) => count).join(' and ');
  const figures = [0.5, 0.99, 0.999, 1].map((part) => quantile(times, part)).join(' / ');
  print(`${title}: ${times.length} answers, p50 / p99 / p99.9 / worst: ${figures} ms, dropped ${drops}, unanswered ${asked.size}`);
}

function run(argv: readonly string[]): Promise<string> {
  const child = spawn('ip', ['netns', 'exec', clients.namespace, ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  return once(child, 'close').then(() => text);
}

function get(path: string): Promise<{ readonly status: number; readonly body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const asked = request({ socketPath, path: `/api/v1${path}` }, (response) => {
    let body = '';
    response.setEncoding('utf8').on('data', (text: string) => (body += text));
    response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
  });
  asked.once('error', reject);
  asked.end();
  return promise;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function quantile(times: readonly number[], part: number): string {
  const sorted = times.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN).toFixed(1);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
