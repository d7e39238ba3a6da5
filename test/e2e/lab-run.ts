import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { BootEvent } from '../../src/boot/boot-event.ts';
import { ImageRepository } from '../../src/images/repository.ts';
import { Lab } from '../../src/lab/lab.ts';
import { type LabDocument, labSubnet, writeLabFiles } from '../../src/lab/lab-files.ts';
import type { LabMachine, PowerOn } from '../../src/lab/lab-machine.ts';
import type { MachineSpec } from '../../src/lab/qemu-command.ts';
import { ServeProcess, type ServeLine } from '../../src/lab/serve-process.ts';
import { formatImageRef } from '../../src/model/image-manifest.ts';
import { preparedState } from './global-setup.ts';

const program = resolve(import.meta.dirname, '../../bin/virtdom');

export interface LabRunOptions {
  /** Its folder below `.virtdom/e2e`, kept for a look afterwards. */
  readonly name: string;
  readonly documents: readonly LabDocument[];
  readonly machines: readonly MachineSpec[];
  readonly capture?: boolean;
  readonly addresses?: readonly string[];
  /** Beside dom0. */
  readonly images?: readonly string[];
}

/** The variants that may have this kind; some have several. */
type EventOf<Kind extends BootEvent['kind'], Event = BootEvent> = Event extends { readonly kind: infer Own }
  ? Kind extends Own
    ? Event
    : never
  : never;

/** A lab with `virtdom serve` in it, on a state folder of its own that begins with the newest prepared image. */
export class LabRun {
  readonly dir: string;
  readonly stateDir: string;
  readonly lab: Lab;
  readonly captureFile: string;
  readonly events: BootEvent[] = [];
  readonly lines: ServeLine[] = [];
  readonly #configFile: string;
  readonly #machines: readonly string[];
  readonly #listeners = new Set<() => void>();
  #serve: ServeProcess | undefined;

  private constructor(dir: string, lab: Lab, configFile: string, machines: readonly string[]) {
    this.dir = dir;
    this.#machines = machines;
    this.stateDir = join(dir, 'state');
    this.captureFile = join(dir, 'lab.pcap');
    this.lab = lab;
    this.#configFile = configFile;
  }

  static async start({ name, documents, machines, capture = false, addresses, images = [] }: LabRunOptions): Promise<LabRun> {
    const dir = resolve(import.meta.dirname, '../../.virtdom/e2e', name);
    rmSync(dir, { recursive: true, force: true });
    const stateDir = join(dir, 'state');
    await linkNewestImages(join(stateDir, 'images'), ['dom0', ...images]);
    execFileSync('cp', ['-al', join(preparedState, 'loaders'), join(stateDir, 'loaders')]);
    const configFile = writeLabFiles({ dir, stateDir, documents: [...documents] });
    const lab = await Lab.start({
      dir,
      ...(capture && { captureFile: join(dir, 'lab.pcap') }),
      ...(addresses !== undefined && { addresses }),
    });
    const run = new LabRun(
      dir,
      lab,
      configFile,
      machines.map((machine) => machine.name),
    );
    try {
      for (const machine of machines) await lab.addMachine(machine);
      await run.startServe();
      return run;
    } catch (error) {
      await run.close();
      throw error;
    }
  }

  async startServe(): Promise<void> {
    const onLine = (line: ServeLine): void => {
      this.lines.push(line);
      if (line['event'] === 'boot') this.events.push(line as unknown as BootEvent);
      for (const listener of this.#listeners) listener();
    };
    this.#serve = await ServeProcess.start(this.lab.network, {
      configFile: this.#configFile,
      logFile: join(this.dir, 'serve.log'),
      onLine,
    });
  }

  /** `kill -9`. */
  async killServe(): Promise<void> {
    await this.#serve?.kill();
  }

  machine(name: string): LabMachine {
    return this.lab.machine(name);
  }

  powerOn(name: string): PowerOn {
    return this.lab.machine(name).powerOn();
  }

  /** The first event of that kind that fits, past ones included; fails with what the machine last showed. */
  async event<Kind extends BootEvent['kind']>(
    kind: Kind,
    fits: (event: EventOf<Kind>) => boolean,
    { seconds, machine, what }: { readonly seconds: number; readonly machine: string; readonly what: string },
  ): Promise<EventOf<Kind>> {
    const find = (): EventOf<Kind> | undefined =>
      this.events.find((event): event is EventOf<Kind> => event.kind === kind && event.machine === machine && fits(event as EventOf<Kind>));
    const found = find();
    if (found !== undefined) return found;
    const { promise, resolve: settle, reject } = Promise.withResolvers<EventOf<Kind>>();
    const listener = (): void => {
      const event = find();
      if (event !== undefined) settle(event);
    };
    this.#listeners.add(listener);
    const fail = (why: string): void => reject(new Error(`${what}: ${why}\n${this.#lastWords(machine)}`));
    const timer = setTimeout(() => fail(`did not happen within ${seconds} s`), seconds * 1000);
    void this.lab.machine(machine).current.ended.then((end) => fail(`${machine} ended: ${JSON.stringify(end)}`));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(listener);
    }
  }

  /** One command line as an operator types it, over the admin socket. Fails with what it said where it ends otherwise than with `code`. */
  virtdom(words: readonly string[], { code = 0, input }: { readonly code?: number; readonly input?: string } = {}): Promise<string> {
    const server = `unix:${join(this.dir, 'run', 'api.sock')}`;
    return new Promise((settle, reject) => {
      const child = execFile(program, words, { env: { ...process.env, VIRTDOM_SERVER: server }, timeout: 120_000 }, (error, out, said) => {
        const ended = error === null ? 0 : error.code;
        if (ended === code) settle(out);
        else reject(new Error(`virtdom ${words.join(' ')} ended with ${ended ?? error?.signal}, not ${code}:\n${out}${said}`));
      });
      child.stdin?.end(input ?? '');
    });
  }

  /** What a command prints as JSON. */
  async ask<T>(...words: readonly string[]): Promise<T> {
    return JSON.parse(await this.virtdom([...words, '-o', 'json'])) as T;
  }

  async up(machine: string, seconds = 400): Promise<EventOf<'up'>> {
    return this.event('up', () => true, { seconds, machine, what: `${machine} says hello` });
  }

  /** The events of one machine, in their order. */
  eventsOf<Kind extends BootEvent['kind']>(machine: string, kind: Kind): EventOf<Kind>[] {
    return this.events.filter((event): event is EventOf<Kind> => event.kind === kind && event.machine === machine);
  }

  /** Machines first, so that none sees its server go. */
  async close(): Promise<void> {
    await Promise.all(this.#machines.map((name) => this.lab.machine(name).powerOff()));
    await this.#serve?.stop();
    await this.lab.close();
  }

  #lastWords(machine: string): string {
    const events = this.events.filter((event) => event.machine === machine).slice(-5);
    return [
      'last events:',
      ...events.map((event) => JSON.stringify(event)),
      'last lines of its console:',
      this.lab.machine(machine).current.console.tail(),
      `more in ${this.dir}`,
    ].join('\n');
  }
}

/** Hard links, so that contents and their seals stay the same. */
async function linkNewestImages(images: string, names: readonly string[]): Promise<void> {
  const prepared = join(preparedState, 'images');
  mkdirSync(images, { recursive: true });
  execFileSync('cp', ['-al', join(prepared, 'blobs'), join(images, 'blobs')]);
  for (const name of names) {
    const newest = (await ImageRepository.open(prepared)).newest(name);
    if (newest === undefined) throw new Error(`no image ${name} in ${prepared}`);
    mkdirSync(join(images, name));
    execFileSync('cp', ['-al', join(prepared, name, String(newest.version)), join(images, name, String(newest.version))]);
    if ((await ImageRepository.open(images)).newest(name) === undefined) throw new Error(`${formatImageRef(newest)} could not be linked`);
  }
}

export const subnet: LabDocument = labSubnet;

/** A profile document; the lab is slow, so each stage may take long. */
export function profile(name: string, fields: Readonly<Record<string, unknown>>): LabDocument {
  return { kind: 'Profile', name, ...fields };
}

export function machineDocument(
  name: string,
  nics: readonly { readonly mac: string; readonly address?: string }[],
  ofProfile: string,
): LabDocument {
  return { kind: 'Machine', name, nics, profile: ofProfile };
}
