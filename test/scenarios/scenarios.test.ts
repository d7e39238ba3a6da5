import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { playScenario, readScenario } from './simulator/play.ts';

const here = import.meta.dirname;
const names = readdirSync(here).filter((name) => existsSync(join(here, name, 'events.yaml')));
/** `VIRTDOM_SCENARIOS=write`: what was played becomes what is expected, for review by eye. */
const write = process.env['VIRTDOM_SCENARIOS'] === 'write';

describe('the manager and its agents', () => {
  it.each(names)('%s', async (name) => {
    const folder = join(here, name);
    const { log, breaches } = await playScenario(folder);
    if (write) writeFileSync(join(folder, 'expected.log'), log);
    expect(log).toBe(readFileSync(join(folder, 'expected.log'), 'utf8'));
    expect(breaches.length > 0).toBe(readScenario(folder).breaches === true);
  });

  it('are shown in at least twenty scenarios, each with what it shows and the rule it is for', () => {
    const told = names.map((name) => readScenario(join(here, name)));
    expect(told.length).toBeGreaterThanOrEqual(20);
    expect(told.filter(({ readme, rule }) => typeof readme !== 'string' || typeof rule !== 'string')).toEqual([]);
  });
});
