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
  #xid = process.pid;

  constructor(mappings: readonly Mapping[], port: number, network: Pick<UdpNetwork, 'bindAddress'>) {
    this.#mappings = mappings;
    this.#port = port;
    this.#network = network;
  }

  /** @throws {@link PortmapRegistrationError} where rpcbind does not answer, or refuses: another server has the service. */
  async set(): Promise<void> {
    const channel = await this.#network.bindAddress(loopback, 0);
    try {
      for (const mapping of this.#mappings) {
        // What an earlier process of ours left behind would make the SET fail.
        await this.#ask(channel, portmapProcedure.unset, mapping);
        const isSet = await this.#ask(channel, portmapProcedure.set, mapping);
        if (!isSet)
          throw new PortmapRegistrationError(`rpcbind refuses to register ${describe(mapping)}: is another NFS server registered?`);
      }
    } finally {
      await channel.close();
    }
  }

  /** Says nothing where rpcbind is gone: then our services are forgotten as well. */
  async unset(): Promise<void> {
    const channel = await this.#network.bindAddress(loopback, 0);
    try {
      for (const mapping of this.#mappings) await this.#ask(channel, portmapProcedure.unset, mapping);
    } catch (error) {
      if (!(error instanceof PortmapRegistrationError)) throw error;
    } finally {
      await channel.close();
    }
  }

  async #ask(channel: UdpChannel, procedure: number, mapping: Mapping): Promise<boolean> {
    const writer = new ByteWriter();
    const xid = this.#xid++;
    encodeCall(writer, {
      xid,
      program: portmapProgramNumber,
      version: 2,
      procedure,
      credentialFlavor: authFlavor.none,
      credential: new Uint8Array(),
    });
    writeMapping(writer, mapping);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const reply = await exchange(channel, writer.finish(), this.#port, xid);
      if (reply !== undefined) return reply;
    }
    throw new PortmapRegistrationError(`no rpcbind answers on UDP port ${this.#port}: start it, or set nfs.portmap to own`);
  }
}

/** Sends one call; its boolean result, or `undefined` when no answer came in time. */
async function exchange(channel: UdpChannel, call: Uint8Array, port: number, xid: number): Promise<boolean | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), retryMs);
    channel.onDatagram((bytes) => {
      if (bytes.length < 4 || new ByteReader(bytes).u32() !== xid) return;
      clearTimeout(timer);
      resolve(bytes.length >= resultOffset + 4 && Buffer.from(bytes).readUInt32BE(resultOffset) === 1);
    });
    channel.send(call, { address: loopback, port });
  });
}

function describe({ program, version, transport, port }: Mapping): string {
  return `program ${program} version ${version} on ${transport} port ${port}`;
}
