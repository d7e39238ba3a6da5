import { describe, expect, it } from 'vitest';
import { ReplyBatch } from '../../src/nfs/reply-batch.ts';

const hex = (batch: ReplyBatch) => Buffer.concat(batch.parts()).toString('hex');

describe('a batch of replies', () => {
  it('puts blocks between what is written, with the length of the whole in each record mark', () => {
    const batch = new ReplyBatch(true);
    const block = Buffer.from('abcd');
    batch.begin();
    batch.writer.u32(1);
    batch.reference(block);
    batch.writer.u32(2);
    batch.end();
    batch.begin();
    batch.writer.u32(3);
    batch.end();
    expect(hex(batch)).toBe('8000000c 00000001 61626364 00000002 80000004 00000003'.replaceAll(' ', ''));
    expect(batch.parts()[1]).toBe(block);
    expect(batch.byteLength).toBe(24);
  });

  it('takes back a reply that failed after its blocks, and nothing of those before', () => {
    const batch = new ReplyBatch(true);
    for (const number of [1, 2]) {
      batch.begin();
      batch.writer.u32(number);
      batch.reference(Buffer.from('abcd'));
      if (number === 2) {
        batch.restart();
        batch.writer.u32(9);
      }
      batch.end();
    }
    expect(hex(batch)).toBe('80000008 00000001 61626364 80000004 00000009'.replaceAll(' ', ''));
    expect(batch.byteLength).toBe(20);
  });

  it('has no record marks over UDP', () => {
    const batch = new ReplyBatch(false);
    expect(batch.parts()).toEqual([]);
    batch.begin();
    batch.writer.u32(7);
    batch.end();
    expect(hex(batch)).toBe('00000007');
  });
});
