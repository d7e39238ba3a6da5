/** What one broker bears, of all its clients and of each. */
export interface BrokerLimits {
  readonly connections: number;
  readonly connectionsOfAddress: number;
  /** Connections that have not shown who they are: beyond these the oldest is closed. */
  readonly strangers: number;
  /** From the first packet of TCP to a CONNECT with the right password. */
  readonly authenticateSeconds: number;
  /** Of a packet. */
  readonly packetBytes: number;
  /** Of a CONNECT, with its will. */
  readonly connectBytes: number;
  readonly subscriptionsOfClient: number;
  /** Of all kinds, acknowledgements too. */
  readonly packetsPerSecond: number;
  readonly packetBurst: number;
  readonly bytesPerSecond: number;
  readonly byteBurst: number;
  /** Who has sent more than that for so long, though slowed down to it, is disconnected. */
  readonly floodSeconds: number;
  /** What waits for one slow subscriber, and for all of them. */
  readonly queuedBytesOfClient: number;
  readonly queuedBytes: number;
  readonly retainedMessages: number;
  readonly retainedBytes: number;
  /** What waits for each listener in this process; beyond it the clients that publish wait. */
  readonly localMessages: number;
  readonly localBytes: number;
}

const kib = 1024;
const mib = 1024 * kib;

export const brokerLimits: BrokerLimits = {
  connections: 1024,
  connectionsOfAddress: 32,
  strangers: 256,
  authenticateSeconds: 5,
  packetBytes: 512 * kib + 4 * kib,
  connectBytes: 16 * kib,
  subscriptionsOfClient: 100,
  packetsPerSecond: 100,
  packetBurst: 1000,
  bytesPerSecond: 2 * mib,
  byteBurst: 8 * mib,
  floodSeconds: 10,
  queuedBytesOfClient: 4 * mib,
  queuedBytes: 128 * mib,
  retainedMessages: 4096,
  retainedBytes: 16 * mib,
  localMessages: 4096,
  localBytes: 32 * mib,
};
