import type { Extracted, PropertySource } from '../../../src/agent/parts.ts';
import { LocalProperties } from '../../../src/agent/properties/local-properties.ts';
import type { MachineView } from '../../../src/agent/properties/machine-view.ts';
import { propertyCommands } from '../../../src/agent/properties/property-commands.ts';
import type { ProcessClock } from './process-clock.ts';
import type { Simulator } from './simulator.ts';

const none: Extracted = { values: [], problems: [] };

const view: MachineView = {
  read: (path) => Promise.resolve(path === '/proc/meminfo' ? 'MemTotal: 262144 kB\nMemFree: 131072 kB\n' : undefined),
  list: () => Promise.resolve(undefined),
  link: () => Promise.resolve(undefined),
  space: () => Promise.resolve(undefined),
  xl: () => Promise.reject(new Error('there is no xl')),
  plugin: () => Promise.reject(new Error('there are no plugins')),
};

/** What a machine says of itself: numbers that the scenario sets, and what a manager defines, by the product's own extraction. */
export class SimProperties {
  readonly #sim: Simulator;
  readonly #machine: string;
  readonly #numbers = new Map<string, number>();
  readonly #listeners = new Set<(extracted: Extracted) => void>();
  #process: ProcessClock | undefined;
  #sent: LocalProperties | undefined;

  constructor(sim: Simulator, machine: string) {
    this.#sim = sim;
    this.#machine = machine;
  }

  set(name: string, value: number): void {
    this.#numbers.set(name, value);
    this.#sim.world.say(this.#machine, `its ${name} is ${value}`);
    for (const listener of this.#listeners) listener(this.#extract([name]));
  }

  /** Names of what its agent extracts for the manager. */
  get sent(): readonly string[] {
    return this.#sent?.definitions().map(({ name }) => name) ?? [];
  }

  /** Its agent's process has ended. */
  end(): void {
    this.#listeners.clear();
  }

  /** Of a new process of its agent. */
  source(process: ProcessClock): PropertySource {
    this.#process = process;
    const sent = new LocalProperties({
      machine: this.#machine,
      clock: process,
      log: this.#sim.logOf(this.#machine),
      view,
      commands: propertyCommands,
      definitions: [],
    });
    this.#sent = sent;
    let names = '';
    const both = (asked: readonly string[], of: (names: readonly string[]) => Extracted): Extracted => {
      const others = asked.filter((name) => !this.#numbers.has(name));
      return joined(this.#extract(asked), others.length === 0 ? none : of(others));
    };
    return {
      definitions: () => [
        ...[...this.#numbers.keys()].map((name) => ({ name, type: 'int' as const, ticks: 10, command: name, origin: 'simulator' })),
        ...sent.definitions(),
      ],
      latest: (asked) => both(asked, (others) => sent.latest(others)),
      fetch: async (asked) => {
        const others = asked.filter((name) => !this.#numbers.has(name));
        return joined(this.#extract(asked), await process.hear(others.length === 0 ? Promise.resolve(none) : sent.fetch(others)));
      },
      onValues: (listener) => {
        const mine = (extracted: Extracted) => process.run(() => listener(extracted));
        this.#listeners.add(mine);
        const end = sent.onValues(mine);
        return () => {
          end();
          this.#listeners.delete(mine);
        };
      },
      setDefinitions: (definitions) => {
        const problems = sent.setDefinitions(definitions);
        const now = sent
          .definitions()
          .map(({ name }) => name)
          .join(', ');
        if (now !== names) this.#sim.world.say(this.#machine, `its agent extracts for the manager: ${now || 'nothing'}`);
        names = now;
        return problems;
      },
      close: () => sent.close(),
    };
  }

  #extract(names: readonly string[]): Extracted {
    const values = [...this.#numbers].filter(([name]) => names.includes(name));
    const atMs = this.#process?.monotonic() ?? 0;
    return { values: values.map(([name, value]) => ({ name, type: 'int', value, atMs })), problems: [] };
  }
}

function joined(one: Extracted, other: Extracted): Extracted {
  return { values: [...one.values, ...other.values], problems: [...one.problems, ...other.problems] };
}
