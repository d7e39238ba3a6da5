import type { Command } from './command-desk.ts';
import type { DomainWatch } from './domain-watch.ts';
import type { HostFacts } from './host-facts.ts';
import type { AgentParts, CommandAnswer, Outcome } from './parts.ts';
import type { VmBook } from './vm-book.ts';
import type { VmCommands } from './vm-commands.ts';

export type HostCommand = Exclude<Command, { readonly command: `vm.${string}` }>;

const shutdownMs = 60_000;

/** What is done to the host itself. */
export class HostCommands {
  readonly #parts: AgentParts;
  readonly #watch: DomainWatch;
  readonly #vms: VmCommands;
  readonly #facts: HostFacts;
  readonly #book: VmBook;

  constructor(parts: AgentParts, watch: DomainWatch, vms: VmCommands, facts: HostFacts, book: VmBook) {
    this.#parts = parts;
    this.#watch = watch;
    this.#vms = vms;
    this.#facts = facts;
    this.#book = book;
  }

  async run({ command, args }: HostCommand): Promise<CommandAnswer> {
    const { networks, images } = this.#parts;
    switch (command) {
      case 'image.fetch': {
        const wanted = args.wanted && new Set([...args.wanted, ...this.#book.files]);
        const fetched = await images.ensure(args.files, { ...(wanted !== undefined && { wanted }) });
        if (fetched.kind === 'failed') return failed(fetched);
        fetched.release();
        return { kind: 'EXECVAL', result: { image: args.image, files: Object.keys(fetched.paths) } };
      }
      case 'network.up':
        return this.#network(await networks.up(args));
      case 'network.down':
        return this.#network(await networks.down(args.bridge));
      case 'host.reboot':
        return this.#reboot(args.reason);
    }
  }

  async #network(outcome: Outcome): Promise<CommandAnswer> {
    await this.#facts.refresh();
    return outcome.kind === 'failed' ? failed(outcome) : { kind: 'EXECVAL', result: { bridges: this.#facts.bridges } };
  }

  /** A reboot that hangs would leave domains running that nobody watches: so they go first, and all of them. */
  async #reboot(reason: string): Promise<CommandAnswer> {
    if (!(await this.#watch.look()))
      return failed({ kind: 'failed', code: 'failed', reason: 'the domains cannot be listed; nothing was stopped' });
    await Promise.all(this.#watch.domains.map(({ name }) => this.#vms.stop(name, shutdownMs)));
    const looked = await this.#watch.look();
    const left = this.#watch.domains.map(({ name }) => name);
    if (!looked || left.length > 0) {
      const which = left.length > 0 ? left.join(', ') : 'which ones is not known';
      return failed({ kind: 'failed', code: 'refused', reason: `domains are still there (${which}), so the host is not rebooted` });
    }
    this.#parts.log.warn({ reason }, 'this machine reboots');
    const outcome = await this.#parts.host.reboot(reason);
    return outcome.kind === 'failed' ? failed(outcome) : { kind: 'EXECVAL', result: { rebooting: true } };
  }
}

function failed({ code, reason }: Extract<Outcome, { kind: 'failed' }>): CommandAnswer {
  return { kind: 'EXECERR', code, reason, domain: 'unknown' };
}
