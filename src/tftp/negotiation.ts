import type { TftpOption } from './packet.ts';

/** What the server allows, whatever a client asks for. */
export interface NegotiationLimits {
  /** So that a DATA packet fits the smallest MTU on the way: 1468 for Ethernet's 1500. */
  readonly maxBlockBytes: number;
  readonly maxWindowBlocks: number;
}

/** What a transfer runs with. */
export interface Agreement {
  readonly blockBytes: number;
  readonly windowBlocks: number;
  /** The client's `timeout`: the longest wait before a packet is sent again. */
  readonly timeoutSeconds?: number;
  /** The options for the OACK, in the order and spelling of the request; empty: no OACK, DATA follows at once. */
  readonly accepted: readonly TftpOption[];
}

const defaultBlockBytes = 512;

/**
 * RFC 2347: an option that is unknown, or has a value that its RFC does not allow, is left out of the answer and counts
 * as not asked for. blksize and windowsize are answered with what we can where the client asks for more, as an older
 * GRUB does with `blksize 191932`.
 */
export function negotiate(options: readonly TftpOption[], size: number, limits: NegotiationLimits): Agreement {
  let blockBytes = defaultBlockBytes;
  let windowBlocks = 1;
  let timeoutSeconds: number | undefined;
  const accepted: TftpOption[] = [];
  const seen = new Set<string>();
  for (const { name, value } of options) {
    const key = name.toLowerCase();
    const asked = /^\d{1,10}$/.test(value) ? Number(value) : undefined;
    if (seen.has(key) || asked === undefined) continue;
    seen.add(key);
    switch (key) {
      case 'blksize': // RFC 2348: 8 to 65464
        if (asked < 8) break;
        blockBytes = Math.min(asked, limits.maxBlockBytes);
        accepted.push({ name, value: String(blockBytes) });
        break;
      case 'windowsize': // RFC 7440: 1 to 65535
        if (asked < 1) break;
        windowBlocks = Math.min(asked, limits.maxWindowBlocks);
        accepted.push({ name, value: String(windowBlocks) });
        break;
      case 'timeout': // RFC 2349: 1 to 255 seconds, the answer must be the same number
        if (asked < 1 || asked > 255) break;
        timeoutSeconds = asked;
        accepted.push({ name, value });
        break;
      case 'tsize': // RFC 2349: 0 in a read request
        accepted.push({ name, value: String(size) });
        break;
      default:
    }
  }
  return { blockBytes, windowBlocks, accepted, ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }) };
}
