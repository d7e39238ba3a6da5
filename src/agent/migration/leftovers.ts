import type { Log } from '../../log.ts';
import type { Domain, Hypervisor } from '../parts.ts';
import { runProgram } from '../run-program.ts';

/**
 * The names that xl gives to both halves of a VM on its way. Neither runs, nor will: the one that comes gets its own name before it is
 * started, and the one that has gone has given its permission to run away. (tools/xl/xl_migrate.c of Xen 4.20)
 */
const halves = { incoming: '--incoming', away: '--migratedaway' } as const;

export interface LeftoversParts {
  readonly hypervisor: Pick<Hypervisor, 'list' | 'destroy'>;
  readonly log: Log;
  readonly program: string;
}

const resumeMs = 30_000;

/** What xl leaves of a VM whose way broke off at a bad moment. */
export class Leftovers {
  readonly #parts: LeftoversParts;

  constructor(parts: LeftoversParts) {
    this.#parts = parts;
  }

  /** Destroys the half of a VM that was to come, or had gone. */
  async remove(half: keyof typeof halves, vm: string, uuid: string): Promise<void> {
    const name = `${vm}${halves[half]}`;
    for (const domain of await this.#list()) if (domain.name === name && domain.uuid === uuid) await this.#destroy(domain);
  }

  /** A VM that was stopped for its last memory, and whose xl was killed then: it has its name, so it was not given away. */
  async resume(vm: string, uuid: string): Promise<void> {
    const isStopped = (domain: Domain): boolean => domain.name === vm && domain.uuid === uuid && domain.state === 'shutdown';
    if (!(await this.#list()).some(isStopped)) return;
    const { log, program } = this.#parts;
    const { code, error } = await runProgram([program, 'resume', vm], { timeoutMs: resumeMs });
    log.warn({ vm, code, ...(code !== 0 && { error: error.slice(-2000) }) }, 'a VM that was stopped on its way is resumed');
  }

  /** Those of an earlier agent, whose death has cut their ways. */
  async sweep(isUnderWay: (vm: string) => boolean): Promise<void> {
    for (const domain of await this.#list()) {
      const suffix = Object.values(halves).find((each) => domain.name.endsWith(each));
      if (suffix !== undefined && !isUnderWay(domain.name.slice(0, -suffix.length))) await this.#destroy(domain);
    }
  }

  async #list(): Promise<readonly Domain[]> {
    try {
      return await this.#parts.hypervisor.list();
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'what a migration has left cannot be listed');
      return [];
    }
  }

  async #destroy({ name }: Domain): Promise<void> {
    const outcome = await this.#parts.hypervisor.destroy(name);
    this.#parts.log.warn({ domain: name, outcome: outcome.kind }, 'what a migration has left of a VM is removed');
  }
}
