import type { AgentCommandArgs, ExecErrCode } from '../manager/protocol.ts';
import { readDomainConfig } from './domain-config.ts';
import type { DomainWatch } from './domain-watch.ts';
import type { AgentParts, CommandAnswer } from './parts.ts';
import type { VmBook } from './vm-book.ts';

export type StartOrder = AgentCommandArgs<'vm.create'>;

/** Makes domains: checked config, files at hand, the record kept first, and looked at afterwards. */
export class VmStarter {
  readonly #parts: AgentParts;
  readonly #watch: DomainWatch;
  readonly #book: VmBook;

  constructor(parts: AgentParts, watch: DomainWatch, book: VmBook) {
    this.#parts = parts;
    this.#watch = watch;
    this.#book = book;
  }

  async start(order: StartOrder, mayStart: () => boolean): Promise<CommandAnswer> {
    const { vm, uuid, config, files } = order;
    const checked = readDomainConfig(config, { name: vm, uuid, files: files.map(({ name }) => name) });
    if (checked.kind === 'refused') return this.#error(vm, 'refused', checked.reason);
    if (!(await this.#watch.look())) return this.#error(vm, 'failed', 'the domains of this host cannot be listed, so nothing is started');
    const twin = this.#watch.find(vm) ?? this.#watch.findUuid(uuid);
    if (twin !== undefined) return exists(vm, twin.name, twin.domid);

    const fetched = await this.#parts.images.ensure(files);
    if (fetched.kind === 'failed') return this.#error(vm, fetched.code, fetched.reason);
    try {
      return await this.#create(order, checked.write(fetched.paths, this.#parts.images.server), mayStart);
    } finally {
      fetched.release();
    }
  }

  async #create({ vm, uuid, claim, config, files }: StartOrder, ready: string, mayStart: () => boolean): Promise<CommandAnswer> {
    const { consoles, hypervisor, log } = this.#parts;
    await consoles.begin(vm);
    await this.#book.keep({ name: vm, uuid, claim, config, files });
    // Between this question and the start nothing may be waited for.
    if (!mayStart()) return this.#error(vm, 'wrong-session', 'another session rules since it was sent; it was never begun');
    const outcome = await hypervisor.create(vm, ready);
    const looked = await this.#watch.look();
    const domain = this.#watch.find(vm);
    if (outcome.kind === 'done') {
      if (!looked || (domain !== undefined && domain.missingMs === undefined)) return present(domain?.domid);
      this.#watch.doubt();
      const presence = await this.#watch.confirm(vm);
      if (presence === 'present') return present(this.#watch.find(vm)?.domid);
      await this.#book.forget(vm);
      return { kind: 'EXECERR', code: 'failed', reason: 'its domain was gone right after it was made', domain: presence };
    }
    this.#watch.doubt();
    log.warn({ vm, code: outcome.code, reason: outcome.reason }, 'a domain could not be made');
    // One that came between the look and the start is none that this start has left.
    const leftover = outcome.code === 'exists' ? await this.#watch.confirm(vm) : await this.#remove(vm);
    if (leftover === 'absent') await this.#book.forget(vm);
    return { kind: 'EXECERR', code: outcome.code, reason: outcome.reason, domain: leftover };
  }

  /** A start that failed leaves nothing behind. */
  async #remove(vm: string): Promise<'absent' | 'present' | 'unknown'> {
    const presence = await this.#watch.confirm(vm);
    if (presence !== 'present') return presence;
    await this.#parts.hypervisor.destroy(vm);
    return this.#watch.waitGone(vm, 30_000);
  }

  #error(vm: string, code: ExecErrCode, reason: string): CommandAnswer {
    const domain = this.#watch.find(vm) !== undefined ? 'present' : this.#watch.sure ? 'absent' : 'unknown';
    return { kind: 'EXECERR', code, reason, domain };
  }
}

function present(domid: number | undefined): CommandAnswer {
  return { kind: 'EXECVAL', result: { domain: 'present', ...(domid !== undefined && { domid }) } };
}

function exists(vm: string, twin: string, domid: number): CommandAnswer {
  const reason = `there is a domain ${twin} (${domid}) with its ${twin === vm ? 'name' : 'uuid'} already`;
  return { kind: 'EXECERR', code: 'exists', reason, domain: twin === vm ? 'present' : 'unknown' };
}
