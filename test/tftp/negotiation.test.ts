import { describe, expect, it } from 'vitest';
import { negotiate } from '../../src/tftp/negotiation.ts';

const limits = { maxBlockBytes: 1468, maxWindowBlocks: 64 };
const size = 1_178_795;

interface Row {
  readonly name: string;
  readonly asked: readonly (readonly [string, string])[];
  readonly answered: readonly (readonly [string, string])[];
  readonly block?: number;
  readonly window?: number;
  readonly timeout?: number;
}

const rows: readonly Row[] = [
  { name: 'no options at all: RFC 1350', asked: [], answered: [] },
  { name: 'a block size that fits', asked: [['blksize', '1432']], answered: [['blksize', '1432']], block: 1432 },
  { name: 'the 191932 of an older GRUB, with what we can', asked: [['blksize', '191932']], answered: [['blksize', '1468']], block: 1468 },
  { name: 'the smallest block (RFC 2348)', asked: [['blksize', '8']], answered: [['blksize', '8']], block: 8 },
  { name: 'a block below 8, by silence', asked: [['blksize', '7']], answered: [] },
  { name: 'the size of the file (RFC 2349)', asked: [['tsize', '0']], answered: [['tsize', '1178795']] },
  { name: 'a timeout, with the same number (RFC 2349)', asked: [['timeout', '6']], answered: [['timeout', '6']], timeout: 6 },
  { name: 'a timeout of 0, by silence', asked: [['timeout', '0']], answered: [] },
  { name: 'a timeout above 255, by silence', asked: [['timeout', '256']], answered: [] },
  { name: 'a window (RFC 7440)', asked: [['windowsize', '16']], answered: [['windowsize', '16']], window: 16 },
  { name: 'a window beyond ours, with ours', asked: [['windowsize', '65535']], answered: [['windowsize', '64']], window: 64 },
  { name: 'a window of 0, by silence', asked: [['windowsize', '0']], answered: [] },
  {
    name: 'numbers that are none, by silence',
    asked: [
      ['blksize', '1e3'],
      ['tsize', ''],
      ['timeout', '-1'],
      ['windowsize', '0x10'],
    ],
    answered: [],
  },
  { name: 'names in any case, in their own spelling', asked: [['BlkSize', '1024']], answered: [['BlkSize', '1024']], block: 1024 },
  {
    name: 'an unknown option, by silence (RFC 2347)',
    asked: [
      ['multicast', ''],
      ['tsize', '0'],
    ],
    answered: [['tsize', '1178795']],
  },
  {
    name: 'the first of two that contradict',
    asked: [
      ['blksize', '1024'],
      ['blksize', '512'],
    ],
    answered: [['blksize', '1024']],
    block: 1024,
  },
  {
    name: 'all four, in the order of the request',
    asked: [
      ['tsize', '0'],
      ['timeout', '3'],
      ['blksize', '1468'],
      ['windowsize', '16'],
    ],
    answered: [
      ['tsize', '1178795'],
      ['timeout', '3'],
      ['blksize', '1468'],
      ['windowsize', '16'],
    ],
    block: 1468,
    window: 16,
    timeout: 3,
  },
];

const options = (pairs: Row['asked']): { name: string; value: string }[] => pairs.map(([name, value]) => ({ name, value }));

describe('the negotiation of options', () => {
  it.each(rows)('answers $name', ({ asked, answered, block = 512, window = 1, timeout }) => {
    expect(negotiate(options(asked), size, limits)).toEqual({
      blockBytes: block,
      windowBlocks: window,
      accepted: options(answered),
      ...(timeout === undefined ? {} : { timeoutSeconds: timeout }),
    });
  });
});
