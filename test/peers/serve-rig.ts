import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeLabFiles, type LabDocument } from '../../src/lab/lab-files.ts';
import { LabNetwork } from '../../src/lab/lab-network.ts';
import { ServeProcess, type ServeLine } from '../../src/lab/serve-process.ts';

export const serverAddress = '10.77.0.5';

/** Gives an address to whoever asks; a test changes what it is about. */
export const openSubnet: LabDocument = {
  kind: 'Subnet',
  name: 'lab',
  cidr: '10.77.0.0/24',
  interface: 'br0',
  serverAddress,
  mode: 'authoritative',
  pool: '10.77.0.100-10.77.0.149',
  leaseSeconds: 600,
  unknown: 'lease',
};

export interface ServeRigOptions {
  readonly documents?: readonly LabDocument[];
  /** More keys for virtdom.yaml. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** What a client's command printed, whatever its exit code. */
export interface Said {
  readonly code: number;
  readonly text: string;
}

/** The real `virtdom serve` on a bridge in a namespace, and clients in namespaces of their own. Needs root. */
export class ServeRig implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'virtdom-serve-'));
  readonly network: LabNetwork;
  readonly configFile: string;
  /** Of all servers of this rig, one after the other. */
  readonly lines: ServeLine[] = [];
  serve: ServeProcess | undefined;
  readonly #clients: RigClient[] = [];

  private constructor(network: LabNetwork, { documents = [openSubnet], settings = {} }: ServeRigOptions) {
    this.network = network;
    const stateDir = join(this.dir, 'state');
    this.configFile = writeLabFiles({ dir: this.dir, stateDir, settings: { nfs: { workers: 1 }, ...settings }, documents });
  }

  static async create(options: ServeRigOptions = {}): Promise<ServeRig> {
    return new ServeRig(await LabNetwork.create({ bridge: 'br0', addresses: [`${serverAddress}/24`] }), options);
  }

  async start(configFile = this.configFile): Promise<ServeProcess> {
    const onLine = (line: ServeLine): void => void this.lines.push(line);
    this.serve = await ServeProcess.start(this.network, { configFile, logFile: join(this.dir, 'serve.log'), onLine });
    return this.serve;
  }

  /** A network namespace whose `eth0` is plugged into the bridge. */
  async addClient(mac: string): Promise<RigClient> {
    const network = await LabNetwork.create({ bridge: 'unused', addresses: [] });
    const client = new RigClient(network, join(this.dir, `client-${this.#clients.length}`));
    const port = `port${this.#clients.length}`;
    this.#clients.push(client);
    await this.network.ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', network.namespace);
    await this.network.ip('link', 'set', port, 'master', 'br0', 'up');
    await network.ip('link', 'set', 'eth0', 'address', mac, 'up');
    return client;
  }

  /** The first line that fits, of those to come too. */
  async line(fits: (line: ServeLine) => boolean, seconds = 20): Promise<ServeLine> {
    for (const untilMs = Date.now() + seconds * 1000; Date.now() < untilMs; await new Promise((resolve) => setTimeout(resolve, 50))) {
      const found = this.lines.find(fits);
      if (found !== undefined) return found;
    }
    throw new Error(`no such line in ${seconds} s:\n${this.lines.map((line) => JSON.stringify(line)).join('\n')}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.network.close();
    await this.serve?.stop();
    await this.network.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export interface UdhcpcOptions {
  readonly wanted?: string;
  /** Option 60. */
  readonly classId?: string;
  readonly tries?: number;
  /** A shell command that runs at the moment of the ACK. */
  readonly atBound?: string;
}

/** A machine on the rig's bridge. */
export class RigClient {
  readonly network: LabNetwork;
  readonly #script: string;

  constructor(network: LabNetwork, script: string) {
    this.network = network;
    this.#script = script;
  }

  run(...argv: readonly string[]): Promise<Said> {
    return new Promise((resolve) => {
      execFile('ip', ['netns', 'exec', this.network.namespace, 'timeout', '40', ...argv], (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), text: `${stdout}${stderr}` });
      });
    });
  }

  /**
   * One lease by busybox's client, which leaves when it has one or after `tries`: the words `bound ADDRESS from SERVER`.
   */
  udhcpc({ wanted, classId, tries = 3, atBound = ':' }: UdhcpcOptions = {}): Promise<Said> {
    const say = `[ "$1" != bound ] || { ${atBound}; echo "bound $ip from $serverid"; }`;
    writeFileSync(this.#script, `#!/bin/sh\n${say}\n`, { mode: 0o755 });
    const asked = [...(wanted === undefined ? [] : ['-r', wanted]), ...(classId === undefined ? [] : ['-V', classId])];
    return this.run('udhcpc', '-f', '-q', '-n', '-i', 'eth0', '-t', String(tries), '-T', '1', '-s', this.#script, ...asked);
  }
}
