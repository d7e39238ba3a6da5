import type { BusMessage, BusSubscription } from '../bus/bus.ts';
import type { Timer } from '../clock.ts';
import { DropLog } from '../log.ts';
import { maxDomains, protocolVersion, topics } from '../manager/protocol.ts';
import type { AgentCommandName, DomainReport, ManagerMessage, ManagerMessageOf, Presence as PresenceMessage } from '../manager/protocol.ts';
import { CommandDesk } from './command-desk.ts';
import type { Command } from './command-desk.ts';
import { DomainWatch } from './domain-watch.ts';
import type { WatchedDomain } from './domain-watch.ts';
import { GroupEars } from './group-ears.ts';
import { HostCommands } from './host-commands.ts';
import { HostFacts } from './host-facts.ts';
import { readIncoming } from './incoming.ts';
import type { Incoming } from './incoming.ts';
import type { AgentParts } from './parts.ts';
import { PropertyDesk } from './property-desk.ts';
import { Ruling } from './ruling.ts';
import { Speaker } from './speaker.ts';
import { VmBook } from './vm-book.ts';
import { VmCommands } from './vm-commands.ts';
import type { VmCommand } from './vm-commands.ts';
import { VmStarter } from './vm-starter.ts';

/** A connection that no manager answers is announced again. */
const announceMs = 15_000;
/** Refusals of malformed messages: more of them in this time are only counted. */
const refusals = { count: 20, windowMs: 10_000 };

const changesMemory: ReadonlySet<string> = new Set<AgentCommandName>(['vm.create', 'vm.reboot', 'vm.migrate', 'vm.receive']);

/** The agent of one Dom0, from its start until it is closed. It does what managers ask, and says what there is. */
export class Agent {
  readonly #parts: AgentParts;
  readonly #ruling: Ruling;
  readonly #speaker: Speaker;
  readonly #book: VmBook;
  readonly #watch: DomainWatch;
  readonly #facts: HostFacts;
  readonly #desk: CommandDesk;
  readonly #vms: VmCommands;
  readonly #properties: PropertyDesk;
  readonly #groups: GroupEars;
  readonly #refused: DropLog;
  readonly #refusedAt: number[] = [];
  readonly #asking = new Set<string>();
  #own: BusSubscription | undefined;
  #endState: (() => void) | undefined;
  #announce: Timer | undefined;
  #ruledSince: string | undefined;
  #isCut = false;
  #closed = false;

  /** Resolves when it listens, or would if the bus were connected. */
  static async start(parts: AgentParts): Promise<Agent> {
    const kept = await parts.record.load();
    const agent = new Agent(parts, kept.session);
    agent.#book.restore(kept.vms);
    parts.migration.sweep((vm, uuid) => agent.#book.find(vm)?.uuid === uuid);
    agent.#watch.start();
    void agent.#facts.refresh();
    agent.#desk.restore(kept.commands);
    agent.#own = await parts.bus.subscribe(topics.toAgent(parts.identity.machine), (message) => agent.#hear(message));
    await agent.#groups.set([]);
    agent.#endState = parts.bus.onState(({ kind }) => {
      if (kind === 'connected') agent.#appear();
      else agent.#announce?.cancel();
    });
    return agent;
  }

  private constructor(parts: AgentParts, session: number) {
    const { clock, log, hypervisor } = parts;
    this.#parts = parts;
    this.#ruling = new Ruling(parts.identity.boot, session, clock);
    this.#speaker = new Speaker(parts);
    this.#refused = new DropLog(log, clock);
    this.#book = new VmBook(parts.record, log);
    this.#watch = new DomainWatch({
      hypervisor,
      clock,
      log,
      nameOf: (uuid) => this.#book.nameOf(uuid),
      changed: () => this.#tellChange(),
      looked: () => this.#askReady(),
      gone: (names) => this.#forget(names),
    });
    this.#facts = new HostFacts(parts);
    const starter = new VmStarter(parts, this.#watch, this.#book);
    this.#vms = new VmCommands(parts, this.#watch, this.#book, starter, () => void this.#afterCommand('vm.receive'));
    const vms = this.#vms;
    const host = new HostCommands(parts, this.#watch, vms, this.#facts, this.#book);
    this.#desk = new CommandDesk(
      parts,
      this.#ruling,
      this.#speaker,
      {
        run: async (command, mayStart, id) => {
          if (command.command === 'host.reboot') {
            await this.#desk.leave('this machine is about to reboot', id);
            const answer = await host.run(command);
            if (answer.kind === 'EXECERR') this.#desk.stay();
            return answer;
          }
          return isOfVm(command) ? vms.run(command, mayStart) : host.run(command);
        },
        presenceOf: (vm) =>
          this.#watch.find(vm) !== undefined ? 'present' : this.#watch.sure && !vms.isOnItsWay(vm) ? 'absent' : 'unknown',
        findOut: (command) => vms.findOut(command),
      },
      (command) => void this.#afterCommand(command),
    );
    this.#properties = new PropertyDesk(parts, this.#speaker);
    this.#groups = new GroupEars(parts.bus, log, (message) => this.#hear(message));
  }

  /** Says goodbye (`left`). What is being done goes on to its end, unheard. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#endState?.();
    this.#announce?.cancel();
    this.#watch.close();
    this.#facts.close();
    this.#desk.close();
    this.#properties.close();
    this.#speaker.close();
    this.#refused.close();
    if (this.#parts.bus.state.kind === 'connected') this.#sayPresence('left', 'the agent was stopped');
    await Promise.all([this.#own?.close(), this.#groups.close(), this.#parts.properties.close()]);
  }

  #appear(): void {
    this.#sayPresence('here', 'the agent is connected');
    this.#announce?.cancel();
    this.#announce = this.#parts.clock.after(announceMs, () => {
      if (this.#parts.bus.state.kind === 'connected' && this.#ruledSince !== this.#parts.connectionId()) this.#appear();
    });
  }

  #sayPresence(state: PresenceMessage['state'], reason: string): void {
    const { identity, bus, log, version } = this.#parts;
    const presence: PresenceMessage = {
      v: protocolVersion,
      kind: 'PRESENCE',
      state,
      reason,
      boot: identity.boot,
      connection: this.#parts.connectionId(),
      agent: version.slice(0, 32),
    };
    bus
      .publish(topics.presence(identity.machine), Buffer.from(JSON.stringify(presence)), { qos: 1, retain: true })
      .catch((error: unknown) => {
        log.warn({ err: error }, 'the presence of this agent could not be said');
      });
  }

  #hear({ payload, retained }: BusMessage): void {
    // Commands are for who listens now.
    if (this.#closed || retained) return;
    const incoming = readIncoming(payload);
    if (incoming.kind === 'refused') this.#refuse(incoming);
    else this.#take(incoming.message);
  }

  #take(message: ManagerMessage): void {
    switch (message.kind) {
      case 'EXECUTE':
        return this.#desk.receive(message);
      case 'GETPROP':
        return this.#properties.get(message);
      case 'FETCHPROP':
        return this.#properties.fetch(message);
      case 'CONTROL':
        return this.#control(message);
    }
  }

  #control(message: ManagerMessageOf<'CONTROL'>): void {
    const { id, action, boot, session } = message;
    if (boot !== undefined && boot !== this.#ruling.boot) {
      return this.#controlError(id, action, 'wrong-boot', `it is for boot ${boot}; this is boot ${this.#ruling.boot}`);
    }
    if (session !== undefined && session < this.#ruling.session) {
      return this.#controlError(id, action, 'wrong-session', `it is of session ${session}; ${this.#ruling.session} rules`);
    }
    switch (action) {
      case 'session':
        void this.#beginSession(message);
        return undefined;
      case 'beat':
        if (message.nonce === undefined) return this.#controlError(id, action, 'malformed', 'a beat has a nonce');
        this.#ruling.hear(message.nonce);
        return this.#report(id, action, message.nonce);
      case 'groups':
        void this.#groups.set(message.groups ?? []).then(() => this.#report(id, action));
        return undefined;
      case 'properties':
        this.#properties.define(id, message.definitions ?? []);
        return this.#report(id, action);
      case 'cancel':
        return this.#cancel(message);
    }
  }

  async #beginSession({ id, action, session, manager, groups, definitions }: ManagerMessageOf<'CONTROL'>): Promise<void> {
    if (session === undefined || session === 0) return this.#controlError(id, action, 'malformed', 'a session has a number above 0');
    const isNew = session > this.#ruling.session;
    this.#ruling.raise(session);
    this.#ruledSince = this.#parts.connectionId();
    if (isNew) {
      this.#watch.doubt();
      this.#desk.dropEarlier();
      this.#parts.log.info({ session, manager }, 'a session has begun');
      await this.#parts.record.keepSession(session).catch((error: unknown) => {
        this.#parts.log.error({ err: error, session }, 'the session could not be recorded');
      });
    }
    if (groups !== undefined) void this.#groups.set(groups);
    if (definitions !== undefined) this.#properties.define(id, definitions);
    await Promise.all([this.#watch.look(), this.#facts.refresh()]);
    return this.#report(id, action);
  }

  #cancel({ id, action, command }: ManagerMessageOf<'CONTROL'>): void {
    if (command === undefined) return this.#controlError(id, action, 'malformed', 'a cancel names its command');
    const reason = this.#desk.cancel(command);
    return reason === undefined
      ? this.#report(id, action)
      : this.#controlError(id, action, 'begun', `${command} cannot be cancelled: ${reason}`);
  }

  #report(reply: string, action: string, nonce?: string): void {
    if (this.#closed) return;
    const { told, whole } = this.#told();
    const facts = action === 'session' ? this.#facts.all() : this.#facts.news();
    this.#speaker.say({
      kind: 'CONTROLVAL',
      reply,
      action,
      boot: this.#ruling.boot,
      session: this.#ruling.session,
      ...(nonce !== undefined && { nonce }),
      domains: told.map((domain) => this.#domainReport(domain)),
      settled: whole && this.#watch.sure && !this.#desk.isUnsettled,
      busy: [...this.#desk.busy],
      ...(facts !== undefined && { facts }),
    });
  }

  #controlError(reply: string, action: string, code: string, reason: string): void {
    const { boot, session } = this.#ruling;
    this.#speaker.say({ kind: 'CONTROLERR', reply, action, boot, session, code, reason });
  }

  /** What a domain takes changes with it; networks look for themselves, and what is gone is noticed when it is. */
  async #afterCommand(command: string): Promise<void> {
    if (changesMemory.has(command)) await this.#facts.refresh();
    this.#tellChange();
  }

  /** Unasked, so that a domain that ends is not noticed a beat late. */
  #tellChange(): void {
    if (this.#closed || this.#ruling.session === 0 || this.#parts.bus.state.kind !== 'connected') return;
    this.#report(this.#parts.newId(), 'change');
  }

  /** More than a message holds are cut, and then no absence is proved. Ours come first: others cannot push them out. */
  #told(): { readonly told: readonly WatchedDomain[]; readonly whole: boolean } {
    const all = this.#watch.domains;
    const whole = all.length <= maxDomains;
    if (!whole && !this.#isCut)
      this.#parts.log.warn(
        { domains: all.length, told: maxDomains },
        'there are more domains here than are told: until some are gone, managers take none for gone that they are not told of',
      );
    this.#isCut = !whole;
    if (whole) return { told: all, whole };
    const isOurs = (domain: WatchedDomain): boolean => this.#book.of(domain) !== undefined;
    const [ours, others] = [all.filter(isOurs), all.filter((domain) => !isOurs(domain))];
    return { told: [...ours, ...others].slice(0, maxDomains), whole };
  }

  #domainReport(domain: WatchedDomain): DomainReport {
    const vm = this.#book.of(domain);
    const starting = this.#desk.isMaking(domain.name) && (domain.state === 'running' || domain.state === 'paused');
    return {
      name: domain.name.slice(0, 128),
      uuid: domain.uuid,
      domid: domain.domid,
      state: domain.missingMs !== undefined ? 'missing' : starting ? 'starting' : domain.state,
      memoryMib: domain.memoryMib,
      vcpus: domain.vcpus,
      ...(vm !== undefined && { claim: vm.claim }),
      ...(vm?.ready !== undefined && { ready: vm.ready }),
    };
  }

  #askReady(): void {
    for (const domain of this.#watch.domains) {
      const vm = this.#book.of(domain);
      if (vm === undefined || vm.ready !== undefined || domain.state !== 'running' || this.#asking.has(vm.name)) continue;
      this.#asking.add(vm.name);
      void this.#parts.consoles
        .ready(vm.name)
        .then(async (ready) => {
          if (ready === undefined || this.#book.of(domain) === undefined) return;
          await this.#book.noteReady(vm.name, ready);
          this.#parts.log.info({ vm: vm.name, ...ready }, 'a guest says that it is ready');
          this.#tellChange();
        })
        .catch((error: unknown) => this.#parts.log.warn({ err: error, vm: vm.name }, 'the console of a guest cannot be read'))
        .finally(() => this.#asking.delete(vm.name));
    }
  }

  #forget(names: readonly string[]): void {
    this.#parts.log.info({ domains: names }, 'domains are gone');
    for (const name of names) if (!this.#desk.isBusyWith(name)) void this.#book.forget(name);
    void this.#facts.refresh();
  }

  /** A sender that floods is not answered with a flood. */
  #refuse({ family, id, action, code, reason }: Extract<Incoming, { kind: 'refused' }>): void {
    this.#refused.drop(code, { family, detail: reason }, 'a message was refused');
    const nowMs = this.#parts.clock.monotonic();
    while ((this.#refusedAt[0] ?? nowMs) < nowMs - refusals.windowMs) this.#refusedAt.shift();
    if (this.#refusedAt.length >= refusals.count) return undefined;
    this.#refusedAt.push(nowMs);
    if (family === 'property') {
      this.#speaker.say({ kind: 'PROPERR', ...(id !== undefined && { reply: id }), code, reason });
    } else if (family === 'EXECUTE' && id !== undefined) {
      const { session } = this.#ruling;
      this.#speaker.say({ kind: 'EXECERR', reply: id, session, repeated: false, code: 'bad-arguments', reason, domain: 'unknown' });
    } else this.#controlError(id ?? 'unknown', action, code, reason);
    return undefined;
  }
}

function isOfVm(command: Command): command is VmCommand {
  return command.command.startsWith('vm.');
}
