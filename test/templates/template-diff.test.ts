import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unifiedDiff } from '../../src/templates/template-diff.ts';

/** What `patch` makes of a text. */
function patched(text: string, diff: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'virtdom-diff-'));
  const file = join(folder, 'text');
  writeFileSync(file, text);
  if (diff !== '') execFileSync('patch', ['--unified', '--silent', file], { input: diff });
  const result = readFileSync(file, 'utf8');
  rmSync(folder, { recursive: true });
  return result;
}

function many(word: string): string {
  return Array.from({ length: 20_000 }, (_, number) => `${word} ${number}\n`).join('');
}

const lines = fc.array(fc.constantFrom('a', 'b', 'c', '', '-x', '+y', '\\ No'), { maxLength: 12 });
const texts = fc.tuple(lines, fc.boolean()).map(([all, ends]) => all.join('\n') + (ends && all.length > 0 ? '\n' : ''));

describe('unifiedDiff', () => {
  it('is what patch(1) turns one text into the other with', () => {
    fc.assert(
      fc.property(texts, texts, (from, to) => {
        expect(patched(from, unifiedDiff('menu.lst', { text: from, label: 'a' }, { text: to, label: 'b' }))).toBe(to);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['', ''],
    ['', 'no end'],
    ['no end', 'no end'],
  ])('also of texts that share next to nothing (%j, %j), within a moment', (fromEnd, toEnd) => {
    const [from, to] = [many('old') + fromEnd, many('new') + toEnd];
    const startedMs = performance.now();
    const diff = unifiedDiff('menu.lst', { text: from, label: 'a' }, { text: to, label: 'b' });
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    expect(patched(from, diff)).toBe(to);
  });
});
