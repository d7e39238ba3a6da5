import { describe, expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { checkExpression } from '../../src/expression-checks.ts';
import { CapturedLog } from '../../src/log.ts';
import { ObjectBook } from '../../src/machines/object-book.ts';
import { parseDocument } from '../../src/machines/objects.ts';
import { MemoryObjectStore } from './memory-object-store.ts';

const free = { name: 'ram_free', command: 'ram', parameters: 'MemFree', return_type: 'int' };

function read(properties: unknown) {
  return parseDocument('Role', { kind: 'Role', name: 'farm', properties });
}

async function save(properties: readonly object[]): Promise<unknown> {
  const book = await ObjectBook.open({ store: new MemoryObjectStore(), clock: new HeldClock(), log: new CapturedLog(), checkExpression });
  const document = { kind: 'Role' as const, name: 'farm', properties };
  const outcome = await book.commit([{ kind: 'Role', name: 'farm', revision: 0, document }], { author: 'anna' });
  if (outcome.kind !== 'invalid') return outcome.kind;
  return outcome.problems.map(({ pointer, detail }) => `${pointer} ${detail}`);
}

describe('a property that a role defines', () => {
  it('has the keys and defaults of a definition file', () => {
    expect(read([free, { ...free, name: 'load', command: 'load', parameters: 5, ticks: 0, timeout: 3 }]).object?.properties).toEqual([
      { ...free, ticks: 60, timeout: 10 },
      { name: 'load', command: 'load', parameters: 5, return_type: 'int', ticks: 0, timeout: 3 },
    ]);
  });

  it.each([
    [{ ...free, name: '1st' }, 'name', 'expected the name of a property such as ram_free, found "1st"'],
    [{ ...free, return_type: 'text' }, 'return_type', 'expected int, float, string, bool, list or object, found "text"'],
    [{ ...free, ticks: 'often' }, 'ticks', 'expected a whole number from 0 to 86400, found "often"'],
    [{ ...free, ticks: 86_401 }, 'ticks', 'expected a whole number from 0 to 86400, found the number 86401'],
    [{ ...free, timeout: 0 }, 'timeout', 'expected a whole number from 1 to 300, found the number 0'],
    [
      { ...free, parameters: { of: 'x' } },
      'parameters',
      'expected words, or a list of at most 32 texts of at most 256 letters, found a block of keys',
    ],
    [
      { ...free, parameters: ['x'.repeat(257)] },
      'parameters',
      'expected words, or a list of at most 32 texts of at most 256 letters, found a list',
    ],
    [{ ...free, return_typ: 'int' }, 'return_typ', 'unknown key (did you mean return_type?)'],
    [{ name: 'a', return_type: 'int' }, 'command', 'missing: expected a command such as ram'],
  ])('is refused where its shape is wrong: %j', (wrong, key, message) => {
    const { problems } = read([free, wrong]);
    expect(problems.map(({ path, message: said }) => [path, said])).toEqual([[['properties', 1, key], message]]);
  });

  it('is refused with its place where no agent would understand it', async () => {
    expect(await save([free])).toBe('done');
    expect(
      await save([
        { ...free, command: 'uptme' },
        { ...free, name: 'a', parameters: 'MemFree Parsec' },
        { ...free, name: 'b', command: 'exec', parameters: 'raid-state.sh' },
        { ...free, name: 'c', command: 'exec', parameters: '../../bin/sh' },
      ]),
    ).toEqual([
      '/properties/0/command there is no command "uptme" (did you mean uptime?)',
      '/properties/1/parameters there is no unit Parsec; there are KiB, MiB, GiB',
      '/properties/2/command exec is only for definitions in the files of the machine',
      '/properties/3/command exec is only for definitions in the files of the machine',
    ]);
  });

  it('is one of 64 at most, each with a name of its own', async () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => ({ ...free, name: `p${index}` }));
    expect(await save(many(64))).toBe('done');
    expect(await save(many(65))).toEqual(['/properties expected at most 64, found 65']);
    expect(await save([free, { ...free }])).toEqual(['/properties/1/name expected each once, ram_free stands above already']);
  });
});
