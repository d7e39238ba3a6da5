import type { Clock, Timer } from '../clock.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { LeaseBook } from './lease-book.ts';

/** How long another server of ours may take until we hear of what it gave. */
const NEWS_MS = 3000;
/** Whoever names servers that do not exist fills no memory. */
const maxServers = 32;

/** A client that took another server's offer. */
export interface ForeignChoice {
  readonly server: Ipv4;
  readonly mac: Mac;
  readonly subnet: string;
  readonly address?: Ipv4;
}

export interface PeerServersParts {
  readonly book: Pick<LeaseBook, 'isShared' | 'isElsewhere'>;
  readonly clock: Clock;
  /** It is none of ours. */
  readonly stranger: (choice: ForeignChoice) => void;
}

/** Tells other servers on our store from strangers: what one of ours acknowledges stands in the store a moment later. */
export class PeerServers {
  readonly #parts: PeerServersParts;
  readonly #peers = new Set<Ipv4>();
  readonly #looking = new Map<Ipv4, Timer>();

  constructor(parts: PeerServersParts) {
    this.#parts = parts;
  }

  isPeer(server: Ipv4): boolean {
    return this.#peers.has(server);
  }

  /** Judges by one client at a time, later where the store is shared. */
  chosen(choice: ForeignChoice): void {
    const { book, clock, stranger } = this.#parts;
    const { server, mac, address } = choice;
    if (this.#peers.has(server) || this.#looking.has(server)) return;
    if (!book.isShared || address === undefined || this.#looking.size >= maxServers) return stranger(choice);
    const timer = clock.after(NEWS_MS, () => {
      this.#looking.delete(server);
      if (!book.isElsewhere(mac, address)) return stranger(choice);
      if (this.#peers.size < maxServers) this.#peers.add(server);
    });
    this.#looking.set(server, timer);
  }

  close(): void {
    for (const timer of this.#looking.values()) timer.cancel();
    this.#looking.clear();
  }
}
