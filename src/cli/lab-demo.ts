import { rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { WriteStream } from 'node:tty';
import type { BootEvent } from '../boot/boot-event.ts';
import { Lab } from '../lab/lab.ts';
import { parseHello } from '../lab/dom0-hello.ts';
import { labProfile, labSubnet, type LabDocument, writeLabFiles } from '../lab/lab-files.ts';
import { describeEnd, type PowerOn } from '../lab/lab-machine.ts';
import { ServeProcess, type ServeLine } from '../lab/serve-process.ts';
import { takeInstanceLock } from '../service/instance-lock.ts';
import { BootTimeline, formatRow, timelineHead } from './boot-timeline.ts';
import { BootVerdict, describeFailure, type Verdict } from './boot-verdict.ts';
import { prepareDemo } from './lab-preparation.ts';
import { VmStartVerdict, type VmStart } from './vm-start-verdict.ts';

const project = resolve(import.meta.dirname, '../..');
const machine = { name: 'post01', mac: '52:54:00:00:00:01', address: '192.168.0.11', memoryMib: 1024 };
/** One VM that lives in RAM and needs nothing but an address. */
const farm: readonly LabDocument[] = [
  {
    kind: 'Environment',
    name: 'worker',
    instances: 'at-least-one',
    image: 'worker',
    memoryMib: 128,
    networks: [{ bridge: 'xenbr0', address: 'dhcp' }],
    count: 1,
    readySeconds: 300,
  },
  { kind: 'Role', name: 'farm', environments: ['worker'] },
];
/** From the hello to a VM that is ready: the agent starts, fetches the image and starts a domain, all under emulation. */
const vmSeconds = 300;
/** A file that completes a stage is told by two lines, which come together. */
const flushMs = 100;

interface Running {
  readonly power: PowerOn;
  readonly serve: ServeProcess;
  readonly verdict: BootVerdict;
  readonly vms: VmStartVerdict;
  readonly lab: Lab;
  readonly timeline: () => BootTimeline;
}

/**
 * Boots one machine in the lab until a VM on it answers on the network, and tells how it goes. On a terminal it serves on until
 * Ctrl-C; elsewhere it ends by itself, with 0 after the VM's answer and with 1 where something takes too long or ends too early.
 */
export class LabDemo {
  readonly #out: WriteStream;
  readonly #isTerminal: boolean;
  readonly #stateDir = join(project, '.virtdom/state');
  readonly #dir = join(project, '.virtdom/demo');
  readonly #interrupt = new AbortController();

  constructor(out: WriteStream) {
    this.#out = out;
    this.#isTerminal = out.isTTY;
  }

  /** Returns the exit code. Nothing that it made is left but the folder .virtdom. */
  async run(): Promise<number> {
    const stop = (): void => this.#interrupt.abort();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
    const { signal } = this.#interrupt;
    const lock = takeInstanceLock(join(this.#stateDir, 'demo.lock'));
    try {
      const [image = 'dom0'] = await prepareDemo({
        project,
        images: ['dom0', 'worker'],
        stateDir: this.#stateDir,
        write: (text) => void this.#out.write(text),
        signal,
      });
      rmSync(this.#dir, { recursive: true, force: true });
      this.#say('');
      return await this.#boot(image);
    } catch (error) {
      if (!signal.aborted) throw error;
      this.#say('\nstopped');
      return 130;
    } finally {
      lock.release();
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(name, stop);
    }
  }

  async #boot(image: string): Promise<number> {
    const configFile = this.#writeConfig();
    await using lab = await Lab.start({ dir: this.#dir });
    const verdict = new BootVerdict(machine.name, labProfile['stageSeconds'] as never);
    const vms = new VmStartVerdict(vmSeconds);
    let timeline = new BootTimeline(Date.now());
    let isOver = false;
    const show = (rows: ReturnType<BootTimeline['flush']>): void => {
      if (isOver) return;
      for (const row of rows) this.#say(row.aside ? this.#dim(formatRow(row)) : formatRow(row));
    };
    const onLine = (line: ServeLine): void => {
      const said = vms.take(line);
      if (said !== undefined) show([said]);
      if (line['event'] !== 'boot') return;
      const event = line as unknown as BootEvent;
      if (event.machine !== machine.name) return;
      show(timeline.take(event));
      setTimeout(() => show(timeline.flush()), flushMs);
      verdict.take(event);
    };
    const serve = await ServeProcess.start(lab.network, { configFile, logFile: join(this.#dir, 'serve.log'), onLine });
    try {
      const post01 = await lab.addMachine({ name: machine.name, nics: [{ mac: machine.mac }], memoryMib: machine.memoryMib });
      const power = post01.powerOn();
      timeline = new BootTimeline(power.atMs);
      vms.poweredOn(power.atMs);
      verdict.begin();
      this.#say(`${machine.name} is switched on: no disk, ${machine.memoryMib} MiB, PXE on a BIOS; profile dom0 gives it ${image}`);
      this.#say(`its console: tail -f ${relative(process.cwd(), power.consoleFile)}\n`);
      this.#say(this.#bold(timelineHead));
      return await this.#follow({ power, serve, verdict, vms, lab, timeline: () => timeline });
    } finally {
      isOver = true;
      vms.end();
      // The machine goes first: nobody shall see a server that left its machines.
      await lab.machine(machine.name).powerOff();
      await serve.stop();
    }
  }

  async #follow(running: Running): Promise<number> {
    const { power, serve, verdict, vms } = running;
    const ends = Promise.race([
      power.ended.then((end): Verdict => verdict.broken(`${machine.name} ended: ${describeEnd(end)}`)),
      serve.ended.then((how): Verdict => verdict.broken(`virtdom serve ${how}`)),
      this.#interrupted().then((): Verdict => ({ kind: 'interrupted' })),
    ]);
    let vmStart: Promise<VmStart> | undefined;
    for (;;) {
      const outcome = await Promise.race([verdict.next(), ends, ...(vmStart === undefined ? [] : [vmStart])]);
      if (outcome.kind === 'interrupted') {
        this.#say('\nstopped');
        return this.#isTerminal ? 0 : 130;
      }
      if (outcome.kind === 'up') {
        vms.begin();
        vmStart = vms.outcome;
        continue;
      }
      if (outcome.kind === 'ready') {
        vmStart = undefined;
        this.#showHello(power);
        this.#showSummary(running.timeline());
        const answers = await this.#askVm(outcome, running.lab);
        if (!this.#isTerminal) return answers ? 0 : 1;
        this.#say(this.#bold('\nvirtdom keeps serving. Ctrl-C switches everything off.'));
        continue;
      }
      if (outcome.kind === 'late') vmStart = undefined;
      this.#say(`\n${this.#bold(outcome.kind === 'late' ? describeLate(outcome) : describeFailure(outcome))}`);
      this.#say(`\nlast lines of the console of ${machine.name}:\n${indent(power.console.tail())}`);
      this.#say(`\nlogs: ${relative(process.cwd(), this.#dir)}/serve.log and ${relative(process.cwd(), power.consoleFile)}`);
      if (!this.#isTerminal || outcome.kind === 'broken') return 1;
      this.#say('Waiting on, in case that it recovers. Ctrl-C switches everything off.');
    }
  }

  /** What the VM says over the network of the lab, where it has nothing but its own RAM. */
  async #askVm({ vm, host, address }: Extract<VmStart, { kind: 'ready' }>, lab: Lab): Promise<boolean> {
    this.#say(`\n${this.#bold(`What ${vm}, which has no disk and runs on ${host}, answers over the network:`)}\n`);
    const url = `http://${address}/ready`;
    this.#say(`# GET ${url}`);
    try {
      const script = 'fetch(process.argv[1], { signal: AbortSignal.timeout(30000) }).then((answer) => answer.text()).then(console.log)';
      this.#say((await lab.network.exec([process.execPath, '-e', script, url])).trimEnd());
      return true;
    } catch (error) {
      this.#say(`no answer: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }

  /** What the machine itself printed: nothing here is ours. */
  #showHello(power: PowerOn): void {
    const hello = parseHello(power.console.text);
    this.#say(`\n${this.#bold(`What ${machine.name} says of itself, read from its console:`)}`);
    if (hello === undefined) this.#say('(its hello reached the server, but not its console)');
    for (const { command, lines } of hello?.outputs ?? []) this.#say(`\n# ${command}\n${lines.join('\n')}`);
  }

  #showSummary(timeline: BootTimeline): void {
    this.#say(`\n${this.#bold('STAGE          TOOK  SINCE POWER-ON')}`);
    for (const { stage, seconds, took } of timeline.durations()) {
      this.#say(`${stage.padEnd(12)}${took.toFixed(1).padStart(7)}  ${seconds.toFixed(1).padStart(14)}`);
    }
  }

  #writeConfig(): string {
    const { name, mac, address } = machine;
    const post01 = { kind: 'Machine', name, nics: [{ mac, address }], profile: 'dom0', role: 'farm' } as const;
    return writeLabFiles({ dir: this.#dir, stateDir: this.#stateDir, documents: [labSubnet, labProfile, ...farm, post01] });
  }

  #interrupted(): Promise<void> {
    const { signal } = this.#interrupt;
    return new Promise((resolveNow) => {
      if (signal.aborted) resolveNow();
      else signal.addEventListener('abort', () => resolveNow(), { once: true });
    });
  }

  #say(line: string): void {
    this.#out.write(`${line}\n`);
  }

  #bold(text: string): string {
    return this.#isTerminal ? `\u001b[1m${text}\u001b[0m` : text;
  }

  #dim(text: string): string {
    return this.#isTerminal ? `\u001b[2m${text}\u001b[0m` : text;
  }
}

function describeLate({ headline, last }: Extract<VmStart, { kind: 'late' }>): string {
  return [
    headline,
    ...(last.length === 0 ? ['the manager said nothing'] : ['the manager said last:', ...last.map((line) => `  ${line}`)]),
  ].join('\n');
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
