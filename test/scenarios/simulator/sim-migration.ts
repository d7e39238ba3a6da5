import type { Outcome, VmGuest, VmMigration, VmPassport } from '../../../src/agent/parts.ts';
import type { ProcessClock } from './process-clock.ts';
import type { SimHost } from './sim-host.ts';
import type { Simulator } from './simulator.ts';

/** How often and how long the source knocks at a door that is not open yet. */
const knocks = { everySeconds: 1, times: 30 };

const idleSeconds = 40;

interface Door {
  readonly uuid: string;
  readonly key: string;
  readonly guest: VmGuest;
  /** Of the agent that holds it open: with the process goes the door, and what is on its way through it. */
  readonly process: ProcessClock;
}

/** The doors of all hosts, by host and VM. */
export class SimDoors {
  readonly #doors = new Map<string, Door>();

  open(host: string, vm: string, door: Door): void {
    this.#doors.set(`${host} ${vm}`, door);
  }

  find(host: string, vm: string): Door | undefined {
    const door = this.#doors.get(`${host} ${vm}`);
    return door?.process.alive === true ? door : undefined;
  }

  /** One goes through it once. */
  shut(host: string, vm: string, door: Door): boolean {
    if (this.#doors.get(`${host} ${vm}`) !== door) return false;
    return this.#doors.delete(`${host} ${vm}`);
  }
}

/** How VMs leave and enter one machine, as one process of its agent does it. */
export function migrationOf(sim: Simulator, machine: string, process: ProcessClock): VmMigration {
  const { doors, world, network } = sim;
  const host = world.host(machine);
  const send = async (vm: string, target: SimHost, passport: VmPassport, key: string): Promise<void> => {
    const reaches = () => process.alive && network.reaches(machine) && network.reaches(target.name);
    for (let knock = 0; knock < knocks.times; knock++) {
      const door = reaches() ? doors.find(target.name, vm) : undefined;
      if (door === undefined) {
        await world.wait(knocks.everySeconds);
        continue;
      }
      if (door.key !== key) throw new Error(`${target.name} does not know the key`);
      doors.shut(target.name, vm, door);
      await door.process.hear(door.guest.arrives(passport));
      const transfer = host.migrate(vm, target, () => reaches() && door.process.alive);
      // Where the source says nothing more, not even goodbye, the target waits no longer.
      void Promise.race([transfer.catch(() => {}), world.wait(idleSeconds)]).then(() => door.process.run(() => door.guest.over()));
      return await transfer;
    }
    throw new Error(`migration target ${target.name} does not answer`);
  };
  return {
    open: ({ vm, uuid, key, waitMs }, guest) => {
      const door = { uuid, key, guest, process };
      doors.open(machine, vm, door);
      process.after(waitMs, () => {
        if (doors.shut(machine, vm, door)) guest.over();
      });
      return Promise.resolve({ kind: 'done' });
    },
    send: (vm, { address, key }, passport, timeoutMs) => {
      const target = sim.hostAt(address);
      if (target === undefined) return Promise.resolve(failed(`there is no host at ${address}`));
      const sent = send(vm, target, passport, key).then(
        (): Outcome => ({ kind: 'done' }),
        (error: unknown): Outcome => failed(error instanceof Error ? error.message : String(error)),
      );
      const late = new Promise<Outcome>((resolve) => {
        process.after(timeoutMs, () => resolve({ kind: 'failed', code: 'timeout', reason: `xl migrate ${vm} did not end in time` }));
      });
      return process.hear(Promise.race([sent, late]));
    },
    // What breaks off here leaves nothing.
    sweep: () => {},
    close: () => Promise.resolve(),
  };
}

function failed(reason: string): Outcome {
  return { kind: 'failed', code: reason.includes('invalid domain') ? 'no-such-domain' : 'failed', reason };
}
