import { describe, expect, it } from 'vitest';
import { runRandomly } from './simulator/random-run.ts';
import type { Simulator } from './simulator/simulator.ts';

/** Each breaks what one rule rests on, at a random moment and for good. */
const mutants: Readonly<Record<string, (sim: Simulator) => void>> = {
  'power controls that say off': (sim) => {
    for (const { name, power } of sim.cluster.hosts) if (power) sim.power.answer(name, 'off');
  },
  'boots that never were': (sim) => {
    const invent = () => {
      for (const who of sim.network.cutNames())
        if (sim.agents.has(who)) void sim.boots.add({ machine: who, attempt: sim.newId(), redeemedMs: sim.world.clock.now() });
      sim.world.clock.after(60_000, invent);
    };
    invent();
  },
  'agents that see no domains': (sim) => {
    sim.world.clock.after(900_000, () => {
      for (const host of sim.world.hosts.values()) host.blind = true;
    });
  },
  'a store that forgets claims': (sim) => sim.records.forgetClaims(),
};

describe('the checks of random runs', () => {
  it.each(Object.keys(mutants))('find %s', { timeout: 600_000 }, async (name) => {
    const found: string[] = [];
    for (let seed = 1; seed <= 12 && found.length === 0; seed++) found.push(...(await runRandomly(seed, 1, mutants[name])).problems);
    expect(found.join('\n')).toMatch(/two domains of one VM|no claim covers/);
  });
});
