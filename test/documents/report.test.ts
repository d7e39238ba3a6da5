import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathOfPointer, pathText, pointerTo } from '../../src/documents/report.ts';

describe('the path of a value', () => {
  it.each([
    [[], '', ''],
    [['nics', 0, 'mac'], '/nics/0/mac', 'nics[0].mac'],
    [['parameters', 'a/b'], '/parameters/a~1b', 'parameters.a/b'],
    [['labels', 'm~n'], '/labels/m~0n', 'labels.m~n'],
    [['labels', '~1'], '/labels/~01', 'labels.~1'],
    [[''], '/', ''],
  ])('%j is the pointer %j (RFC 6901 section 5) and reads %j', (path, pointer, text) => {
    expect(pointerTo(path)).toBe(pointer);
    expect(pathText(path)).toBe(text);
  });

  it('is found again by its pointer, with numbers as texts', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.nat(99))), (path) => {
        expect(pathOfPointer(pointerTo(path))).toEqual(path.map(String));
      }),
    );
  });
});
