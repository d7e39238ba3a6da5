import { describe, expect, it } from 'vitest';
import type { AgentMessageOf } from '../../../src/manager/protocol.ts';
import type { PropertyType } from '../../../src/model/property-definition.ts';
import { PropertyBook, propertyLimits } from '../../../src/manager/properties/property-book.ts';
import type { PropertyMessage } from '../../../src/manager/properties/property-book.ts';

const atMs = Date.UTC(2026, 0, 1);
let number = 0;

function said(name: string, value: unknown, type: PropertyType = 'int', age = 0): PropertyMessage {
  return { v: 1, kind: 'PROPVAL', id: `m${number++}`, boot: 1, values: [{ name, type, value, age }] };
}

function failed(name: string, reason: string): AgentMessageOf<'PROPERR'> {
  return { v: 1, kind: 'PROPERR', id: `m${number++}`, boot: 1, name, code: 'timeout', reason };
}

function listed(...names: readonly string[]): PropertyMessage {
  const properties = names.map((name) => ({ name, type: 'int', ticks: 60, command: 'exec', origin: 'x.ini' }));
  return { v: 1, kind: 'PROPLIST', id: `m${number++}`, boot: 1, properties };
}

function flood(): PropertyMessage {
  const values = Array.from({ length: 256 }, (_, index) => ({ name: `p${index}`, type: 'int' as const, value: 1, age: 0 }));
  return { v: 1, kind: 'PROPVAL', id: `m${number++}`, boot: 1, values };
}

describe('the book of properties', () => {
  it('keeps the last value, when it was extracted, and a history of numbers', () => {
    const book = new PropertyBook();
    for (const [index, value] of [3, 4, 5].entries()) book.hear('post01', said('vms', value, 'int', 2), atMs + index * 60_000);
    expect(book.reading('post01', 'vms')).toEqual({
      machine: 'post01',
      name: 'vms',
      type: 'int',
      value: 5,
      atMs: atMs + 118_000,
      history: [3, 4, 5].map((value, index) => ({ atMs: atMs + index * 60_000 - 2000, value })),
    });
    expect(book.agesOf('post01', atMs + 128_000)).toEqual({ vms: 10 });
  });

  it('keeps the newest entries of a long history, in order, and texts without one', () => {
    const book = new PropertyBook();
    for (let index = 0; index < 100; index++) {
      book.hear('post01', said('load', index, 'float'), atMs + index * 1000);
      book.hear('post01', said('up', index % 2 === 0, 'bool'), atMs + index * 1000);
      book.hear('post01', said('name', String(index), 'string'), atMs + index * 1000);
    }
    const [load, name, up] = book.readings('post01');
    expect(load?.history.map(({ value }) => value)).toEqual(
      Array.from({ length: propertyLimits.historyEntries }, (_, index) => 68 + index),
    );
    expect(up?.history.slice(-2).map(({ value }) => value)).toEqual([true, false]);
    expect(name?.history).toEqual([]);
  });

  it('has no value of what its agent does not list any more, and room for others instead', () => {
    const book = new PropertyBook(64 * 1024);
    book.hear('post01', listed('load', 'raid', 'text'), atMs);
    for (const each of [said('load', 1), said('text', 'x'.repeat(60_000), 'string'), failed('raid', 'no disk')])
      book.hear('post01', each, atMs);
    expect(book.valuesOf('post01')).toMatchObject({ load: 1 });
    expect(book.hear('post02', said('text', 'x'.repeat(60_000), 'string'), atMs).notices).toMatchObject([{ kind: 'too-large' }]);
    book.hear('post01', listed('load'), atMs);
    expect(book.valuesOf('post01')).toEqual({ load: 1 });
    expect(book.readings('post01').map(({ name }) => name)).toEqual(['load']);
    expect(book.hear('post02', said('text', 'x'.repeat(60_000), 'string'), atMs).notices).toEqual([]);
  });

  it('says which properties are new, and gives expressions one object until one of them changes', () => {
    const book = new PropertyBook();
    expect(book.hear('post01', said('load', 1.5, 'float'), atMs).updated).toEqual(['load']);
    const values = book.valuesOf('post01');
    expect(values).toEqual({ load: 1.5 });
    expect(book.valuesOf('post01')).toBe(values);
    book.hear('post01', said('load', 2, 'float'), atMs);
    expect(book.valuesOf('post01')).toEqual({ load: 2 });
    expect(book.valuesOf('post02')).toEqual({});
  });

  it.each<[PropertyType, unknown, string]>([
    ['int', 1.5, 'it is said to be int, and is 1.5'],
    ['int', '7', 'it is said to be int, and is "7"'],
    ['float', null, 'it is said to be float, and is nothing'],
    ['string', ['a'], 'it is said to be string, and is a list'],
    ['bool', 1, 'it is said to be bool, and is 1'],
    ['list', {}, 'it is said to be list, and is an object'],
    ['object', [], 'it is said to be object, and is a list'],
    ['string', 'x'.repeat(70_000), 'it has 69 KiB, a value has at most 64'],
    ['list', JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`), 'it is nested more than 16 deep'],
  ])('keeps the old value where a new one is no %s, and says why: %j', (type, value, reason) => {
    const book = new PropertyBook();
    book.hear('post01', said('x', 1, 'int'), atMs);
    const { updated, notices } = book.hear('post01', said('x', value, type), atMs + 1);
    expect(updated).toEqual([]);
    expect(notices).toMatchObject([{ machine: 'post01', name: 'x', reason }]);
    expect(book.reading('post01', 'x')).toMatchObject({ value: 1, problem: { reason } });
  });

  it('keeps what failed beside the last value, and forgets it with the next one', () => {
    const book = new PropertyBook();
    book.hear('post01', said('raid', 'ok', 'string'), atMs);
    expect(book.hear('post01', failed('raid', 'raid.sh ran for too long'), atMs + 1).notices).toMatchObject([
      { kind: 'failed', name: 'raid' },
    ]);
    expect(book.reading('post01', 'raid')).toMatchObject({ value: 'ok', problem: { code: 'timeout', atMs: atMs + 1 } });
    book.hear('post01', said('raid', 'ok', 'string'), atMs + 2);
    expect(book.reading('post01', 'raid')?.problem).toBeUndefined();
  });

  it('shows a property that has only ever failed, and gives expressions no value of it', () => {
    const book = new PropertyBook();
    book.hear('post01', failed('raid', 'there is no raid.sh'), atMs);
    expect(book.readings('post01')).toMatchObject([{ name: 'raid', problem: { reason: 'there is no raid.sh' } }]);
    expect(book.valuesOf('post01')).toEqual({});
  });

  it('gives the same notice again only after some minutes', () => {
    const book = new PropertyBook();
    const noticesAt = (ms: number): number => book.hear('post01', failed('raid', 'no'), atMs + ms).notices.length;
    expect([0, 1000, propertyLimits.noticeAgainMs - 1, propertyLimits.noticeAgainMs].map(noticesAt)).toEqual([1, 0, 0, 1]);
  });

  it('bounds notices whose reasons are made up to differ', () => {
    const book = new PropertyBook();
    let notices = 0;
    for (let index = 0; index < 900; index++)
      notices += book.hear('post01', failed('raid', `no ${index}`), atMs + index * 10).notices.length;
    expect(notices).toBe(64);
  });

  it('keeps at most so many properties of a machine, and goes on with those that it has', () => {
    const book = new PropertyBook();
    for (let index = 0; index < propertyLimits.propertiesPerMachine; index++) book.hear('post01', said(`p${index}`, 1), atMs + index * 10);
    const late = atMs + 60_000;
    expect(book.hear('post01', said('more', 1), late).notices).toMatchObject([{ kind: 'too-many', name: 'more' }]);
    expect(book.hear('post01', said('p7', 2), late).updated).toEqual(['p7']);
    expect(book.hear('post02', said('more', 1), late).updated).toEqual(['more']);
  });

  it('keeps at most so many bytes of a machine, and frees what is replaced or forgotten', () => {
    const book = new PropertyBook();
    const large = 'x'.repeat(60_000);
    const outcomes = Array.from(
      { length: 18 },
      (_, index) => book.hear('post01', said(`t${index}`, large, 'string'), atMs + index).updated.length,
    );
    expect(outcomes.reduce((sum, each) => sum + each, 0)).toBe(17);
    book.hear('post01', said('t0', '', 'string'), atMs + 1000);
    expect(book.hear('post01', said('t17', large, 'string'), atMs + 2000).updated).toEqual(['t17']);
    book.forget('post01');
    expect(book.readings()).toEqual([]);
    expect(book.hear('post01', said('t0', large, 'string'), atMs + 3000).updated).toEqual(['t0']);
  });

  it('keeps at most so many bytes of all machines together, and has room again when one is forgotten', () => {
    const book = new PropertyBook(100_000);
    const large = 'x'.repeat(60_000);
    expect(book.hear('post01', said('t', large, 'string'), atMs).updated).toEqual(['t']);
    expect(book.hear('post02', said('t', large, 'string'), atMs).notices).toMatchObject([{ kind: 'too-large', machine: 'post02' }]);
    book.forget('post01');
    expect(book.hear('post02', said('t', large, 'string'), atMs).updated).toEqual(['t']);
  });

  it('takes so many values a second from a machine that floods, says so once, and hears the others', () => {
    const book = new PropertyBook();
    const heard = Array.from({ length: 40 }, (_, index) => book.hear('post01', flood(), atMs + index));
    const taken = heard.reduce((sum, { updated }) => sum + updated.length, 0);
    expect(taken).toBeLessThan(propertyLimits.valuesAtOnce + propertyLimits.valuesPerSecond);
    expect(heard.flatMap(({ notices }) => notices)).toMatchObject([{ kind: 'flood' }]);
    expect(book.hear('post02', said('load', 1), atMs + 40).updated).toEqual(['load']);
    expect(book.hear('post01', said('p0', 2), atMs + 2000).updated).toEqual(['p0']);
  });

  it('is not stopped by a clock that goes back', () => {
    const book = new PropertyBook();
    book.hear('post01', said('load', 1), atMs);
    book.hear('post01', failed('raid', 'no'), atMs);
    expect(book.hear('post01', said('load', 2), atMs - 3_600_000).updated).toEqual(['load']);
    expect(book.hear('post01', failed('raid', 'no'), atMs - 3_600_000).notices).toHaveLength(1);
    expect(book.agesOf('post01', atMs - 7_200_000)).toEqual({ load: 0 });
  });

  it('keeps what agents say they extract, and forgets machines that are no more', () => {
    const book = new PropertyBook();
    const properties = [{ name: 'load', type: 'float', ticks: 30, command: 'load', origin: '10-machine.yaml:2' }];
    book.hear('post01', { v: 1, kind: 'PROPLIST', id: 'l', boot: 1, properties }, atMs);
    expect(book.definitionsOf('post01')).toEqual(properties);
    book.keepOnly(new Set(['post02']));
    expect(book.definitionsOf('post01')).toEqual([]);
  });

  it('takes names that mean something to JavaScript as names', () => {
    const book = new PropertyBook();
    for (const name of ['__proto__', 'constructor']) book.hear('post01', said(name, 5), atMs);
    expect(Object.entries(book.valuesOf('post01'))).toEqual([
      ['__proto__', 5],
      ['constructor', 5],
    ]);
    expect(Object.getPrototypeOf(book.valuesOf('post01'))).toBe(Object.prototype);
  });
});
