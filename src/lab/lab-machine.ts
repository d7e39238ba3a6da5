import type { ChildProcess } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { ConsoleLog } from './console-log.ts';
import { LabError } from './lab-error.ts';
import type { LabNetwork } from './lab-network.ts';
import { MachineMonitor } from './machine-monitor.ts';
import { qemuCommand, type MachineSpec } from './qemu-command.ts';

/** How QEMU ended, and what it had to say. */
export interface MachineEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** QEMU's own complaints, empty if it had none. */
  readonly complaint: string;
}

/** One power-on of a machine: from the start of QEMU to its end. */
export interface PowerOn {
  /** Wall-clock milliseconds. */
  readonly atMs: number;
  readonly console: ConsoleLog;
  /** The serial port's bytes as they came. */
  readonly consoleFile: string;
  readonly monitor: MachineMonitor;
  /** Settles when QEMU has ended, for whatever reason. */
  readonly ended: Promise<MachineEnd>;
}

/** A computer of the lab: it is switched on and off as hard as by its plug. */
export class LabMachine {
  readonly spec: MachineSpec;
  readonly #network: LabNetwork;
  readonly #dir: string;
  readonly #taps: readonly string[];
  #count = 0;
  #process: ChildProcess | undefined;
  #current: PowerOn | undefined;

  private constructor(spec: MachineSpec, network: LabNetwork, dir: string, taps: readonly string[]) {
    this.spec = spec;
    this.#network = network;
    this.#dir = dir;
    this.#taps = taps;
  }

  /** Consoles are written to `dir`, one file a power-on: `post01-1.console`. */
  static async create(spec: MachineSpec, network: LabNetwork, dir: string): Promise<LabMachine> {
    const taps: string[] = [];
    for (const _ of spec.nics) taps.push(await network.addTap());
    return new LabMachine(spec, network, dir, taps);
  }

  get isOn(): boolean {
    return this.#process !== undefined;
  }

  /** The newest power-on; throws LabError where there was none. */
  get current(): PowerOn {
    if (this.#current === undefined) throw new LabError('machine-ended', `${this.spec.name} was never switched on`);
    return this.#current;
  }

  powerOn(): PowerOn {
    if (this.isOn) throw new LabError('machine-running', `${this.spec.name} is on already`);
    const consoleFile = `${this.#dir}/${this.spec.name}-${++this.#count}.console`;
    mkdirSync(this.#dir, { recursive: true });
    const file = createWriteStream(consoleFile);
    const startedMs = performance.now();
    const console = new ConsoleLog(() => Math.round(performance.now() - startedMs));
    const qemu = this.#network.spawn(qemuCommand(this.spec, this.#taps), { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
    const monitor = new MachineMonitor(qemu.stdio[3] as Duplex);
    let complaint = '';
    qemu.stdout?.on('data', (chunk: Buffer) => {
      file.write(chunk);
      console.take(chunk);
    });
    qemu.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString('utf8')));
    // Bytes for a serial port whose machine has just ended are lost, as on any cable.
    qemu.stdin?.on('error', () => {});
    const ended = new Promise<MachineEnd>((resolve) => {
      const finish = (end: MachineEnd): void => {
        if (this.#process === qemu) this.#process = undefined;
        const reason = new LabError('machine-ended', `${this.spec.name} ended: ${describeEnd(end)}`);
        console.end(reason);
        monitor.close(reason);
        file.end();
        resolve(end);
      };
      qemu.once('error', (error) => finish({ code: null, signal: null, complaint: error.message }));
      qemu.once('close', (code, signal) => finish({ code, signal, complaint: complaint.trim() }));
    });
    this.#process = qemu;
    this.#current = { atMs: Date.now(), console, consoleFile, monitor, ended };
    return this.#current;
  }

  /** Pulls the plug; returns when the machine is off. */
  async powerOff(): Promise<void> {
    const ended = this.#current?.ended;
    this.#process?.kill('SIGKILL');
    await ended;
  }

  /** Types on the serial port. */
  typeOnSerial(text: string): void {
    this.#process?.stdin?.write(text);
  }
}

export function describeEnd(end: MachineEnd): string {
  const how = end.signal === null ? `QEMU exited with ${end.code}` : `QEMU was ended by ${end.signal}`;
  return end.complaint === '' ? how : `${how}: ${end.complaint}`;
}
