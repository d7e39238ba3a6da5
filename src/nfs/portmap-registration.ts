import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import type { UdpChannel, UdpNetwork } from '../net/udp-channel.ts';
import { type Mapping, portmapProcedure, portmapProgramNumber, writeMapping } from './portmap-program.ts';
import { authFlavor, encodeCall } from './rpc-message.ts';

const loopback = '127.0.0.1';
const attempts = 4;
const retryMs = 500;
/** Where the result of an accepted, successful reply starts. */
const resultOffset = 24;

/** The rpcbind that has port 111 does not do as it is asked. */
export class PortmapRegistrationError extends Error {
  override readonly name = 'PortmapRegistrationError';
  readonly code = 'portmap-registration';
}

/** Registers our services with the rpcbind of this machine (PMAP_SET, RFC 1833 3.2), and takes them back. */
export class PortmapRegistration {
  readonly #mappings: readonly Mapping[];
  readonly #port: number;
  readonly #network: Pick<UdpNetwork, 'bindAddress'>;

  constructor(mappings: readonly Mapping[], port: number, network: Pick<UdpNetwork, 'bindAddress'>) {
    this.#mappings = mappings;
    this.#port = port;
    this.#network = network;
  }

  /** @throws {@link PortmapRegistrationError} where rpcbind does not answer, or refuses: another server has the service. */
  async set(): Promise<void> {
    await this.#withRpcbind(async (rpcbind) => {
      // What an earlier process of ours left behind would make the SET fail. UNSET looks at program and version alone.
      for (const mapping of this.#mappings) await rpcbind.ask(portmapProcedure.unset, mapping);
      for (const mapping of this.#mappings) {
        const isSet = await rpcbind.ask(portmapProcedure.set, mapping);
        if (!isSet)
          throw new PortmapRegistrationError(`rpcbind refuses to register ${describe(mapping)}: is another NFS server registered?`);
      }
    });
  }

  /** Says nothing where rpcbind is gone: then our services are forgotten as well. */
  async unset(): Promise<void> {
    try {
      await this.#withRpcbind(async (rpcbind) => {
        for (const mapping of this.#mappings) await rpcbind.ask(portmapProcedure.unset, mapping);
      });
    } catch (error) {
      if (!(error instanceof PortmapRegistrationError)) throw error;
    }
  }

  async #withRpcbind(use: (rpcbind: Rpcbind) => Promise<void>): Promise<void> {
    const channel = await this.#network.bindAddress(loopback, 0);
    try {
      await use(new Rpcbind(channel, this.#port));
    } finally {
      await channel.close();
    }
  }
}

/** Asks one thing after the other over a socket, patiently. */
class Rpcbind {
  readonly #channel: UdpChannel;
  readonly #port: number;
  #xid = process.pid;
  #onReply: (reply: Uint8Array) => void = () => {};

  constructor(channel: UdpChannel, port: number) {
    this.#channel = channel;
    this.#port = port;
    channel.onDatagram((bytes) => this.#onReply(bytes));
    // Nobody on the port: the call then times out, and says so.
    channel.onError(() => {});
  }

  /** The boolean that SET and UNSET answer. */
  async ask(procedure: number, mapping: Mapping): Promise<boolean> {
    const writer = new ByteWriter();
    const xid = this.#xid++;
    const noCredential = { credentialFlavor: authFlavor.none, credential: new Uint8Array() };
    encodeCall(writer, { xid, program: portmapProgramNumber, version: 2, procedure, ...noCredential });
    writeMapping(writer, mapping);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const isDone = await this.#exchange(writer.finish(), xid);
      if (isDone !== undefined) return isDone;
    }
    throw new PortmapRegistrationError(`no rpcbind answers on UDP port ${this.#port}: start it, or set nfs.portmap to own`);
  }

  /** `undefined` when no answer came in time. */
  async #exchange(call: Uint8Array, xid: number): Promise<boolean | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), retryMs);
      this.#onReply = (bytes) => {
        if (bytes.length < 4 || new ByteReader(bytes).u32() !== xid) return;
        clearTimeout(timer);
        resolve(bytes.length >= resultOffset + 4 && Buffer.from(bytes).readUInt32BE(resultOffset) === 1);
      };
      this.#channel.send(call, { address: loopback, port: this.#port });
    });
  }
}

function describe({ program, version, transport, port }: Mapping): string {
  return `program ${program} version ${version} on ${transport} port ${port}`;
}
