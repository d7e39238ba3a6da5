import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExpiryQueue } from '../../src/dhcp/expiry-queue.ts';

function drain(queue: ExpiryQueue, nowMs: number): readonly number[] {
  const due: number[] = [];
  for (let address = queue.popDue(nowMs); address !== undefined; address = queue.popDue(nowMs)) due.push(address);
  return due;
}

describe('ExpiryQueue', () => {
  it('gives out what is due, earliest first, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { maxLength: 60 }), fc.nat(1000), (times, nowMs) => {
        const queue = new ExpiryQueue();
        times.forEach((atMs, address) => queue.add(address, atMs));
        const due = drain(queue, nowMs).map((address) => times[address]);
        expect(due).toEqual(times.filter((atMs) => atMs <= nowMs).sort((a, b) => a - b));
        expect(drain(queue, 1000)).toHaveLength(times.length - due.length);
      }),
    );
  });

  it('keeps one entry an address, so that a client that renews for ever does not fill it', () => {
    const queue = new ExpiryQueue();
    for (let atMs = 0; atMs < 100; atMs++) queue.add(7, atMs);
    expect(drain(queue, 1000)).toEqual([7]);
    queue.add(7, 50);
    expect(drain(queue, 1000)).toEqual([7]);
  });
});
