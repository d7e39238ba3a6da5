import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandHostlist, foldHostlist, maxHosts } from '../../src/machines/hostlist.ts';

describe('a hostlist', () => {
  it.each([
    ['gw', ['gw']],
    ['node[01-03,25],gw', ['node01', 'node02', 'node03', 'node25', 'gw']],
    ['node[8-11]', ['node8', 'node9', 'node10', 'node11']],
    ['node[098-101]', ['node098', 'node099', 'node100', 'node101']],
    ['r[1-2]n[1-2].farm', ['r1n1.farm', 'r1n2.farm', 'r2n1.farm', 'r2n2.farm']],
    [' a , b ', ['a', 'b']],
    ['a,a,[1-2],1', ['a', '1', '2']],
  ])('%s names %j', (text, names) => {
    expect(expandHostlist(text)).toEqual({ kind: 'names', names });
  });

  it.each([
    ['', 'expected a name between two commas, such as node[01-20],gw'],
    ['a,,b', 'expected a name between two commas, such as node[01-20],gw'],
    ['node[01-20', 'expected ] after [01-20'],
    ['node01-20]', 'expected [ before ] in node01-20]'],
    ['node[1[2]]', 'expected ] before the second [ in [1[2]]'],
    ['node[]', 'expected numbers such as 01-20 or 25 in brackets, found nothing'],
    ['node[a-c]', 'expected numbers such as 01-20 or 25 in brackets, found a-c'],
    ['node[20-01]', 'expected the lower number first, found 20-01'],
    ['node[01-100]', 'expected as many digits at both ends, found 01-100'],
    ['node[1-999999999]', 'expected at most 10000 names, 1-999999999 has more'],
    ['n[1-200]m[1-200]', 'expected at most 10000 names, n[1-200]m[1-200] has more'],
    ['a[1-9000],b[1-9000]', 'expected at most 10000 names, a[1-9000],b[1-9000] has more'],
  ])('that says %j is refused: %s', (text, reason) => {
    expect(expandHostlist(text)).toEqual({ kind: 'wrong', reason });
  });

  it('never takes long nor throws, whatever it says', () => {
    const letters = fc.string({ unit: fc.constantFrom('[', ']', ',', '-', '0', '1', '9', 'n', ' '), maxLength: 200 });
    fc.assert(
      fc.property(letters, (text) => {
        const result = expandHostlist(text);
        expect(result.kind === 'wrong' ? 0 : result.names.length).toBeLessThanOrEqual(maxHosts);
      }),
    );
  });

  it.each([
    [['gw', 'node01', 'node02', 'node25'], 'gw,node[01-02,25]'],
    [['node9', 'node10', 'node8'], 'node[8-10]'],
    [['node09', 'node10', 'node100', 'node8'], 'node[8,100],node[09-10]'],
    [['a1.farm', 'a2.farm', 'a2'], 'a[1-2].farm,a2'],
    [['post01'], 'post01'],
    [[], ''],
  ])('is the fold of %j: %s', (names, folded) => {
    expect(foldHostlist(names)).toBe(folded);
  });

  it('names the same machines again after they were folded', () => {
    const name = fc.tuple(fc.constantFrom('node', 'gw', 'r1n', ''), fc.stringMatching(/^\d{1,4}$/), fc.constantFrom('', '.farm', '-a'));
    fc.assert(
      fc.property(
        fc.uniqueArray(
          name.map((parts) => parts.join('')),
          { minLength: 1, maxLength: 50 },
        ),
        (names) => {
          const expanded = expandHostlist(foldHostlist(names));
          expect(expanded.kind === 'names' ? [...expanded.names].sort() : expanded).toEqual([...names].sort());
        },
      ),
    );
  });
});
