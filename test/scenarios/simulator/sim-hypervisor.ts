import type { Domain, DomainState, Hypervisor, Outcome } from '../../../src/agent/parts.ts';
import { wishOf } from './guests.ts';
import type { ProcessClock } from './process-clock.ts';
import type { SimDomain } from './sim-host.ts';
import type { Simulator } from './simulator.ts';

/** As the agent's own calls of xl are bounded. */
const listSeconds = 10;
const callSeconds = 30;
const createSeconds = 90;

const done: Outcome = { kind: 'done' };

/** `xl` on one machine, as one process calls it: what it has begun goes on when the process dies. */
export function hypervisorOf(sim: Simulator, machine: string, process: ProcessClock): Hypervisor {
  const host = sim.world.host(machine);
  const bounded = async <Answer>(seconds: number, call: () => Promise<Answer>, late: () => Answer): Promise<Answer> => {
    if (!process.alive) return await new Promise<Answer>(() => {});
    const bound = new Promise<Answer>((resolve, reject) => {
      process.after(seconds * 1000, () => {
        try {
          resolve(late());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
    return await process.hear(Promise.race([call(), bound]));
  };
  const asked = async (seconds: number, what: string, call: () => Promise<unknown>): Promise<Outcome> =>
    await bounded<Outcome>(
      seconds,
      () =>
        call().then(
          () => done,
          (error: unknown) => failed(error instanceof Error ? error.message : String(error)),
        ),
      () => ({ kind: 'failed', code: 'timeout', reason: `xl ${what} did not end within ${seconds} s` }),
    );
  return {
    list: async () =>
      (
        await bounded(
          listSeconds,
          () => host.list(),
          () => {
            throw new Error(`xl list did not end within ${listSeconds} s`);
          },
        )
      ).map(domainOf),
    info: () => Promise.resolve({ version: 'Xen 4.20.0', memoryMib: host.spec.memoryMib, freeMib: host.freeMib, cpus: host.spec.cpus }),
    create: async (name, config) =>
      await asked(createSeconds, `create ${name}`, async () => {
        sim.invariants.onCreate(machine, name);
        await host.create(wishOf(config));
      }),
    destroy: async (name) => await asked(callSeconds, `destroy ${name}`, () => host.destroy(name)),
    shutdown: async (name) => await asked(callSeconds, `shutdown ${name}`, () => host.shutdown(name)),
    pause: async (name) => await asked(callSeconds, `pause ${name}`, async () => await Promise.resolve(host.pause(name, true))),
    unpause: async (name) => await asked(callSeconds, `unpause ${name}`, async () => await Promise.resolve(host.pause(name, false))),
  };
}

function failed(reason: string): Outcome {
  if (reason.includes('already exists')) return { kind: 'failed', code: 'exists', reason };
  if (reason.includes('free memory')) return { kind: 'failed', code: 'no-memory', reason };
  if (reason.includes('invalid domain')) return { kind: 'failed', code: 'no-such-domain', reason };
  return { kind: 'failed', code: 'failed', reason };
}

const states: Readonly<Record<SimDomain['state'], DomainState>> = {
  building: 'paused',
  incoming: 'paused',
  running: 'running',
  paused: 'paused',
  shutdown: 'shutdown',
  crashed: 'crashed',
};

function domainOf({ name, uuid, domid, state, memoryMib, vcpus }: SimDomain): Domain {
  return { name, uuid, domid, state: states[state], memoryMib, vcpus };
}
