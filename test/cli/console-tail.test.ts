import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newPart } from '../../src/cli/console-tail.ts';

describe('the end of a console that is seen again', () => {
  it.each([
    ['nothing at first', '', 'one\n', true, 'one\n'],
    ['nothing new', 'one\n', 'one\n', true, ''],
    ['a line more', 'one\n', 'one\ntwo\n', true, 'two\n'],
    ['an end that moved on', 'one\ntwo\n', 'two\nthree\n', true, 'three\n'],
    ['an end in the middle of a letter', 'one\ntwo\n', '\ufffdo\nthree\n', true, 'three\n'],
    ['so much that nothing of before is left', 'one\n', 'eight\n', false, 'eight\n'],
    ['a console that began anew', 'one\ntwo\n', '', false, ''],
  ])('shows of %s what is new', (_, before, now, isWhole, text) => {
    expect(newPart(before, now)).toEqual({ isWhole, text });
  });

  it('puts texts together that grow by parts, as long as a window holds what is new', () => {
    // No letter twice: what repeats itself cannot be told from what stands still.
    const letters = Array.from({ length: 400 }, (_, index) => String.fromCodePoint(0x4e00 + index)).join('');
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 30 }), { maxLength: 13 }), (steps) => {
        let written = 40;
        let seen = letters.slice(0, written);
        let shown = seen;
        for (const step of steps) {
          written += step;
          const now = letters.slice(Math.max(0, written - 40), written);
          shown += newPart(seen, now).text;
          seen = now;
        }
        expect(shown).toBe(letters.slice(0, written));
      }),
    );
  });
});
