import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { migrationPort } from '../../manager/protocol.ts';
import type { Domain, Hypervisor, Outcome, VmGuest, VmMigration, VmPassport } from '../parts.ts';
import { xlErrorCode, xlReason } from '../xl-output.ts';
import { Doors } from './doors.ts';
import { readAnswer, readGreeting, writeLine } from './greeting.ts';
import { canGoLive } from './going-live.ts';
import { Leftovers } from './leftovers.ts';
import { reachDoor } from './reach.ts';
import { flushed, transfer } from './transfer.ts';
import type { TransferEnd } from './transfer.ts';
import { receiveByXl, sendLive, sendStopped } from './xl-stream.ts';

export interface XlMigrationOptions {
  readonly hypervisor: Pick<Hypervisor, 'list' | 'destroy'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Where VMs are let in. */
  readonly address?: string;
  readonly port?: number;
  /** `xl`, unless a test has another. */
  readonly program?: string;
  /** How long the door of the other host is waited for. */
  readonly connectMs?: number;
  /** For the TLS handshake, and then for the first line. */
  readonly greetingMs?: number;
  /** Longer than xl and the guest may need between two bytes: a guest has 60 s to stand still. */
  readonly stallMs?: number;
  /** What xl may still need once its stream is cut. */
  readonly endingMs?: number;
  /** What an earlier agent has left is looked for then: its xl may still be putting it in order. */
  readonly sweepMs?: number;
}

type DoorTo = Parameters<VmMigration['open']>[0];
type Target = Parameters<VmMigration['send']>[1];

/** The other host has a record to write and a program to start before it answers. */
const answerMs = 60_000;

/** A VM goes by `xl migrate` and `xl migrate-receive`, over a connection that both hosts prove with the key of this one transfer. */
export class XlMigration implements VmMigration {
  readonly #options: Required<XlMigrationOptions>;
  readonly #doors: Doors;
  readonly #leftovers: Leftovers;
  readonly #underWay = new Map<string, Promise<unknown>>();
  readonly #closing = new AbortController();
  #sweep: NodeJS.Timeout | undefined;

  constructor(options: XlMigrationOptions) {
    this.#options = {
      address: '0.0.0.0',
      port: migrationPort,
      program: 'xl',
      connectMs: 30_000,
      greetingMs: 10_000,
      stallMs: 90_000,
      endingMs: 30_000,
      sweepMs: 30_000,
      ...options,
    };
    const { address, port, greetingMs: handshakeMs, clock, log } = this.#options;
    this.#doors = new Doors({ address, port, handshakeMs, clock, log });
    this.#leftovers = new Leftovers(this.#options);
  }

  async open(door: DoorTo, guest: VmGuest): Promise<Outcome> {
    const { log } = this.#options;
    const { vm, key, waitMs } = door;
    if (this.#closing.signal.aborted) return failed('the agent ends');
    try {
      await this.#doors.open({
        vm,
        key,
        waitMs,
        entered: (socket) => void this.#track(vm, this.#take(socket, door, guest)),
        shut: (reason) => {
          log.info({ vm, reason }, 'the door for a VM is shut');
          guest.over();
        },
      });
    } catch (error) {
      return failed(messageOf(error));
    }
    return { kind: 'done' };
  }

  send(vm: string, to: Target, passport: VmPassport, timeoutMs: number): Promise<Outcome> {
    if (isIP(to.address) === 0)
      return Promise.resolve({ kind: 'failed', code: 'bad-arguments', reason: `${JSON.stringify(to.address)} is no address` });
    if (this.#underWay.has(vm)) return Promise.resolve({ kind: 'failed', code: 'refused', reason: `${vm} is on its way already` });
    return this.#track(vm, this.#send(vm, to, passport, timeoutMs));
  }

  sweep(isOurs: (vm: string, uuid: string) => boolean): void {
    const isLeft = (vm: string, uuid: string): boolean => isOurs(vm, uuid) && !this.#underWay.has(vm);
    this.#sweep ??= setTimeout(() => void this.#leftovers.sweep(isLeft), this.#options.sweepMs);
  }

  /** Who is not here yet stays where he is. */
  async close(): Promise<void> {
    clearTimeout(this.#sweep);
    this.#closing.abort();
    this.#doors.close();
    await Promise.all(this.#underWay.values());
  }

  async #track<Result>(vm: string, way: Promise<Result>): Promise<Result> {
    this.#underWay.set(vm, way);
    try {
      return await way;
    } finally {
      this.#underWay.delete(vm);
    }
  }

  async #send(vm: string, to: Target, passport: VmPassport, timeoutMs: number): Promise<Outcome> {
    const { address, key, uuid } = to;
    const { port, program, connectMs, stallMs, endingMs } = this.#options;
    const { signal } = this.#closing;
    const untilMs = performance.now() + timeoutMs;
    const domain = await this.#find(vm, uuid);
    if (domain?.state === 'paused')
      return { kind: 'failed', code: 'refused', reason: `${vm} is paused, so it cannot be asked to stand still: unpause it first` };
    const isLive = await canGoLive(program, passport.config);
    let socket: TLSSocket | undefined;
    try {
      socket = await reachDoor({ vm, key, address, port, withinMs: Math.min(connectMs, timeoutMs), signal });
      writeLine(socket, { v: 1, vm, uuid, timeoutMs, passport: { ...passport, files: [...passport.files] } });
      const answer = await readAnswer(socket, Math.min(answerMs, timeoutMs));
      if ('refused' in answer) return failed(`${address} does not take ${vm}: ${answer.refused}`);
      const xl = await (isLive ? sendLive : sendStopped)(program, vm);
      const end = await transfer(socket, xl, { withinMs: Math.max(0, untilMs - performance.now()), stallMs, endingMs, signal });
      if (end.code !== 0) await this.#leftovers.resume(vm, uuid);
      await this.#leftovers.remove('away', vm, uuid);
      return outcomeOf(end);
    } catch (error) {
      return failed(`${vm} was not sent to ${address}: ${messageOf(error)}`);
    } finally {
      socket?.destroy();
    }
  }

  async #find(vm: string, uuid: string): Promise<Domain | undefined> {
    const { hypervisor, log } = this.#options;
    const domains = await hypervisor.list().catch((error: unknown) => {
      log.warn({ err: error, vm }, 'the domains cannot be listed before one is sent');
      return [];
    });
    return domains.find((domain) => domain.name === vm && domain.uuid === uuid);
  }

  async #take(socket: TLSSocket, door: DoorTo, guest: VmGuest): Promise<void> {
    const { log } = this.#options;
    const from = socket.remoteAddress;
    socket.on('error', () => undefined);
    try {
      await this.#receive(socket, door, guest);
      log.info({ vm: door.vm, from }, 'a VM has come from another host');
    } catch (error) {
      log.warn({ vm: door.vm, from, reason: messageOf(error) }, 'a VM has not come from another host');
      if (error instanceof Refused) {
        writeLine(socket, { refused: error.message.slice(0, 2000) });
        await flushed(socket);
      }
    } finally {
      socket.destroy();
      guest.over();
    }
  }

  /** Rejects with why it did not come. */
  async #receive(socket: TLSSocket, { vm, uuid }: DoorTo, guest: VmGuest): Promise<void> {
    const { program, greetingMs, stallMs, endingMs } = this.#options;
    const { signal } = this.#closing;
    const greeting = await readGreeting(socket, greetingMs).catch((error: unknown) => refuse(messageOf(error)));
    if (greeting.uuid !== uuid || greeting.vm !== vm) refuse('another VM is waited for here');
    await guest.arrives(greeting.passport).catch((error: unknown) => refuse(messageOf(error)));
    const xl = await receiveByXl(program).catch((error: unknown) => refuse(`xl cannot be started: ${messageOf(error)}`));
    writeLine(socket, { ok: true });
    // Who sends it gives up first, and knows why.
    const end = await transfer(socket, xl, { withinMs: greeting.timeoutMs + endingMs, stallMs, endingMs, signal });
    if (end.code === 0) return;
    await this.#leftovers.remove('incoming', vm, uuid);
    throw new Error(`xl migrate-receive: ${wordsOf(end)}`);
  }
}

/** Before anything of it was taken: who sends it is told why. */
class Refused extends Error {}

function refuse(reason: string): never {
  throw new Refused(reason);
}

function outcomeOf(end: TransferEnd): Outcome {
  if (end.code === 0) return { kind: 'done' };
  const code = end.timedOut || end.stalled ? 'timeout' : xlErrorCode(end.said);
  const how = end.timedOut ? 'did not end in time' : end.stalled ? 'was ended, since nothing came or went any more' : 'failed';
  return { kind: 'failed', code, reason: `xl migrate ${how}: ${wordsOf(end)}` };
}

function wordsOf({ code, said, wasKilled }: TransferEnd): string {
  const words = xlReason(said);
  if (wasKilled) return `it was killed${words && `: ${words}`}`;
  return words || `it ended with ${code ?? 'a signal'}`;
}

function failed(reason: string): Outcome {
  return { kind: 'failed', code: 'failed', reason };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
