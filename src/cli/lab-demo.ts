import { rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { WriteStream } from 'node:tty';
import type { BootEvent } from '../boot/boot-event.ts';
import { Lab } from '../lab/lab.ts';
import { parseHello } from '../lab/dom0-hello.ts';
import { labProfile, labSubnet, writeLabFiles } from '../lab/lab-files.ts';
import { describeEnd, type PowerOn } from '../lab/lab-machine.ts';
import { ServeProcess, type ServeLine } from '../lab/serve-process.ts';
import { takeInstanceLock } from '../service/instance-lock.ts';
import { BootTimeline, formatRow, timelineHead } from './boot-timeline.ts';
import { BootVerdict, describeFailure, type Verdict } from './boot-verdict.ts';
import { prepareDemo } from './lab-preparation.ts';

const project = resolve(import.meta.dirname, '../..');
const machine = { name: 'post01', mac: '52:54:00:00:00:01', address: '192.168.0.11', memoryMib: 1024 };
/** A file that completes a stage is told by two lines, which come together. */
const flushMs = 100;

/**
 * Boots one machine in the lab and tells how it goes. On a terminal it serves on until Ctrl-C; elsewhere it ends by
 * itself, with 0 after the machine's hello and with 1 where a stage passes its threshold or something ends too early.
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
    let timeline = new BootTimeline(Date.now());
    let isOver = false;
    const show = (rows: ReturnType<BootTimeline['flush']>): void => {
      if (isOver) return;
      for (const row of rows) this.#say(row.aside ? this.#dim(formatRow(row)) : formatRow(row));
    };
    const onLine = (line: ServeLine): void => {
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
      verdict.begin();
      this.#say(`${machine.name} is switched on: no disk, ${machine.memoryMib} MiB, PXE on a BIOS; profile dom0 gives it ${image}`);
      this.#say(`its console: tail -f ${relative(process.cwd(), power.consoleFile)}\n`);
      this.#say(this.#bold(timelineHead));
      return await this.#follow({ power, serve, verdict, timeline: () => timeline });
    } finally {
      isOver = true;
      // The machine goes first: nobody shall see a server that left its machines.
      await lab.machine(machine.name).powerOff();
      await serve.stop();
    }
  }

  async #follow(running: { power: PowerOn; serve: ServeProcess; verdict: BootVerdict; timeline: () => BootTimeline }): Promise<number> {
    const { power, serve, verdict } = running;
    const ends = Promise.race([
      power.ended.then((end): Verdict => verdict.broken(`${machine.name} ended: ${describeEnd(end)}`)),
      serve.ended.then((how): Verdict => verdict.broken(`virtdom serve ${how}`)),
      this.#interrupted().then((): Verdict => ({ kind: 'interrupted' })),
    ]);
    for (;;) {
      const outcome = await Promise.race([verdict.next(), ends]);
      if (outcome.kind === 'interrupted') {
        this.#say('\nstopped');
        return this.#isTerminal ? 0 : 130;
      }
      if (outcome.kind === 'up') {
        this.#showHello(power);
        this.#showSummary(running.timeline());
        if (!this.#isTerminal) return 0;
        this.#say(this.#bold('\nvirtdom keeps serving. Ctrl-C switches everything off.'));
        continue;
      }
      this.#say(`\n${this.#bold(describeFailure(outcome))}`);
      this.#say(`\nlast lines of the console of ${machine.name}:\n${indent(power.console.tail())}`);
      this.#say(`\nlogs: ${relative(process.cwd(), this.#dir)}/serve.log and ${relative(process.cwd(), power.consoleFile)}`);
      if (!this.#isTerminal || outcome.kind === 'broken') return 1;
      this.#say('Waiting on, in case that it recovers. Ctrl-C switches everything off.');
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
    const post01 = { kind: 'Machine', name, nics: [{ mac, address }], profile: 'dom0' } as const;
    return writeLabFiles({ dir: this.#dir, stateDir: this.#stateDir, documents: [labSubnet, labProfile, post01] });
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

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
