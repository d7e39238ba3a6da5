import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filterCovers, filterMatches, filterProblem, topicProblem } from '../../src/bus/topic-filter.ts';
import { TopicTree } from '../../src/bus/topic-tree.ts';

const levels = fc.constantFrom('a', 'b', '', '$x');
const topic = fc.array(levels, { minLength: 1, maxLength: 4 }).map((each) => each.join('/'));
const filter = fc
  .tuple(fc.array(fc.oneof(levels, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([each, open]) => (open ? [...each.slice(0, -1), '#'] : each).join('/'));

describe('a topic filter', () => {
  it.each([
    ['a/b', 'a/b', true],
    ['a/+', 'a/b', true],
    ['a/+', 'a', false],
    ['a/+', 'a/', true],
    ['+/+', '/a', true],
    ['+', '/a', false],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['a/#', 'ab', false],
    ['#', 'a/b', true],
    ['#', '$SYS/a', false],
    ['+/a', '$SYS/a', false],
    ['$SYS/#', '$SYS/a', true],
  ])('%s hears %s: %s (MQTT 3.1.1, 4.7)', (wanted, published, heard) => {
    const tree = new TopicTree<string>();
    tree.add(wanted, 'listener');
    expect([filterMatches(wanted, published), tree.match(published).size]).toEqual([heard, heard ? 1 : 0]);
  });

  it.each(['', 'a+', 'a/b+', '#/a', 'a#', 'a\0b', 'a/'.repeat(20), 'a'.repeat(600)])('is not %j', (wrong) => {
    expect(filterProblem(wrong)).toEqual(expect.any(String));
  });

  it.each(['', 'a/+', '#', 'a\0b', 'a'.repeat(600)])('nothing is published to %j', (wrong) => {
    expect(topicProblem(wrong)).toEqual(expect.any(String));
  });

  it('hears the same in a tree of many as alone, and nothing once it is removed', () => {
    fc.assert(
      fc.property(fc.uniqueArray(filter, { maxLength: 12 }), topic, (filters, published) => {
        const tree = new TopicTree<string>();
        for (const each of filters) tree.add(each, each);
        expect([...tree.match(published)].toSorted()).toEqual(filters.filter((each) => filterMatches(each, published)).toSorted());
        for (const each of filters) tree.remove(each, each);
        expect(tree.match(published).size).toBe(0);
      }),
    );
  });

  it('covers another only where all that the other hears is heard by it', () => {
    fc.assert(
      fc.property(filter, filter, topic, (rule, wanted, published) => {
        const leak = filterCovers(rule, wanted) && filterMatches(wanted, published) && !filterMatches(rule, published);
        expect(leak).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});
