import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readCluster } from './cluster.ts';
import { happen } from './happening.ts';
import type { Happening } from './happening.ts';
import { Simulator } from './simulator.ts';
import type { Breach } from './world.ts';

export type ScenarioEvent = Happening & { readonly at: number };

/** What stands in `events.yaml`. */
export interface ScenarioFile {
  /** What is shown. */
  readonly readme: string;
  /** The rule of docs/scenarios.md that it is for. */
  readonly rule: string;
  /** Seconds. */
  readonly end: number;
  /** It shows what happens when a rule's premise is false: a power control that lies, a person who is wrong. */
  readonly breaches?: true;
  readonly events: readonly ScenarioEvent[];
}

export interface Played {
  readonly log: string;
  readonly breaches: readonly Breach[];
}

export function readScenario(folder: string): ScenarioFile {
  return parse(readFileSync(join(folder, 'events.yaml'), 'utf8')) as ScenarioFile;
}

/** Plays `cluster.yaml` and `events.yaml` of a folder by the product's own code. */
export async function playScenario(folder: string): Promise<Played> {
  const { events, end } = readScenario(folder);
  const sim = new Simulator(readCluster(join(folder, 'cluster.yaml')));
  try {
    for (const event of events.toSorted((a, b) => a.at - b.at)) {
      await sim.runUntil(event.at);
      happen(sim, event);
    }
    await sim.runUntil(end);
    return { log: `${sim.world.lines.join('\n')}\n`, breaches: sim.invariants.breaches };
  } finally {
    await sim.end();
  }
}
