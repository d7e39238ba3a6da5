import type { AgentRecord, RecordedCommand, RecordedVm } from '../../../src/agent/parts.ts';
import type { Clock } from '../../../src/clock.ts';
import type { ProcessClock } from './process-clock.ts';

/** /run of one boot: outlives the agent, and not the machine's next reset. */
export class BootMemory {
  readonly #clock: Clock;
  #session = 0;
  readonly #commands = new Map<string, RecordedCommand>();
  readonly #vms = new Map<string, RecordedVm>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  recordOf(process: ProcessClock): AgentRecord {
    const write = async (change: () => void) => {
      if (!process.alive) return await new Promise<void>(() => {});
      change();
      await process.hear(new Promise<void>((resolve) => this.#clock.after(1, resolve)));
    };
    return {
      load: () =>
        Promise.resolve(structuredClone({ session: this.#session, commands: [...this.#commands.values()], vms: [...this.#vms.values()] })),
      keepSession: async (session) => await write(() => (this.#session = session)),
      keepCommand: async (command) => await write(() => this.#commands.set(command.id, structuredClone(command))),
      forgetCommand: async (id) => await write(() => this.#commands.delete(id)),
      keepVm: async (vm) => await write(() => this.#vms.set(vm.name, structuredClone(vm))),
      forgetVm: async (name) => await write(() => this.#vms.delete(name)),
    };
  }
}
