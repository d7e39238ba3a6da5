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
  /** What is registered by us. */
  readonly #held: Mapping[] = [];

  constructor(mappings: readonly Mapping[], port: number, network: Pick<UdpNetwork, 'bindAddress'>) {
    this.#mappings = mappings;
    this.#port = port;
    this.#network = network;
  }

  /** @throws {@link PortmapRegistrationError} where rpcbind does not answer, or another server has the service. */
  async set(): Promise<void> {
    await this.#withRpcbind(async (rpcbind) => {
      // First all questions: what another server has is left alone, and UNSET would take both its transports.
      for (const mapping of this.#mappings) {
        const port = await rpcbind.ask(portmapProcedure.getPort, mapping);
        if (port !== 0 && port !== mapping.port) throw new PortmapRegistrationError(refusal(mapping, port));
      }
      for (const mapping of this.#mappings) {
        // Refused where an earlier process of ours left it behind.
        const isSet = await rpcbind.ask(portmapProcedure.set, mapping);
        const port = isSet === 1 ? mapping.port : await rpcbind.ask(portmapProcedure.getPort, mapping);
        if (port !== mapping.port) throw new PortmapRegistrationError(refusal(mapping, port));
        this.#held.push(mapping);
      }
    });
  }

  /** Takes back what `set` registered. Says nothing where rpcbind is gone: then our services are forgotten as well. */
  async unset(): Promise<void> {
    const held = this.#held.splice(0);
    if (held.length === 0) return;
    try {
      await this.#withRpcbind(async (rpcbind) => {
        // UNSET looks at program and version alone: the second transport's is an empty one.
        for (const mapping of held) await rpcbind.ask(portmapProcedure.unset, mapping);
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

  /** The number that is the answer: 0 or 1 of SET and UNSET, the port of GETPORT. */
  async ask(procedure: number, mapping: Mapping): Promise<number> {
    const writer = new ByteWriter();
    const xid = this.#xid++;
    const noCredential = { credentialFlavor: authFlavor.none, credential: new Uint8Array() };
    encodeCall(writer, { xid, program: portmapProgramNumber, version: 2, procedure, ...noCredential });
    writeMapping(writer, mapping);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const result = await this.#exchange(writer.finish(), xid);
      if (result !== undefined) return result;
    }
    throw new PortmapRegistrationError(`no rpcbind answers on UDP port ${this.#port}: start it, or set nfs.portmap to own`);
  }

  /** `undefined` when no answer came in time. */
  async #exchange(call: Uint8Array, xid: number): Promise<number | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), retryMs);
      this.#onReply = (bytes) => {
        if (bytes.length < 4 || new ByteReader(bytes).u32() !== xid) return;
        clearTimeout(timer);
        resolve(bytes.length >= resultOffset + 4 ? Buffer.from(bytes).readUInt32BE(resultOffset) : 0);
      };
      this.#channel.send(call, { address: loopback, port: this.#port });
    });
  }
}

function refusal({ program, version, transport, port }: Mapping, otherPort: number): string {
  const service = `program ${program} version ${version} on ${transport} port ${port}`;
  const reason =
    otherPort === 0 ? '' : `: it has port ${otherPort} for it; stop that server, or forget it by rpcinfo -d ${program} ${version}`;
  return `rpcbind refuses to register ${service}${reason}`;
}
