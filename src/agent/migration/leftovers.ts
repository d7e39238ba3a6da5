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

const timeoutMs = 30_000;

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

  /** A VM whose xl was killed while it stood still: it has its own name, so it was not given away, and goes on here. */
  async resume(vm: string, uuid: string): Promise<void> {
    const isStill = (domain: Domain): boolean => domain.name === vm && domain.uuid === uuid && domain.state === 'paused';
    if (!(await this.#list()).some(isStill)) return;
    const { log, program } = this.#parts;
    // Suspended by its own will, or paused after that: each does nothing to the other.
    const ends = [await runProgram([program, 'resume', vm], { timeoutMs }), await runProgram([program, 'unpause', vm], { timeoutMs })];
    log.warn({ vm, codes: ends.map(({ code }) => code) }, 'a VM that stood still on its way goes on');
  }

  /** Those of an earlier agent, whose death has cut their ways. */
  async sweep(isLeft: (vm: string, uuid: string) => boolean): Promise<void> {
    for (const domain of await this.#list()) {
      const suffix = Object.values(halves).find((each) => domain.name.endsWith(each));
      if (suffix !== undefined && isLeft(domain.name.slice(0, -suffix.length), domain.uuid)) await this.#destroy(domain);
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
