import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { problemsOf } from './config-files.ts';

const example = readFileSync(join(import.meta.dirname, '../../docs/examples/lab.example.yaml'), 'utf8').replaceAll(/#.*$/gm, '');

describe('any text as an object file', () => {
  it('loads or is refused with a line that the file has, whatever stands in it', () => {
    const edit = fc.record({
      at: fc.integer({ min: 0, max: example.length }),
      remove: fc.integer({ min: 0, max: 12 }),
      insert: fc.oneof(
        fc.string({ maxLength: 6 }),
        fc.constantFrom('\n---\n', ': ', '- ', '&a ', '*a', '!x ', '{', ']', '"', '\t', '__proto__: 1\n', '? '),
      ),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const text = edits.reduce((before, { at, remove, insert }) => before.slice(0, at) + insert + before.slice(at + remove), example);
        const lines = text.split('\n').length;
        const misplaced = problemsOf(text).filter((problem) => {
          const [, line] = /^lab\.yaml:(\d+):\d+: ./s.exec(problem) ?? [];
          return line === undefined || Number(line) < 1 || Number(line) > lines;
        });
        expect(misplaced).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
