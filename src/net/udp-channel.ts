import type { Ipv4 } from '../model/ipv4.ts';

export interface UdpPeer {
  readonly address: Ipv4;
  readonly port: number;
}

/** One bound UDP socket, real or of the in-memory LAN. Its local address is the one that peers see. */
export interface UdpChannel {
  readonly local: UdpPeer;
  /** The buffer belongs to the listener. Set it once, before the first datagram can come. */
  onDatagram(listener: (bytes: Uint8Array, from: UdpPeer) => void): void;
  /** Failures of the socket after it was bound: a vanished interface, an unreachable peer. Never thrown by `send`. */
  onError(listener: (error: Error) => void): void;
  /** Hands the bytes to the kernel; they may be reused when it returns. */
  send(bytes: Uint8Array, to: UdpPeer): void;
  close(): Promise<void>;
}

/** Where sockets come from: the machine's kernel, or the in-memory LAN of the tests. */
export interface UdpNetwork {
  /** Hears broadcasts on one interface and sends them out by it (SO_BINDTODEVICE, SO_REUSEADDR, SO_BROADCAST). */
  bindInterface(name: string, port: number): Promise<UdpChannel>;
  /** One local address, so that answers leave from the address that was asked. Port 0 takes a free one. */
  bindAddress(address: Ipv4, port: number): Promise<UdpChannel>;
}
