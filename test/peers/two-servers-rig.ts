import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeLabFiles, type LabDocument } from '../../src/lab/lab-files.ts';
import { LabNetwork } from '../../src/lab/lab-network.ts';
import { ServeProcess, type ServeLine } from '../../src/lab/serve-process.ts';
import { PostgresServer } from '../contract/postgres-server.ts';
import { readCapture, type CapturedDhcp } from './captured-dhcp.ts';

/** No `serverAddress`: each server finds its own. */
const sharedSubnet: LabDocument = {
  kind: 'Subnet',
  name: 'lab',
  cidr: '10.77.0.0/16',
  interface: 'br0',
  mode: 'authoritative',
  pool: '10.77.16.0-10.77.31.255',
  leaseSeconds: 600,
  unknown: 'lease',
};

/** By the hashes of these names both begin at one place of the pool: the worst case. */
const serverNames = { 5: 'boot62', 6: 'boot115' } as const;

export interface RigServer {
  readonly address: string;
  readonly network: LabNetwork;
  readonly lines: ServeLine[];
  process: ServeProcess;
}

/** `virtdom serve` twice on one Ethernet and one PostgreSQL, and a namespace for clients. Needs root. */
export class TwoServersRig implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'virtdom-two-'));
  readonly clients: LabNetwork;
  readonly servers: readonly [RigServer, RigServer];
  readonly #postgres: PostgresServer;
  readonly #database: string;
  readonly #started: AsyncDisposableStack;
  #capture: ChildProcess | undefined;

  private constructor(
    parts: { readonly clients: LabNetwork; readonly postgres: PostgresServer; readonly database: string },
    servers: readonly [RigServer, RigServer],
    started: AsyncDisposableStack,
  ) {
    this.clients = parts.clients;
    this.#postgres = parts.postgres;
    this.#database = parts.database;
    this.servers = servers;
    this.#started = started;
  }

  static async create(): Promise<TwoServersRig> {
    await using started = new AsyncDisposableStack();
    const postgres = await PostgresServer.start();
    started.defer(() => postgres.close());
    const database = postgres.createDatabase();
    const clients = await LabNetwork.create({ bridge: 'br0', addresses: ['10.77.0.9/16'] });
    started.defer(() => clients.close());
    const dir = mkdtempSync(join(tmpdir(), 'virtdom-two-'));
    started.defer(() => rmSync(dir, { recursive: true, force: true }));
    chmodSync(dir, 0o755);
    const open = async (number: 5 | 6): Promise<RigServer> => {
      const address = `10.77.0.${number}`;
      const network = await LabNetwork.create({ bridge: 'br0', addresses: [`${address}/16`] });
      started.defer(() => network.close());
      const port = `port${number}`;
      await clients.ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'up0', 'netns', network.namespace);
      await clients.ip('link', 'set', port, 'master', 'br0', 'up');
      await network.ip('link', 'set', 'up0', 'master', 'br0', 'up');
      const lines: ServeLine[] = [];
      const own = join(dir, String(number));
      const configFile = writeLabFiles({
        dir: own,
        stateDir: join(own, 'state'),
        settings: { serverName: serverNames[number], database, nfs: { workers: 1 } },
        documents: [sharedSubnet],
      });
      const onLine = (line: ServeLine): void => void lines.push(line);
      const process = await ServeProcess.start(network, { configFile, logFile: join(own, 'serve.log'), onLine });
      started.defer(() => process.stop());
      return { address, network, lines, process };
    };
    const servers = [await open(5), await open(6)] as const;
    return new TwoServersRig({ clients, postgres, database }, servers, started.move());
  }

  /** Records DHCP from now on, as the clients' side sees it. */
  async capture(): Promise<void> {
    const file = join(this.dir, 'dhcp.pcap');
    const argv = ['tcpdump', '-i', 'br0', '-U', '-B', '16384', '-w', file, 'udp port 67 or udp port 68'];
    this.#capture = this.clients.spawn(argv, { stdio: ['ignore', 'ignore', 'pipe'] });
    if (this.#capture.stderr !== null) await once(this.#capture.stderr, 'data'); // "listening on br0"
  }

  async captured(): Promise<readonly CapturedDhcp[]> {
    const capture = this.#capture;
    if (capture !== undefined && capture.exitCode === null) {
      const ended = once(capture, 'exit');
      capture.kill('SIGINT');
      await ended;
    }
    return readCapture(join(this.dir, 'dhcp.pcap'));
  }

  /** `rate` exchanges a second of `count` clients, for a time; resolves with its report. */
  async load({ rate, count, seconds }: { readonly rate: number; readonly count: number; readonly seconds: number }): Promise<string> {
    const namespace = this.clients.namespace;
    const options = ['-4', '-B', '-l', '10.77.0.9', '-r', String(rate), '-R', String(count), '-p', String(seconds)];
    const child = spawn('ip', ['netns', 'exec', namespace, 'perfdhcp', ...options, '255.255.255.255'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let report = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (report += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (report += text));
    await once(child, 'close');
    return report;
  }

  /** What the database has: MAC and state by address. */
  leases(): ReadonlyMap<string, { readonly mac: string; readonly state: string }> {
    const rows = this.#postgres.sql('select address, mac, state from lease', this.#database).split('\n');
    return new Map(
      rows
        .filter((row) => row !== '')
        .map((row) => row.split('|'))
        .map(([address = '', mac = '', state = '']) => [address, { mac, state }]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#capture?.kill('SIGKILL');
    await this.#started.disposeAsync();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
