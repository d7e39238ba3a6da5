import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cursorOf, positionOf } from '../../src/api/cursor.ts';
import { naturalKey, pageOfItems, sortOf, valuesOf } from '../../src/api/listing.ts';

interface Item {
  readonly name: string;
  readonly size: number;
}

const keys = { size: ({ size }: Item) => size };
const nameOf = ({ name }: Item): string => name;

describe('pages of things in memory', () => {
  it('show each thing once and in order, whatever the page size and the order', () => {
    const items = fc.uniqueArray(fc.record({ name: fc.string({ minLength: 1 }), size: fc.integer({ min: 0, max: 5 }) }), {
      selector: nameOf,
    });
    fc.assert(
      fc.property(items, fc.integer({ min: 1, max: 5 }), fc.constantFrom('name', '-name', 'size', '-size'), (all, limit, sort) => {
        const walked: Item[] = [];
        let cursor: string | undefined;
        do {
          const page = pageOfItems(all, { limit, sort, cursor }, nameOf, keys);
          walked.push(...page.items);
          cursor = page.nextCursor;
        } while (cursor !== undefined);
        expect(walked).toEqual(pageOfItems(all, { limit: 1000, sort }, nameOf, keys).items);
        expect(new Set(walked.map(nameOf)).size).toBe(all.length);
      }),
    );
  });

  it('go on where the one before ended when things come and go meanwhile', () => {
    const all = ['a', 'b', 'c', 'd'].map((name) => ({ name, size: 0 }));
    const { nextCursor } = pageOfItems(all, { limit: 2 }, nameOf);
    const later = [{ name: 'aa', size: 0 }, ...all.filter(({ name }) => name !== 'b')];
    expect(pageOfItems(later, { limit: 2, cursor: nextCursor }, nameOf).items.map(nameOf)).toEqual(['c', 'd']);
  });

  it('take no cursor of another order, and none that is junk', () => {
    const all = [
      { name: 'a', size: 1 },
      { name: 'b', size: 2 },
    ];
    const { nextCursor } = pageOfItems(all, { limit: 1, sort: 'size' }, nameOf, keys);
    expect(() => pageOfItems(all, { cursor: nextCursor, sort: '-size' }, nameOf, keys)).toThrow(/another order/);
    expect(() => pageOfItems(all, { cursor: nextCursor }, nameOf, keys)).toThrow(/cursor/);
    fc.assert(
      fc.property(fc.string(), (junk) => {
        expect(() => positionOf(junk, ['string', 'string'])).toThrow(/cursor/);
      }),
    );
    expect(positionOf(cursorOf(['x', 5]), ['string', 'number'])).toEqual(['x', 5]);
  });

  it('are sorted by known fields only, and filtered by known values only', () => {
    expect(sortOf('-size', ['name', 'size'])).toEqual({ field: 'size', falling: true });
    expect(() => sortOf('__proto__', ['name'])).toThrow(/sorted/);
    expect(valuesOf('state', 'up, stuck', ['up', 'stuck'])).toEqual(['up', 'stuck']);
    expect(() => valuesOf('state', 'up,', ['up'])).toThrow(/state/);
  });
});

describe('names as keys', () => {
  it('are in the order that people expect, and no two names have one key', () => {
    const names = ['worker-10', 'worker-2', 'worker-02', 'a', 'worker-2b', 'worker'];
    const keysOf = names.map((name) => ({ name, key: naturalKey(name) }));
    const sorted = keysOf.toSorted((left, right) => (left.key < right.key ? -1 : 1)).map(({ name }) => name);
    expect(sorted).toEqual(['a', 'worker', 'worker-02', 'worker-2', 'worker-2b', 'worker-10']);
    expect(new Set(keysOf.map(({ key }) => key)).size).toBe(names.length);
  });
});
