import type { LoaderArch } from './boot-profile.ts';
import type { Ipv4 } from './ipv4.ts';
import type { Mac } from './mac.ts';

/** A client that asked to boot and is no machine of ours: what an operator needs to know to enrol it. */
export interface UnknownClient {
  readonly mac: Mac;
  readonly uuid?: string;
  readonly arch?: LoaderArch;
  readonly subnet: string;
  /** The one that it was given last. */
  readonly address?: Ipv4;
  /** Wall-clock milliseconds. */
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** Power-ons, not packets. */
  readonly timesSeen: number;
}
