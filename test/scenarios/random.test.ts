import { describe, expect, it } from 'vitest';
import { runRandomly } from './simulator/random-run.ts';

/** `VIRTDOM_SEED=17` plays one and shows its log; `VIRTDOM_SEEDS=1000` plays so many, `VIRTDOM_SEED_HOURS=8` each for so long. */
const one = process.env['VIRTDOM_SEED'];
const count = Number(process.env['VIRTDOM_SEEDS'] ?? 12);
const hours = Number(process.env['VIRTDOM_SEED_HOURS'] ?? 1);
const seeds = one === undefined ? Array.from({ length: count }, (_, index) => index + 1) : [Number(one)];

describe('whatever happens', () => {
  it.each(seeds)('no VM runs twice, claims match, and all comes to rest (seed %i)', { timeout: 600_000 }, async (seed) => {
    const { problems, lines } = await runRandomly(seed, hours);
    const command = `VIRTDOM_SEED=${seed} VIRTDOM_SEED_HOURS=${hours} npx vitest run --project unit test/scenarios/random.test.ts`;
    if (one !== undefined) process.stdout.write(`${lines.join('\n')}\n`);
    expect(problems.length === 0 ? '' : [...lines.slice(-60), ...problems, `again: ${command}`].join('\n')).toBe('');
  });
});
