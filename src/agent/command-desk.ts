import type { AgentCommandName, ExecErrCode, ManagerMessageOf } from '../manager/protocol.ts';
import { readCommand } from './incoming.ts';
import type { ReadCommand } from './incoming.ts';
import type { AgentParts, CommandAnswer, RecordedCommand } from './parts.ts';
import type { Ruling } from './ruling.ts';
import type { Speaker } from './speaker.ts';
import { WorkQueue } from './work-queue.ts';

export type Command = Extract<ReadCommand, { kind: 'command' }>;

/** What runs a command that was accepted. */
export interface CommandRunner {
  /** `mayStart` is asked right before a domain is made: false as soon as another session rules. */
  run(command: Command, mayStart: () => boolean, id: string): Promise<CommandAnswer>;
  /** What is known now, without looking anew. */
  presenceOf(vm: string): 'absent' | 'present' | 'unknown';
  /** An earlier process of this agent began it, and nobody heard of its end. */
  findOut(command: RecordedCommand): Promise<CommandAnswer>;
}

interface OpenCommand {
  readonly id: string;
  readonly session: number;
  readonly command: string;
  readonly vm?: string;
  begun: boolean;
}

const starting: ReadonlySet<string> = new Set<AgentCommandName>(['vm.create', 'vm.reboot', 'vm.migrate']);
const heavy: ReadonlySet<string> = new Set<AgentCommandName>(['vm.create', 'vm.reboot', 'vm.migrate', 'image.fetch']);
const maxRecorded = 1000;

/** Takes EXECUTEs: each id is done once, and has one last word, which is said again to who asks again. */
export class CommandDesk {
  readonly #parts: AgentParts;
  readonly #ruling: Ruling;
  readonly #speaker: Speaker;
  readonly #runner: CommandRunner;
  readonly #queue: WorkQueue;
  readonly #recorded = new Map<string, RecordedCommand>();
  readonly #open = new Map<string, OpenCommand>();
  readonly #ended: (command: string) => void;
  #leaving: string | undefined;
  #closed = false;

  /** `ended` is called after each end of a command. */
  constructor(parts: AgentParts, ruling: Ruling, speaker: Speaker, runner: CommandRunner, ended: (command: string) => void) {
    this.#parts = parts;
    this.#ruling = ruling;
    this.#speaker = speaker;
    this.#runner = runner;
    this.#queue = new WorkQueue(parts.clock);
    this.#ended = ended;
  }

  /** Takes over what an earlier process left, and finds out how what it had begun has ended. */
  restore(commands: readonly RecordedCommand[]): void {
    for (const command of commands) {
      this.#recorded.set(command.id, command);
      if (command.answer !== undefined) continue;
      this.#open.set(command.id, { ...command, begun: true });
      void this.#findOut(command);
    }
  }

  get busy(): readonly string[] {
    return [...this.#open.keys()].slice(0, 64);
  }

  /**
   * Whether a domain may come to life by a command that has not ended, or one of an earlier session is not over. One that moves away may
   * take hours, and concerns no other: its manager takes nothing about it for proof before the answer.
   */
  get isUnsettled(): boolean {
    return [...this.#open.values()].some(
      ({ command, session }) => (starting.has(command) && command !== 'vm.migrate') || session < this.#ruling.session,
    );
  }

  /** Its domain is being made here; one that moves away runs until it is gone. */
  isMaking(vm: string): boolean {
    return [...this.#open.values()].some((open) => open.vm === vm && (open.command === 'vm.create' || open.command === 'vm.reboot'));
  }

  isBusyWith(vm: string): boolean {
    return [...this.#open.values()].some((open) => open.vm === vm);
  }

  receive(message: ManagerMessageOf<'EXECUTE'>): void {
    const { id, session } = message;
    const before = this.#recorded.get(id);
    if (before?.answer !== undefined) {
      this.#answer(id, true, before.answer);
      return;
    }
    if (this.#open.has(id)) return;
    const wrong = this.#wrongRuler(message);
    if (wrong !== undefined) {
      this.#answer(id, false, this.#error(wrong.code, wrong.reason, vmOf(message.args)));
      return;
    }
    const read = readCommand(message.command, message.args);
    if (read.kind !== 'command') {
      void this.#end({ id, session, command: message.command }, this.#error(read.kind, read.reason, undefined));
      return;
    }
    const vm = vmOf(read.args);
    const entry = { id, session, command: read.command, ...(vm !== undefined && { vm }) };
    const refusal = this.#refusal(message);
    if (refusal === undefined) this.#accept(entry, read, message.withinMs);
    else void this.#end(entry, this.#error(refusal.code, refusal.reason, vm));
  }

  /** Another session rules: what has not begun never will. */
  dropEarlier(): void {
    for (const open of this.#open.values()) {
      if (open.begun || open.session >= this.#ruling.session) continue;
      this.#queue.remove(open.id);
      void this.#end(open, this.#error('wrong-session', `session ${this.#ruling.session} rules since; it was never begun`, open.vm));
    }
  }

  /** @returns why it cannot be cancelled, or undefined: then it has not begun and never will. */
  cancel(id: string): string | undefined {
    if (this.#recorded.get(id)?.answer !== undefined) return 'it has ended already';
    const open = this.#open.get(id);
    if (open?.begun === true) return 'it has begun';
    this.#queue.remove(id);
    const entry: Omit<RecordedCommand, 'answer'> = open ?? { id, session: this.#ruling.session, command: 'unknown' };
    void this.#end(entry, this.#error('cancelled', 'it was cancelled before it began', open?.vm));
    return undefined;
  }

  /** The machine goes down: nothing begins any more, and what has begun ends before this resolves, but for `own`. */
  async leave(reason: string, own: string): Promise<void> {
    this.#leaving = reason;
    for (const id of this.#queue.waitingIds) {
      const open = this.#open.get(id);
      this.#queue.remove(id);
      if (open !== undefined) void this.#end(open, this.#error('busy', reason, open.vm));
    }
    await this.#queue.idleBut(own);
  }

  stay(): void {
    this.#leaving = undefined;
  }

  close(): void {
    this.#closed = true;
    this.#queue.close();
  }

  #wrongRuler({ boot, session }: ManagerMessageOf<'EXECUTE'>): { readonly code: ExecErrCode; readonly reason: string } | undefined {
    if (boot !== this.#ruling.boot) return { code: 'wrong-boot', reason: `it is for boot ${boot}; this is boot ${this.#ruling.boot}` };
    if (session === this.#ruling.session && session > 0) return undefined;
    return { code: 'wrong-session', reason: `it is for session ${session}; ${this.#ruling.session} rules, and it was never begun` };
  }

  #refusal({ command, nonce }: ManagerMessageOf<'EXECUTE'>): { readonly code: ExecErrCode; readonly reason: string } | undefined {
    const staleness = starting.has(command) ? this.#ruling.staleness(nonce) : undefined;
    if (staleness !== undefined) return { code: 'stale', reason: staleness };
    if (this.#leaving !== undefined) return { code: 'busy', reason: this.#leaving };
    return this.#queue.isFull ? { code: 'busy', reason: 'too many commands wait here already' } : undefined;
  }

  #accept(entry: Omit<RecordedCommand, 'answer'>, read: Command, withinMs: number): void {
    const { id, command, vm } = entry;
    const open: OpenCommand = { ...entry, begun: false };
    this.#open.set(id, open);
    this.#queue.add({
      id,
      key: keyOf(read),
      heavy: heavy.has(command),
      withinMs,
      run: () => this.#run(open, entry, read),
      expire: () => void this.#end(entry, this.#error('expired', `it could not begin within ${withinMs / 1000} s`, vm)),
    });
  }

  async #run(open: OpenCommand, entry: Omit<RecordedCommand, 'answer'>, read: Command): Promise<void> {
    open.begun = true;
    let answer: CommandAnswer;
    try {
      this.#recorded.set(entry.id, entry);
      await this.#parts.record.keepCommand(entry);
      answer = await this.#runner.run(read, () => !this.#closed && this.#ruling.session === entry.session, entry.id);
    } catch (error) {
      this.#parts.log.error({ err: error, command: entry.command, id: entry.id }, 'a command failed unexpectedly');
      answer = this.#error('failed', error instanceof Error ? error.message : String(error), entry.vm, 'unknown');
    }
    await this.#end(entry, answer);
  }

  async #findOut(command: RecordedCommand): Promise<void> {
    let answer: CommandAnswer;
    try {
      answer = await this.#runner.findOut(command);
    } catch (error) {
      answer = this.#error('failed', error instanceof Error ? error.message : String(error), command.vm, 'unknown');
    }
    await this.#end(command, answer);
  }

  /** The last word: kept, then said. */
  async #end(entry: Omit<RecordedCommand, 'answer'>, answer: CommandAnswer): Promise<void> {
    const { id, session, command, vm } = entry;
    const kept: RecordedCommand = { id, session, command, ...(vm !== undefined && { vm }), answer };
    this.#recorded.delete(id);
    this.#recorded.set(id, kept);
    this.#open.delete(id);
    const full = this.#recorded.size > maxRecorded ? this.#oldestEnded() : undefined;
    try {
      await this.#parts.record.keepCommand(kept);
      if (full !== undefined) await this.#parts.record.forgetCommand(full);
    } catch (error) {
      this.#parts.log.error({ err: error, id }, 'how a command ended could not be recorded');
    }
    if (this.#closed) return;
    this.#log(kept, answer);
    this.#answer(id, false, answer);
    this.#ended(command);
  }

  #oldestEnded(): string | undefined {
    for (const [id, { answer }] of this.#recorded) {
      if (answer === undefined) continue;
      this.#recorded.delete(id);
      return id;
    }
    return undefined;
  }

  #log({ id, command, vm, session }: RecordedCommand, answer: CommandAnswer): void {
    const fields = { id, command, session, ...(vm !== undefined && { vm }) };
    if (answer.kind === 'EXECVAL') this.#parts.log.info(fields, 'command done');
    else this.#parts.log.warn({ ...fields, code: answer.code, reason: answer.reason, domain: answer.domain }, 'command not done');
  }

  #answer(id: string, repeated: boolean, answer: CommandAnswer): void {
    const { session } = this.#ruling;
    if (this.#speaker.say({ ...answer, reply: id, session, repeated })) return;
    this.#speaker.say({
      kind: 'EXECERR',
      reply: id,
      session,
      repeated,
      code: 'failed',
      reason: 'it was done, but its result is too large for a message',
      domain: 'unknown',
    });
  }

  #error(
    code: ExecErrCode,
    reason: string,
    vm: string | undefined,
    domain = vm === undefined ? ('unknown' as const) : this.#domainOf(vm),
  ): CommandAnswer {
    return { kind: 'EXECERR', code, reason: reason.slice(0, 4096), domain };
  }

  /** A command that never began says nothing of the domain while another one that may start it is open. */
  #domainOf(vm: string): 'absent' | 'present' | 'unknown' {
    const presence = this.#runner.presenceOf(vm);
    const startOpen = [...this.#open.values()].some((open) => open.begun && open.vm === vm && starting.has(open.command));
    return presence === 'absent' && startOpen ? 'unknown' : presence;
  }
}

function vmOf(args: unknown): string | undefined {
  if (typeof args !== 'object' || args === null || !('vm' in args)) return undefined;
  return typeof args.vm === 'string' ? args.vm : undefined;
}

function keyOf({ command, args }: Command): string {
  if (command === 'vm.console') return `console ${args.vm}`;
  if (command === 'image.fetch') return 'image';
  if (command === 'network.up' || command === 'network.down') return 'network';
  return 'vm' in args ? `vm ${args.vm}` : command;
}
