/** How surely a message arrives: 1 is at least once and in order for each topic (MQTT 3.1.1, 4.3 and 4.6). */
export type Qos = 0 | 1;

export interface BusMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** It was published before this subscription, and kept. */
  readonly retained: boolean;
}

export interface PublishOptions {
  /** 1 where nothing is said. 0 is for what is worthless when it is late: it is not kept while there is no connection. */
  readonly qos?: Qos;
  /** The broker keeps it for who subscribes later; an empty payload removes it. */
  readonly retain?: boolean;
}

export type BusState = { readonly kind: 'connected' } | { readonly kind: 'disconnected'; readonly reason: string };

/**
 * A connection to a message bus with MQTT's semantics, whatever the broker is. It reconnects by itself, with its subscriptions;
 * what was published with QoS 1 and not acknowledged is sent again.
 */
export interface Bus {
  readonly state: BusState;
  /**
   * Resolves when the broker has taken it (QoS 1), or when it is on its way (QoS 0).
   * @throws BusError `too-large`, `queue-full` (too much waits for the broker), `refused`, `closed`, or `unreachable` (QoS 0 only)
   */
  publish(topic: string, payload: Uint8Array, options?: PublishOptions): Promise<void>;
  /**
   * Hears a topic filter (`+`, `#`) until the subscription is closed. Messages of one topic come in order, one at a time: the next is
   * handed over when the promise of the one before has settled, so a slow listener slows its own queue and nobody else's.
   * Resolves when the broker has granted it, or, while there is no connection, at once: then it is asked for with the next one, before
   * the state becomes `connected`. Of two overlapping filters each hears a message once at least; it may hear it twice.
   * @throws BusError `refused`, `closed`
   */
  subscribe(filter: string, listener: (message: BusMessage) => void | Promise<void>): Promise<BusSubscription>;
  /** Called at once with the state that is, then with each change. Returns what ends that. */
  onState(listener: (state: BusState) => void): () => void;
  /** Publishes what is still queued, for at most a second; the will is not published. */
  close(): Promise<void>;
}

export interface BusSubscription {
  close(): Promise<void>;
}

/** What the broker publishes when a connection ends without goodbye. */
export interface BusWill {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
}

export type BusErrorCode = 'too-large' | 'queue-full' | 'refused' | 'closed' | 'unreachable';

export class BusError extends Error {
  readonly code: BusErrorCode;

  constructor(code: BusErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BusError';
    this.code = code;
  }
}
