import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { pskCiphers } from '../../bus/psk.ts';
import type { Log } from '../../log.ts';
import { migrationPort } from '../../manager/protocol.ts';
import type { Hypervisor, Outcome, VmGuest, VmMigration, VmPassport } from '../parts.ts';
import { xlErrorCode, xlReason } from '../xl-output.ts';
import { Doors } from './doors.ts';
import { readAnswer, readGreeting, writeLine } from './greeting.ts';
import { receiveByXl, sendByXl } from './xl-stream.ts';
import type { XlEnd, XlStream } from './xl-stream.ts';

export interface XlMigrationOptions {
  readonly hypervisor: Pick<Hypervisor, 'list' | 'destroy'>;
  readonly log: Log;
  /** Where VMs are let in. */
  readonly address?: string;
  readonly port?: number;
  /** `xl`, unless a test has another. */
  readonly program?: string;
  /** How long the door of the other host is waited for. */
  readonly connectMs?: number;
  /** What xl may still need once its stream is cut. */
  readonly endingMs?: number;
}

interface DoorTo {
  readonly vm: string;
  readonly uuid: string;
  readonly key: string;
  readonly waitMs: number;
}
interface Target {
  readonly address: string;
  readonly key: string;
  readonly uuid: string;
}

const greetingMs = 10_000;
const retryMs = 1000;

/** A VM goes by `xl migrate` and `xl migrate-receive`, over a connection that both hosts prove with the key of this one transfer. */
export class XlMigration implements VmMigration {
  readonly #options: Required<XlMigrationOptions>;
  readonly #doors: Doors;
  readonly #transfers = new Set<{ readonly cut: () => void; readonly ended: Promise<unknown> }>();
  #isClosed = false;

  constructor(options: XlMigrationOptions) {
    this.#options = { address: '0.0.0.0', port: migrationPort, program: 'xl', connectMs: 30_000, endingMs: 30_000, ...options };
    const { address, port, log } = this.#options;
    this.#doors = new Doors({ address, port, log });
  }

  async open(door: DoorTo, guest: VmGuest): Promise<Outcome> {
    const { log } = this.#options;
    const { vm, key, waitMs } = door;
    try {
      await this.#doors.open({
        vm,
        key,
        waitMs,
        entered: (socket) => {
          this.#receive(socket, door, guest)
            .catch((error: unknown) => log.warn({ err: error, vm }, 'a VM was not let in'))
            .finally(() => {
              socket.destroy();
              guest.over();
            });
        },
        shut: (reason) => {
          log.info({ vm, reason }, 'the door for a VM is shut');
          guest.over();
        },
      });
    } catch (error) {
      return { kind: 'failed', code: 'failed', reason: messageOf(error) };
    }
    return { kind: 'done' };
  }

  async send(vm: string, to: Target, passport: VmPassport, timeoutMs: number): Promise<Outcome> {
    if (isIP(to.address) === 0) return { kind: 'failed', code: 'bad-arguments', reason: `${JSON.stringify(to.address)} is no address` };
    const untilMs = performance.now() + timeoutMs;
    let socket: TLSSocket | undefined;
    try {
      socket = await this.#reach(vm, to, untilMs);
      writeLine(socket, { v: 1, vm, uuid: to.uuid, timeoutMs, passport: { ...passport, files: [...passport.files] } });
      const answer = await readAnswer(socket, greetingMs);
      if ('refused' in answer) throw new Error(answer.refused);
      const xl = await sendByXl(this.#options.program, vm);
      const end = await this.#join(socket, xl, untilMs);
      return outcomeOf(end);
    } catch (error) {
      return { kind: 'failed', code: 'failed', reason: `${vm} was not sent to ${to.address}: ${messageOf(error)}` };
    } finally {
      socket?.destroy();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#doors.close();
    for (const { cut } of this.#transfers) cut();
    await Promise.all([...this.#transfers].map(({ ended }) => ended));
  }

  async #receive(socket: TLSSocket, { vm, uuid }: DoorTo, guest: VmGuest): Promise<void> {
    const { log, program } = this.#options;
    socket.on('error', () => undefined);
    const refuse = (reason: string): never => {
      writeLine(socket, { refused: reason });
      socket.end();
      throw new Error(reason);
    };
    const greeting = await readGreeting(socket, greetingMs);
    if (greeting.uuid !== uuid || greeting.vm !== vm) refuse('another VM is waited for here');
    await guest.arrives(greeting.passport).catch((error: unknown) => refuse(messageOf(error)));
    const xl = await receiveByXl(program).catch((error: unknown) => refuse(`xl cannot be started: ${messageOf(error)}`));
    writeLine(socket, { ok: true });
    const end = await this.#join(socket, xl, performance.now() + greeting.timeoutMs);
    if (end.code === 0) log.info({ vm, from: socket.remoteAddress }, 'a VM has come from another host');
    else log.warn({ vm, from: socket.remoteAddress, reason: xlReason(end.said) }, 'a VM has not come from another host');
  }

  /** Until the door is there, since the word to open it may come later than the word to send. */
  async #reach(vm: string, to: Target, sendUntilMs: number): Promise<TLSSocket> {
    const untilMs = Math.min(sendUntilMs, performance.now() + this.#options.connectMs);
    for (;;) {
      try {
        return await connected(vm, to, this.#options.port, Math.max(1, untilMs - performance.now()));
      } catch (error) {
        if (this.#isClosed || performance.now() + retryMs >= untilMs) throw error;
        await new Promise((resolve) => {
          setTimeout(resolve, retryMs);
        });
      }
    }
  }

  async #join(socket: TLSSocket, xl: XlStream, untilMs: number): Promise<XlEnd & { readonly timedOut: boolean }> {
    let timedOut = false;
    let ending: NodeJS.Timeout | undefined;
    const cut = (): void => {
      xl.cut();
      ending ??= setTimeout(() => xl.kill(), this.#options.endingMs);
    };
    const timer = setTimeout(() => {
      timedOut = true;
      cut();
    }, untilMs - performance.now());
    const transfer = { cut, ended: xl.ended };
    this.#transfers.add(transfer);
    socket.on('error', cut).on('close', cut);
    socket.pipe(xl.input);
    xl.input.on('close', () => socket.resume());
    xl.output.pipe(socket);
    if (socket.destroyed || this.#isClosed) cut();
    const end = await xl.ended;
    clearTimeout(timer);
    clearTimeout(ending);
    this.#transfers.delete(transfer);
    socket
      .off('close', cut)
      .off('error', cut)
      .on('error', () => undefined);
    await flushed(socket);
    return { ...end, timedOut };
  }
}

function outcomeOf({ code, timedOut, wasKilled, said }: XlEnd & { readonly timedOut: boolean }): Outcome {
  if (code === 0) return { kind: 'done' };
  const why = xlReason(said);
  if (timedOut)
    return {
      kind: 'failed',
      code: 'timeout',
      reason: `xl migrate did not end in time and was ${wasKilled ? 'killed' : 'ended'}${why && `: ${why}`}`,
    };
  return { kind: 'failed', code: xlErrorCode(said), reason: `xl migrate: ${why || `it ended with ${code ?? 'a signal'}`}` };
}

function connected(vm: string, { address, key }: Target, port: number, withinMs: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...pskCiphers,
      host: address,
      port,
      pskCallback: () => ({ identity: vm, psk: Buffer.from(key) }),
      checkServerIdentity: () => undefined,
    });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error(`it does not answer on port ${port}`)), withinMs);
    socket.on('error', fail);
    socket.once('close', () => fail(new Error(`it lets nobody in on port ${port}`)));
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}

/** What was written last is on its way. */
function flushed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 3000);
    socket.end(() => {
      clearTimeout(timer);
      resolve();
    });
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
