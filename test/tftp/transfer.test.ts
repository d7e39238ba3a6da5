import { describe, expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { bytesSource, type BlockSource } from '../../src/tftp/block-source.ts';
import { negotiate } from '../../src/tftp/negotiation.ts';
import { decodeTftp } from '../../src/tftp/packet.ts';
import { RetransmissionTimer } from '../../src/tftp/retransmission-timer.ts';
import { Transfer, type TransferEnd } from '../../src/tftp/transfer.ts';
import { pattern } from './tftp-rig.ts';

interface Wish {
  readonly size?: number;
  readonly options?: Readonly<Record<string, string>>;
  readonly source?: BlockSource;
  readonly ceilingMs?: number;
}

/** A transfer without any network: what it said, in words, since one looked last. */
function begin({ size = 2_000, options = {}, source = bytesSource(pattern(size)), ceilingMs = 4_000 }: Wish = {}) {
  const clock = new HeldClock();
  const said: string[] = [];
  const ends: TransferEnd[] = [];
  const asked = Object.entries(options).map(([name, value]) => ({ name, value }));
  const transfer = new Transfer({
    source,
    agreement: negotiate(asked, source.size, { maxBlockBytes: 1468, maxWindowBlocks: 64 }),
    timer: new RetransmissionTimer({ initialMs: 200, floorMs: 10, ceilingMs }),
    clock,
    giveUpMs: 30_000,
    send: (bytes) => {
      const packet = decodeTftp(bytes);
      said.push(packet.kind === 'data' ? String(packet.block) : packet.kind === 'error' ? `ERROR ${packet.code}` : packet.kind);
    },
    onEnd: (end) => void ends.push(end),
  });
  transfer.start();
  return {
    clock,
    transfer,
    ends,
    heard: (): string => said.splice(0).join(' '),
    ack: (block: number): void => transfer.onPacket({ kind: 'ack', block }),
  };
}

describe('a transfer in lock-step (RFC 1350)', () => {
  it('sends one block for each ACK, and ends with the ACK of the short one', () => {
    const { heard, ack, ends, clock } = begin({ size: 1_200 });
    expect(heard()).toBe('1');
    ack(1);
    expect(heard()).toBe('2');
    ack(2);
    expect(heard()).toBe('3');
    ack(3);
    expect(heard()).toBe('');
    expect(ends).toEqual([{ kind: 'finished', bytes: 1_200 }]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('ends a file of whole blocks with an empty one', () => {
    const { heard, ack, ends } = begin({ size: 1_024 });
    ack(1);
    ack(2);
    expect(heard()).toBe('1 2 3');
    expect(ends).toEqual([]);
    ack(3);
    expect(ends).toEqual([{ kind: 'finished', bytes: 1_024 }]);
  });

  it('sends an empty file as one empty block', () => {
    const { heard, ack, ends } = begin({ size: 0 });
    expect(heard()).toBe('1');
    ack(1);
    expect(ends).toEqual([{ kind: 'finished', bytes: 0 }]);
  });

  it('says nothing to a repeated ACK (RFC 1123 4.2.3.1)', () => {
    const { heard, ack } = begin();
    ack(1);
    heard();
    ack(1);
    ack(1);
    expect(heard()).toBe('');
  });

  it('says nothing to an ACK from the past or of a block that was never sent', () => {
    const { heard, ack, ends } = begin();
    ack(1);
    ack(2);
    heard();
    for (const block of [0, 1, 4, 9_000, 65_535]) ack(block);
    expect(heard()).toBe('');
    expect(ends).toEqual([]);
  });

  it('sends a block again after the wait, and gives no sample for it (Karn)', () => {
    const { clock, heard, ack } = begin();
    heard();
    clock.advance(200);
    expect(heard()).toBe('1');
    clock.advance(100);
    ack(1);
    expect(heard()).toBe('2');
    // Without a sample the wait is still the initial one; a wrong sample of 100 ms would make it 300.
    clock.advance(199);
    expect(heard()).toBe('');
    clock.advance(1);
    expect(heard()).toBe('2');
  });

  it('never waits longer than the negotiated timeout, and less as soon as it has measured (RFC 2349)', () => {
    const { clock, heard, ack } = begin({ ceilingMs: 1_000 });
    heard();
    clock.advance(20);
    ack(1);
    heard();
    clock.advance(60);
    expect(heard()).toBe('2');
    clock.advance(10_000);
    expect(heard().split(' ').length).toBeGreaterThanOrEqual(10);
  });

  it('gives up after the time without an ACK, with an ERROR', () => {
    const { clock, heard, ack, ends } = begin();
    ack(1);
    clock.advance(29_000);
    expect(ends).toEqual([]);
    clock.advance(1_000);
    expect(heard()).toMatch(/ ERROR 0$/);
    expect(ends).toEqual([{ kind: 'aborted', bytes: 512, reason: 'block 2 was not acknowledged for 30 s' }]);
    clock.advance(60_000);
    expect(heard()).toBe('');
    expect(clock.pendingTimers).toBe(0);
  });

  it('soon leaves a pause in which the timer of a client runs out: atftp ignores what is repeated to it and waits 5 s', () => {
    const { clock, heard, ack } = begin({ ceilingMs: 8_000 });
    clock.advance(1);
    ack(1);
    let quietMs = 0;
    let passedMs = 0;
    heard();
    for (; quietMs < 5_100 && passedMs < 30_000; passedMs += 10) {
      clock.advance(10);
      quietMs = heard() === '' ? quietMs + 10 : 0;
    }
    expect(passedMs).toBeLessThan(8_000);
  });

  it('backs off: a client that is gone costs few packets', () => {
    const { clock, heard } = begin();
    clock.advance(60_000);
    expect(heard().split(' ').length).toBeLessThan(16);
  });
});

describe('a transfer with options (RFC 2347)', () => {
  it('begins with the OACK and sends block 1 for ACK 0', () => {
    const { heard, ack } = begin({ options: { tsize: '0' } });
    expect(heard()).toBe('oack');
    ack(1);
    expect(heard()).toBe('');
    ack(0);
    expect(heard()).toBe('1');
    ack(0);
    expect(heard()).toBe('');
  });

  it('repeats a lost OACK, with patience: atftp takes the second one for an error', () => {
    const { clock, heard } = begin({ options: { tsize: '0' } });
    heard();
    clock.advance(499);
    expect(heard()).toBe('');
    clock.advance(1);
    expect(heard()).toBe('oack');
    clock.advance(10_000);
    expect(heard()).toMatch(/^oack( oack){2,7}$/);
  });

  it('repeats the OACK at once for a client that asks again, but not for a duplicate of the network', () => {
    const { clock, heard, transfer } = begin({ options: { tsize: '0' } });
    heard();
    clock.advance(1);
    transfer.onRepeatedRequest();
    expect(heard()).toBe('');
    clock.advance(249);
    transfer.onRepeatedRequest();
    expect(heard()).toBe('oack');
    transfer.onPacket({ kind: 'ack', block: 0 });
    heard();
    transfer.onRepeatedRequest();
    expect(heard()).toBe('');
  });

  it('takes no sample from an OACK that was sent twice (Karn)', () => {
    const { clock, heard, ack } = begin({ options: { tsize: '0' } });
    clock.advance(500);
    clock.advance(10);
    ack(0);
    heard();
    // A sample of 10 ms would send block 1 again after 30.
    clock.advance(199);
    expect(heard()).toBe('');
  });

  it('ends without a word when the client wanted only the size (ERROR 8 of EDK2)', () => {
    const { transfer, heard, ends } = begin({ options: { tsize: '0' } });
    heard();
    transfer.onPacket({ kind: 'error', code: 8, message: 'User aborted\nthe transfer' });
    expect(heard()).toBe('');
    expect(ends).toEqual([{ kind: 'aborted', bytes: 0, reason: 'the client said ERROR 8: User aborted the transfer' }]);
  });

  it('ends a transfer into which the client sends DATA (ERROR 4)', () => {
    const { transfer, heard, ends } = begin();
    heard();
    transfer.onPacket({ kind: 'data', block: 1, bytes: Uint8Array.of(1) });
    expect(heard()).toBe('ERROR 4');
    expect(ends[0]).toMatchObject({ kind: 'aborted' });
  });
});

describe('a transfer with a window (RFC 7440)', () => {
  const options = { windowsize: '4' };
  const windowed = (): ReturnType<typeof begin> => {
    const begun = begin({ size: 10_000, options });
    begun.heard();
    begun.clock.advance(10);
    begun.ack(0);
    return begun;
  };

  it('sends a window for each ACK', () => {
    const { heard, ack } = windowed();
    expect(heard()).toBe('1 2 3 4');
    ack(4);
    expect(heard()).toBe('5 6 7 8');
  });

  it('goes on behind the block that the client names after a gap', () => {
    const { heard, ack } = windowed();
    heard();
    ack(2);
    expect(heard()).toBe('3 4 5 6');
  });

  it('sends the window again, once, when its first block was lost', () => {
    const { clock, heard, ack } = windowed();
    heard();
    clock.advance(10);
    ack(0);
    expect(heard()).toBe('1 2 3 4');
    clock.advance(10);
    ack(0);
    expect(heard()).toBe('');
  });

  it('takes an ACK that comes twice at once for a duplicate of the network', () => {
    const { heard, ack } = windowed();
    heard();
    ack(0);
    expect(heard()).toBe('');
  });

  it('accepts the ACK of blocks that it sent before it went back', () => {
    const { clock, heard, ack } = windowed();
    clock.advance(100);
    heard();
    ack(4);
    expect(heard()).toBe('5 6 7 8');
  });

  it('asks with the last block of the window after a timeout, then sends the window', () => {
    const { clock, heard } = windowed();
    heard();
    clock.advance(30);
    expect(heard()).toBe('4');
    clock.advance(30);
    expect(heard()).toBe('1 2 3 4');
  });

  it('sends the window when the client answers that question with the block before it', () => {
    const { clock, heard, ack } = windowed();
    clock.advance(30);
    heard();
    clock.advance(10);
    ack(0);
    expect(heard()).toBe('1 2 3 4');
  });
});

describe('a transfer from a disk', () => {
  it('waits for bytes that are not there yet and goes on when they are', async () => {
    let ready = 1_024;
    const loads: number[] = [];
    const bytes = pattern(3_000);
    const source: BlockSource = {
      ...bytesSource(bytes),
      copy: (offset, into) => offset + into.length <= ready && bytesSource(bytes).copy(offset, into),
      load: (offset) => {
        loads.push(offset);
        ready = 3_000;
        return Promise.resolve();
      },
    };
    const { heard, ack } = begin({ source, options: { windowsize: '4' } });
    heard();
    ack(0);
    expect(heard()).toBe('1 2');
    await Promise.resolve();
    expect(heard()).toBe('3 4');
    expect(loads).toEqual([1_024]);
  });

  it('ends with ERROR 0 and the reason when the file can not be read', async () => {
    let closed = 0;
    const source: BlockSource = {
      size: 3_000,
      copy: () => false,
      load: () => Promise.reject(new Error('EIO')),
      close: () => void closed++,
    };
    const { heard, ends } = begin({ source });
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard()).toBe('ERROR 0');
    expect(ends).toEqual([{ kind: 'aborted', bytes: 0, reason: 'reading the file failed: EIO' }]);
    expect(closed).toBe(1);
  });
});
