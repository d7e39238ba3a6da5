import { readFile } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import type { DropLog } from '../log.ts';
import { WireError } from '../bytes/wire-error.ts';
import type { BootFile } from '../model/boot-file.ts';
import type { Observation } from '../model/boot-trace.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { UdpChannel, UdpNetwork, UdpPeer } from '../net/udp-channel.ts';
import { bytesSource, netascii, type BlockSource } from './block-source.ts';
import type { BootTree } from './boot-tree.ts';
import type { FileChunks } from './file-chunks.ts';
import { negotiate, type NegotiationLimits } from './negotiation.ts';
import { decodeTftp, encodeTftp, errorCode, type TftpPacket, type TftpRequest } from './packet.ts';
import { RetransmissionTimer } from './retransmission-timer.ts';
import { Transfer } from './transfer.ts';

/** What all sessions of a server share. */
export interface SessionParts {
  readonly tree: BootTree;
  readonly network: UdpNetwork;
  readonly clock: Clock;
  readonly drops: DropLog;
  readonly files: FileChunks;
  readonly limits: NegotiationLimits;
  readonly giveUpMs: number;
}

type FileObservation = Extract<Observation, { kind: 'file' }>;
/** What a session tells of its file; the server adds who and when. */
export type Seen = Omit<FileObservation, 'kind' | 'protocol' | 'atMs' | 'clientAddress'>;

export interface SessionEvents {
  observe(seen: Seen): void;
  ended(): void;
}

const firstWaitMs = 200;
const shortestWaitMs = 10;
const longestWaitMs = 8_000;
/** A request that comes again while the transfer moves is a duplicate of the network; after this silence it is a reset machine. */
const resetSilenceMs = 1_000;
const maxNetasciiBytes = 1024 * 1024;

/** One request, from the first packet until its transfer has ended: asks the tree, opens a port, runs the transfer. */
export class Session {
  readonly #parts: SessionParts;
  readonly #listener: UdpChannel;
  readonly #request: TftpRequest;
  readonly #client: UdpPeer;
  readonly #events: SessionEvents;
  #transfer: Transfer | undefined;
  #channel: UdpChannel | undefined;
  #closed: Promise<void> | undefined;

  constructor(parts: SessionParts, listener: UdpChannel, request: TftpRequest, client: UdpPeer, events: SessionEvents) {
    this.#parts = parts;
    this.#listener = listener;
    this.#request = request;
    this.#client = client;
    this.#events = events;
  }

  get serverAddress(): Ipv4 {
    return this.#listener.local.address;
  }

  /** The client has not acknowledged anything yet. */
  get untouched(): boolean {
    return this.#transfer?.untouched ?? true;
  }

  /** Whether a request from the same client port is this one again: then it is answered here and begins nothing. */
  repeats(request: TftpRequest): boolean {
    if (JSON.stringify(request) !== JSON.stringify(this.#request)) return false;
    if (this.#transfer === undefined) return true;
    if (!this.#transfer.untouched) return this.#transfer.silentMs < resetSilenceMs;
    this.#transfer.onRepeatedRequest();
    return true;
  }

  async run(): Promise<void> {
    let source: BlockSource | undefined;
    try {
      const { clientAddress, path } = { clientAddress: this.#client.address, path: this.#request.path };
      const file = await this.#parts.tree.open({ protocol: 'tftp', clientAddress, serverAddress: this.serverAddress, path });
      if (this.#closed !== undefined) return;
      if (file.kind === 'missing' || file.kind === 'refused') {
        this.#refuse(file.kind, file.reason);
        return;
      }
      source = await this.#source(file);
      if (source === undefined) return;
      const channel = await this.#parts.network.bindAddress(this.serverAddress, 0);
      if (this.#closed !== undefined) {
        source.close();
        await channel.close();
        return;
      }
      this.#begin(source, channel);
    } catch (error) {
      source?.close();
      const reason = error instanceof Error ? error.message : String(error);
      this.#parts.drops.drop('open-failed', { client: this.#client.address, error: reason });
      this.#refuse('aborted', reason);
    }
  }

  /** Ends the session; the client is told where `tell` is set. Resolves when its port is closed. */
  close(reason: string, tell = true): Promise<void> {
    if (this.#closed !== undefined) return this.#closed;
    if (this.#transfer === undefined) {
      if (tell) this.#listener.send(encodeTftp({ kind: 'error', code: errorCode.undefined, message: reason }), this.#client);
      this.#finish();
    } else this.#transfer.abort(reason, errorCode.undefined, tell ? reason : undefined);
    return this.#closed ?? Promise.resolve();
  }

  async #source(file: Extract<BootFile, { kind: 'rendered' | 'static' }>): Promise<BlockSource | undefined> {
    if (this.#request.mode.toLowerCase() === 'octet') {
      return file.kind === 'rendered' ? bytesSource(file.bytes) : await this.#parts.files.open(file);
    }
    if (file.kind === 'rendered') return bytesSource(netascii(file.bytes));
    if (file.size <= maxNetasciiBytes) return bytesSource(netascii(await readFile(file.file)));
    this.#refuse('refused', `netascii is for texts up to ${maxNetasciiBytes} bytes: ask in octet mode`);
    return undefined;
  }

  #begin(source: BlockSource, channel: UdpChannel): void {
    const { clock, limits, giveUpMs, drops } = this.#parts;
    const { path } = this.#request;
    const agreement = negotiate(this.#request.options, source.size, limits);
    const ceilingMs = agreement.timeoutSeconds === undefined ? longestWaitMs : agreement.timeoutSeconds * 1000;
    const timer = new RetransmissionTimer({ initialMs: firstWaitMs, floorMs: shortestWaitMs, ceilingMs });
    const transfer = new Transfer({
      source,
      agreement,
      timer,
      clock,
      giveUpMs,
      send: (bytes) => channel.send(bytes, this.#client),
      onEnd: (end) => {
        const reason = end.kind === 'aborted' ? { reason: end.reason } : {};
        this.#events.observe({ phase: end.kind, path, bytes: end.bytes, size: source.size, ...reason });
        this.#finish();
      },
    });
    this.#channel = channel;
    this.#transfer = transfer;
    channel.onError((error) => drops.drop('socket-error', { client: this.#client.address, error: error.message }));
    channel.onDatagram((bytes, from) => this.#receive(bytes, from));
    this.#events.observe({ phase: 'opened', path, bytes: 0, size: source.size });
    transfer.start();
  }

  #receive(bytes: Uint8Array, from: UdpPeer): void {
    if (from.port !== this.#client.port || from.address !== this.#client.address) {
      // RFC 1350 4: a stranger gets an ERROR and the transfer goes on. An ERROR is never answered.
      if (bytes[1] !== 5) {
        this.#channel?.send(encodeTftp({ kind: 'error', code: errorCode.unknownTransfer, message: 'not your transfer' }), from);
      }
      this.#parts.drops.drop('unknown-transfer', { client: from.address, port: from.port });
      return;
    }
    let packet: TftpPacket;
    try {
      packet = decodeTftp(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#parts.drops.drop(`malformed-${error.code}`, { client: from.address, port: from.port, detail: error.message });
      return;
    }
    this.#transfer?.onPacket(packet);
  }

  #refuse(phase: 'missing' | 'refused' | 'aborted', reason: string): void {
    if (this.#closed !== undefined) return;
    const { code, message } = {
      missing: { code: errorCode.fileNotFound, message: 'file not found' },
      refused: { code: errorCode.accessViolation, message: 'access refused' },
      aborted: { code: errorCode.undefined, message: 'the server can not open the file' },
    }[phase];
    this.#listener.send(encodeTftp({ kind: 'error', code, message }), this.#client);
    this.#events.observe({ phase, path: this.#request.path, bytes: 0, reason });
    this.#finish();
  }

  #finish(): void {
    this.#closed = this.#channel?.close() ?? Promise.resolve();
    this.#events.ended();
  }
}
