import { describe, expect, it } from 'vitest';
import { packNotices, unpackNotices } from '../../src/store/change-feed.ts';

function unpackAll(messages: readonly string[], server = 'two') {
  return messages.map((message) => unpackNotices(message, server));
}

describe('what servers tell each other', () => {
  it('is one message an area, the same payload once', () => {
    const notices = [
      { area: 'objects', payload: null },
      { area: 'leases', payload: { address: '10.0.0.1' } },
      { area: 'objects', payload: null },
    ];
    const messages = packNotices('one', notices, 7900);
    expect(unpackAll(messages)).toEqual([
      { area: 'objects', payloads: [null] },
      { area: 'leases', payloads: [{ address: '10.0.0.1' }] },
    ]);
    expect(unpackAll(messages, 'one')).toEqual([undefined, undefined]);
  });

  it('is nothing where there is nothing', () => {
    expect(packNotices('one', [], 7900)).toEqual([]);
  });

  it.each([60, 61, 62, 63, 64, 100, 7900])('fits into messages of %i bytes, all of it in its order', (messageBytes) => {
    const notices = Array.from({ length: 50 }, (_, i) => ({ area: 'a', payload: 'ü'.repeat(i % 5) + String(i) }));
    const messages = packNotices('one', notices, messageBytes);
    expect(messages.filter((message) => Buffer.byteLength(message) > messageBytes)).toEqual([]);
    expect(unpackAll(messages).flatMap((message) => message?.payloads)).toEqual(notices.map(({ payload }) => payload));
  });

  it('asks to load all again where one payload alone is too large', () => {
    const messages = packNotices('one', [{ area: 'leases', payload: 'x'.repeat(8000) }], 7900);
    expect(unpackAll(messages)).toEqual([{ area: 'leases' }]);
  });

  it.each([
    ['', 'end of JSON'],
    ['text', 'JSON'],
    ['null', 'null'],
    ['[]', 'no server'],
    ['{}', 'no server'],
    ['{"server":1,"area":"a"}', 'no server'],
    ['{"server":"x","area":"a","payloads":{}}', 'no list'],
  ])('is not %j', (text, message) => {
    expect(() => unpackNotices(text, 'one')).toThrow(message);
  });
});
