import type { Ipv4 } from './ipv4.ts';
import type { Mac } from './mac.ts';

export type DhcpMessageName = 'DISCOVER' | 'OFFER' | 'REQUEST' | 'DECLINE' | 'ACK' | 'NAK' | 'RELEASE' | 'INFORM';

/** What a protocol server saw or did, told to the boot attempts. `atMs` is the clock's wall time of the packet. */
export type Observation =
  | {
      readonly kind: 'dhcp';
      readonly atMs: number;
      readonly mac: Mac;
      readonly direction: 'received' | 'sent';
      readonly message: DhcpMessageName;
      readonly address?: Ipv4;
      readonly bytes: number;
    }
  /** `opened` after the request was accepted, `finished` after the last acknowledged byte, `aborted` by either side. */
  | {
      readonly kind: 'file';
      readonly atMs: number;
      readonly protocol: 'tftp' | 'http';
      readonly phase: 'opened' | 'finished' | 'aborted' | 'missing' | 'refused';
      readonly clientAddress: Ipv4;
      readonly path: string;
      /** Sent so far. */
      readonly bytes: number;
      /** The whole file's size where it is known. A range request finishes with fewer bytes than that. */
      readonly size?: number;
      readonly reason?: string;
    }
  | {
      readonly kind: 'mount';
      readonly atMs: number;
      readonly clientAddress: Ipv4;
      /** The export as the client named it: `/images/dom0@3`. */
      readonly path: string;
      readonly outcome: 'mounted' | 'refused' | 'missing' | 'unmounted';
    }
  /** The client asked another DHCP server for its address. */
  | {
      readonly kind: 'foreign';
      readonly atMs: number;
      readonly mac: Mac;
      readonly server: Ipv4;
      readonly reason: string;
    }
  /** A packet that got no answer, and why: shown as ignored in the timeline of its machine. */
  | {
      readonly kind: 'ignored';
      readonly atMs: number;
      readonly protocol: 'dhcp' | 'tftp' | 'http' | 'nfs';
      readonly mac?: Mac;
      readonly clientAddress?: Ipv4;
      readonly reason: string;
    };

/** Takes what servers saw. Never throws and never blocks: it is called on the way of a packet. */
export interface BootObserver {
  observe(observation: Observation): void;
}
