import type { PowerControl, PowerReading } from '../../../src/manager/surroundings.ts';
import type { World } from './world.ts';

/** `truth`; `unknown`: it does not answer; `off`, `on`: it says so whatever is; `stuck`: it reads well and switches nothing. */
export type PowerAnswers = 'truth' | 'unknown' | 'on' | 'off' | 'stuck';

/** The BMCs of the machines that have one. */
export class PowerControls implements PowerControl {
  readonly #world: World;
  readonly #answers = new Map<string, PowerAnswers>();

  constructor(world: World, machines: readonly string[]) {
    this.#world = world;
    for (const machine of machines) this.#answers.set(machine, 'truth');
  }

  answer(machine: string, how: PowerAnswers): void {
    if (!this.#answers.has(machine)) throw new Error(`${machine} has no power control in this cluster`);
    this.#answers.set(machine, how);
  }

  has(machine: string): boolean {
    return this.#answers.has(machine);
  }

  async read(machine: string): Promise<PowerReading> {
    await this.#world.wait(0.3);
    return this.#reading(machine);
  }

  async switch(machine: string, action: 'on' | 'off' | 'cycle'): Promise<PowerReading> {
    await this.#world.wait(0.5);
    const answers = this.#answers.get(machine);
    const host = this.#world.host(machine);
    if (answers === 'unknown' || answers === 'stuck' || answers === 'off') return this.#reading(machine);
    this.#world.say(machine, `its power control is told: ${action}`);
    await this.#world.wait(2);
    if (action === 'on') host.powerOn();
    else host.powerOff();
    if (action === 'cycle') host.powerOn();
    return this.#reading(machine);
  }

  #reading(machine: string): PowerReading {
    const answers = this.#answers.get(machine);
    if (answers === undefined || answers === 'unknown') return { kind: 'unknown', reason: 'the power control does not answer' };
    if (answers === 'on' || answers === 'off') return { kind: answers };
    return { kind: this.#world.host(machine).powered ? 'on' : 'off' };
  }
}
