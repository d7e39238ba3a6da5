import type { AgentCommandArgs } from '../manager/protocol.ts';
import type { Command } from './command-desk.ts';
import type { DomainWatch, Presence } from './domain-watch.ts';
import type { AgentParts, CommandAnswer, Outcome, RecordedCommand, VmGuest } from './parts.ts';
import type { VmBook } from './vm-book.ts';
import type { StartOrder, VmStarter } from './vm-starter.ts';

interface Arrival {
  readonly vm: string;
  hasBegun: boolean;
}

export type VmCommand = Extract<Command, { readonly command: `vm.${string}` }>;

const destroyMs = 60_000;
/** A guest that is asked to go down in order to come up again. */
const rebootMs = 60_000;
const maxShutdownSeconds = 600;

/** What is done to one VM. Each ends with what is then known of its domain. */
export class VmCommands {
  readonly #parts: AgentParts;
  readonly #watch: DomainWatch;
  readonly #book: VmBook;
  readonly #starter: VmStarter;
  readonly #changed: () => void;
  readonly #arriving = new Set<Arrival>();

  /** `changed` is called when a VM that came from another host is here, or has not come. */
  constructor(parts: AgentParts, watch: DomainWatch, book: VmBook, starter: VmStarter, changed: () => void) {
    this.#parts = parts;
    this.#watch = watch;
    this.#book = book;
    this.#starter = starter;
    this.#changed = changed;
  }

  /** It is coming here, or a half of it is there: whatever its name shows, it is not surely absent. */
  isOnItsWay(vm: string): boolean {
    return [...this.#arriving].some((each) => each.vm === vm) || halves(vm).some((name) => this.#watch.find(name) !== undefined);
  }

  run({ command, args }: VmCommand, mayStart: () => boolean): Promise<CommandAnswer> {
    const { hypervisor } = this.#parts;
    switch (command) {
      case 'vm.create':
        return this.#starter.start(args, mayStart);
      case 'vm.shutdown':
        return this.#shutdown(args);
      case 'vm.destroy':
        return this.#destroy(args.vm);
      case 'vm.reboot':
        return this.#reboot(args.vm, mayStart);
      case 'vm.pause':
        return this.#simple(args.vm, (vm) => hypervisor.pause(vm));
      case 'vm.unpause':
        return this.#simple(args.vm, (vm) => hypervisor.unpause(vm));
      case 'vm.receive':
        return this.#receive(args);
      case 'vm.migrate':
        return this.#migrate(args, mayStart);
      case 'vm.console':
        return this.#console(args);
    }
  }

  /** Of a command that an earlier process of this agent had begun. */
  async findOut({ command, vm }: RecordedCommand): Promise<CommandAnswer> {
    const reason = `the agent was started anew while ${command} was being done`;
    if (vm === undefined) return { kind: 'EXECERR', code: 'failed', reason, domain: 'unknown' };
    let presence = await this.#watch.confirm(vm);
    const domain = this.#watch.find(vm);
    if (command === 'vm.create' && presence === 'present' && domain !== undefined) {
      const isOurs = this.#book.of(domain) !== undefined;
      // xl lets a domain run as the last thing it does.
      if (isOurs && domain.state === 'running') return present(domain.domid);
      if (isOurs && domain.state === 'paused') {
        await this.#parts.hypervisor.destroy(vm);
        presence = await this.#watch.waitGone(vm, destroyMs);
      }
    }
    return { kind: 'EXECERR', code: 'failed', reason, domain: presence };
  }

  /** Ends it, in order if it goes in time, else by force. */
  async stop(vm: string, withinMs: number): Promise<Presence> {
    await this.#parts.hypervisor.shutdown(vm);
    const presence = await this.#watch.waitGone(vm, withinMs);
    if (presence !== 'present') return presence;
    await this.#parts.hypervisor.destroy(vm);
    return this.#watch.waitGone(vm, destroyMs);
  }

  async #shutdown({ vm, timeoutSeconds }: AgentCommandArgs<'vm.shutdown'>): Promise<CommandAnswer> {
    const missing = await this.#missing(vm);
    if (missing !== undefined) return missing;
    const outcome = await this.#parts.hypervisor.shutdown(vm);
    if (outcome.kind === 'failed') return this.#failed(vm, outcome);
    const seconds = Math.min(timeoutSeconds, maxShutdownSeconds);
    const presence = await this.#watch.waitGone(vm, seconds * 1000);
    if (presence === 'absent') return this.#gone(vm);
    return {
      kind: 'EXECERR',
      code: 'timeout',
      reason: `the guest has not gone down within ${seconds} s; destroy it, or wait`,
      domain: presence,
    };
  }

  async #destroy(vm: string): Promise<CommandAnswer> {
    await this.#watch.look();
    for (const name of halves(vm)) {
      if (this.#watch.find(name) === undefined) continue;
      await this.#parts.hypervisor.destroy(name);
      await this.#watch.waitGone(name, destroyMs);
    }
    const missing = await this.#missing(vm);
    if (missing !== undefined) return missing;
    const outcome = await this.#parts.hypervisor.destroy(vm);
    const presence = await this.#watch.waitGone(vm, destroyMs);
    if (presence === 'absent') return this.#gone(vm);
    const reason = outcome.kind === 'failed' ? outcome.reason : `its domain is still there after ${destroyMs / 1000} s`;
    return { kind: 'EXECERR', code: outcome.kind === 'failed' ? outcome.code : 'timeout', reason, domain: presence };
  }

  /** While a command is about it, nobody else forgets it. */
  async #gone(vm: string): Promise<CommandAnswer> {
    await this.#book.forget(vm);
    return absent;
  }

  async #reboot(vm: string, mayStart: () => boolean): Promise<CommandAnswer> {
    const missing = await this.#missing(vm);
    if (missing !== undefined) return missing;
    const known = this.#book.find(vm);
    if (known === undefined) {
      const reason = 'it was not started by this agent, which has no xl.cfg of it: destroy it and start it anew';
      return { kind: 'EXECERR', code: 'refused', reason, domain: 'present' };
    }
    const presence = await this.stop(vm, rebootMs);
    if (presence !== 'absent') return { kind: 'EXECERR', code: 'timeout', reason: 'its domain does not end', domain: presence };
    const { uuid, claim, config, files } = known;
    const order: StartOrder = { vm, uuid, claim, config, files: [...files], image: '', readySeconds: 0 };
    return this.#starter.start(order, mayStart);
  }

  async #simple(vm: string, act: (vm: string) => Promise<Outcome>): Promise<CommandAnswer> {
    const missing = await this.#missing(vm);
    if (missing !== undefined) return missing;
    const outcome = await act(vm);
    if (outcome.kind === 'failed') return this.#failed(vm, outcome);
    await this.#watch.look();
    return present(this.#watch.find(vm)?.domid);
  }

  /** Its answer is that the door is open; what comes by it is seen in the list of domains. */
  async #receive({ vm, uuid, claim, key, waitSeconds }: AgentCommandArgs<'vm.receive'>): Promise<CommandAnswer> {
    if (!(await this.#watch.look()))
      return { kind: 'EXECERR', code: 'failed', reason: 'the domains of this host cannot be listed, so none is let in', domain: 'unknown' };
    const twin = this.#watch.find(vm) ?? this.#watch.findUuid(uuid);
    if (twin !== undefined) {
      const reason = `there is a domain ${twin.name} (${twin.domid}) with its ${twin.name === vm ? 'name' : 'uuid'} already`;
      return { kind: 'EXECERR', code: 'exists', reason, domain: 'unknown' };
    }
    const outcome = await this.#parts.migration.open({ vm, uuid, key, waitMs: waitSeconds * 1000 }, this.#guest(vm, uuid, claim));
    return outcome.kind === 'failed' ? { ...outcome, kind: 'EXECERR', domain: 'unknown' } : { kind: 'EXECVAL', result: {} };
  }

  /** While its memory comes, nobody is told that it is not here. */
  #guest(vm: string, uuid: string, claim: number): VmGuest {
    const arrival = { vm, hasBegun: false };
    return {
      arrives: async ({ config, files, ready }) => {
        arrival.hasBegun = true;
        this.#arriving.add(arrival);
        await this.#parts.consoles.begin(vm);
        await this.#book.keep({ name: vm, uuid, claim, config, files, ...(ready !== undefined && { ready }) });
      },
      over: () => {
        if (arrival.hasBegun) void this.#arrived(arrival);
      },
    };
  }

  async #arrived(arrival: Arrival): Promise<void> {
    const { vm } = arrival;
    this.#watch.doubt();
    const presence = await this.#watch.confirm(vm);
    this.#arriving.delete(arrival);
    if (presence === 'absent' && !this.isOnItsWay(vm)) await this.#book.forget(vm);
    this.#changed();
  }

  async #migrate({ vm, to, key, timeoutSeconds }: AgentCommandArgs<'vm.migrate'>, mayStart: () => boolean): Promise<CommandAnswer> {
    const missing = await this.#missing(vm);
    if (missing !== undefined) return missing;
    const known = this.#book.find(vm);
    if (known === undefined)
      return { kind: 'EXECERR', code: 'refused', reason: 'it was not started by this agent, which has no xl.cfg of it', domain: 'present' };
    if (!mayStart())
      return { kind: 'EXECERR', code: 'wrong-session', reason: 'another session rules; it was never begun', domain: 'present' };
    const { uuid, config, files, ready } = known;
    const passport = { config, files, ...(ready !== undefined && { ready }) };
    const outcome = await this.#parts.migration.send(vm, { address: to, key, uuid }, passport, timeoutSeconds * 1000);
    const presence = await this.#watch.confirm(vm);
    if (presence === 'absent') await this.#book.forget(vm);
    if (outcome.kind === 'failed') return { kind: 'EXECERR', code: outcome.code, reason: outcome.reason, domain: presence };
    return { kind: 'EXECVAL', result: { domain: presence } };
  }

  async #console({ vm, bytes }: AgentCommandArgs<'vm.console'>): Promise<CommandAnswer> {
    const text = await this.#parts.consoles.tail(vm, bytes);
    if (text !== undefined) return { kind: 'EXECVAL', result: { text } };
    return { kind: 'EXECERR', code: 'no-such-domain', reason: `nothing is kept of a console of ${vm}`, domain: 'unknown' };
  }

  /** The answer where there is no such domain, by two looks. */
  async #missing(vm: string): Promise<CommandAnswer | undefined> {
    const presence = await this.#watch.confirm(vm);
    if (presence === 'present') return undefined;
    if (this.isOnItsWay(vm))
      return { kind: 'EXECERR', code: 'failed', reason: `${vm} is on its way between two hosts; wait until it is over`, domain: 'unknown' };
    const reason = presence === 'absent' ? `there is no domain ${vm}` : 'the domains of this host cannot be listed';
    return { kind: 'EXECERR', code: presence === 'absent' ? 'no-such-domain' : 'failed', reason, domain: presence };
  }

  async #failed(vm: string, { code, reason }: Extract<Outcome, { kind: 'failed' }>): Promise<CommandAnswer> {
    return { kind: 'EXECERR', code, reason, domain: await this.#watch.confirm(vm) };
  }
}

/** The names that xl gives to both ends of a migration: one that broke off may leave a domain by them. */
function halves(vm: string): readonly string[] {
  return [`${vm}--incoming`, `${vm}--migratedaway`];
}

const absent: CommandAnswer = { kind: 'EXECVAL', result: { domain: 'absent' } };

function present(domid: number | undefined): CommandAnswer {
  return { kind: 'EXECVAL', result: { domain: 'present', ...(domid !== undefined && { domid }) } };
}
