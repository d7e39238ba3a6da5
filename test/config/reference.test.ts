import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configurationReference } from '../../src/config/reference.ts';

describe('docs/configuration.md', () => {
  it('is what `npm run docs` writes', () => {
    expect(readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8')).toBe(configurationReference());
  });

  it('has a sentence for every key', () => {
    const rows = configurationReference()
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    expect(rows.length).toBeGreaterThan(40);
    expect(rows.filter((line) => line.endsWith('|  |'))).toEqual([]);
  });
});
