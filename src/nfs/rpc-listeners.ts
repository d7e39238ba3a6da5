import { createServer, type Server, type Socket } from 'node:net';
import { WireError } from '../bytes/wire-error.ts';
import type { Clock, Timer } from '../clock.ts';
import { type Ipv4, ipv4Number, parseIpv4 } from '../model/ipv4.ts';
import type { UdpChannel } from '../net/udp-channel.ts';
import { ReplyBatch } from './reply-batch.ts';
import { type ConnectionLimits, connectionLimits, RpcConnection } from './rpc-connection.ts';
import type { RpcDispatcher } from './rpc-dispatcher.ts';

/** Says why something got no answer. `reason` is of a closed set of texts. */
export type DropReport = (reason: string, client: Ipv4 | undefined, detail: string) => void;

const sweepMs = 10_000;
/** A Linux client with nconnect has at most 16. */
const maxConnectionsPerClient = 64;
const maxConnections = 8192;

/** RPC over TCP on one port, every connection a {@link RpcConnection}. */
export class RpcTcpListener {
  readonly #dispatcher: RpcDispatcher;
  readonly #report: DropReport;
  readonly #clock: Clock;
  readonly #limits: ConnectionLimits;
  readonly #server: Server;
  readonly #connections = new Map<Socket, RpcConnection>();
  readonly #perClient = new Map<Ipv4, number>();
  #sweep: Timer | undefined;

  constructor(
    dispatcher: RpcDispatcher,
    {
      report,
      clock,
      limits = connectionLimits,
    }: { readonly report: DropReport; readonly clock: Clock; readonly limits?: ConnectionLimits },
  ) {
    this.#dispatcher = dispatcher;
    this.#report = report;
    this.#clock = clock;
    this.#limits = limits;
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = maxConnections;
    this.#server.on('drop', (dropped) => report('too many connections', dropped?.remoteAddress, ''));
  }

  /** `reusePort` lets each worker listen on the same port; the kernel spreads connections over them. */
  async start(port: number, reusePort: boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: '0.0.0.0', port, reusePort, backlog: 1024 }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#server.on('error', (error) => this.#report('listener failed', undefined, error.message));
    this.#scheduleSweep();
  }

  async close(): Promise<void> {
    this.#sweep?.cancel();
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    for (const socket of this.#connections.keys()) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    const { remoteAddress: address, remotePort: port, localAddress } = socket;
    socket.on('error', () => socket.destroy());
    if (address === undefined || port === undefined || localAddress === undefined) return void socket.destroy();
    const count = (this.#perClient.get(address) ?? 0) + 1;
    if (count > maxConnectionsPerClient) {
      this.#report('too many connections of one client', address, '');
      return void socket.destroy();
    }
    this.#perClient.set(address, count);
    const caller = { address, addressNumber: ipv4Number(address), port, localAddress, transport: 'tcp' } as const;
    const connection = new RpcConnection(
      this.#dispatcher,
      caller,
      {
        write(parts) {
          socket.cork();
          for (const part of parts) socket.write(part);
          socket.uncork();
        },
        get unsentBytes() {
          return socket.writableLength;
        },
        pause: () => void socket.pause(),
        resume: () => void socket.resume(),
        close: (reason, detail) => {
          this.#report(reason, address, detail);
          if (socket.writableLength > 0 && reason === 'malformed record') socket.destroySoon();
          else socket.destroy();
        },
      },
      { clock: this.#clock, limits: this.#limits },
    );
    this.#connections.set(socket, connection);
    socket.on('data', (chunk: Buffer) => connection.onBytes(chunk));
    socket.on('drain', () => connection.onDrain());
    socket.on('close', () => {
      connection.onClosed();
      this.#connections.delete(socket);
      const left = (this.#perClient.get(address) ?? 1) - 1;
      if (left === 0) this.#perClient.delete(address);
      else this.#perClient.set(address, left);
    });
  }

  #scheduleSweep(): void {
    this.#sweep = this.#clock.after(sweepMs, () => {
      for (const connection of this.#connections.values()) connection.onTimeout();
      this.#scheduleSweep();
    });
  }
}

/**
 * RPC over UDP on one local address: a datagram is a call, and its answer a datagram. Whoever can forge its sender could
 * have the many times longer answers to DUMP sent to anybody, so only these networks are answered.
 */
export function serveRpcDatagrams(
  channel: UdpChannel,
  dispatcher: RpcDispatcher,
  report: DropReport,
  mayAsk: (address: number) => boolean = () => true,
): void {
  channel.onError((error) => report('socket error', undefined, error.message));
  channel.onDatagram((bytes, from) => {
    const addressNumber = parseIpv4(from.address);
    if (addressNumber === undefined || from.port === 0) return report('impossible sender', from.address, `port ${from.port}`);
    if (!mayAsk(addressNumber)) return report('a datagram from no subnet of ours', from.address, '');
    const caller = { ...from, addressNumber, localAddress: channel.local.address, transport: 'udp' } as const;
    const reply = new ReplyBatch(false);
    try {
      dispatcher.answer(bytes, caller, reply);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return report('malformed datagram', from.address, error.message);
    }
    const parts = reply.parts();
    channel.send(parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts), from);
  });
}
