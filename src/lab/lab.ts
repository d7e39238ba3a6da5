import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LabError } from './lab-error.ts';
import { LabMachine } from './lab-machine.ts';
import { LabNetwork } from './lab-network.ts';
import { endProcess } from './process-end.ts';
import type { MachineSpec } from './qemu-command.ts';

export interface LabOptions {
  /** Consoles and captures are written there. */
  readonly dir: string;
  /** `br0` unless it matters. */
  readonly bridge?: string;
  /** The server's addresses with prefix lengths, `192.168.0.5/24` unless it matters. */
  readonly addresses?: readonly string[];
  /** Off only to see what iPXE does without. */
  readonly routerAdvertisements?: boolean;
  /** Writes every packet of the bridge to this file. */
  readonly captureFile?: string;
}

/** A network of its own with machines that boot from it. Several may run side by side. */
export class Lab {
  readonly network: LabNetwork;
  readonly #options: LabOptions;
  readonly #machines = new Map<string, LabMachine>();
  #capture: ChildProcess | undefined;

  private constructor(network: LabNetwork, options: LabOptions) {
    this.network = network;
    this.#options = options;
  }

  /** Throws LabError with what to do; leaves nothing behind when it does. */
  static async start(options: LabOptions): Promise<Lab> {
    const network = await LabNetwork.create({ bridge: options.bridge ?? 'br0', addresses: options.addresses ?? ['192.168.0.5/24'] });
    const lab = new Lab(network, options);
    try {
      if (options.captureFile !== undefined) lab.#capture = await startCapture(network, options.captureFile);
      if (options.routerAdvertisements !== false) lab.#advertise();
      return lab;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** Connects a machine; it stays off until `powerOn`. */
  async addMachine(spec: MachineSpec): Promise<LabMachine> {
    const machine = await LabMachine.create(spec, this.network, this.#options.dir);
    this.#machines.set(spec.name, machine);
    return machine;
  }

  machine(name: string): LabMachine {
    const machine = this.#machines.get(name);
    if (machine === undefined) throw new RangeError(`no machine ${name} in this lab`);
    return machine;
  }

  /** Switches everything off and removes the network. The capture is whole when this returns. */
  async close(): Promise<void> {
    await Promise.all([...this.#machines.values()].map((machine) => machine.powerOff()));
    if (this.#capture !== undefined) await endProcess(this.#capture);
    await this.network.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #advertise(): void {
    const program = fileURLToPath(new URL('./router-advertiser.ts', import.meta.url));
    this.network.spawn([process.execPath, program, this.network.bridge], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

/** tcpdump says that it listens once it does: a machine that is switched on later is captured from its first packet. */
async function startCapture(network: LabNetwork, file: string): Promise<ChildProcess> {
  const tcpdump = network.spawn(
    ['tcpdump', '-i', network.bridge, '-Z', 'root', '-s', '0', '-B', '16384', '--immediate-mode', '-U', '-w', file],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  await new Promise<void>((resolve, reject) => {
    tcpdump.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
      if (said.includes('listening on')) resolve();
    });
    tcpdump.once('exit', () => reject(new LabError('command-failed', `tcpdump: ${said.trim()}`)));
  });
  return tcpdump;
}
