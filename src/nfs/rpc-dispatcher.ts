import { ByteReader } from '../bytes/byte-reader.ts';
import { WireError } from '../bytes/wire-error.ts';
import type { Log } from '../log.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { ReplyBatch } from './reply-batch.ts';
import {
  acceptStatus,
  authFlavor,
  authStatus,
  type AuthSys,
  decodeAuthSys,
  decodeCall,
  nobody,
  type RpcCall,
  rpcVersion,
  writeAccepted,
  writeAuthError,
  writeRpcMismatch,
} from './rpc-message.ts';

export type Transport = 'tcp' | 'udp';

/** Where calls come from: the two ends of a connection or of a datagram. */
export interface Caller {
  readonly address: Ipv4;
  /** The same as a number, for access checks. */
  readonly addressNumber: number;
  readonly port: number;
  /** Our own address that was asked. */
  readonly localAddress: Ipv4;
  readonly transport: Transport;
}

/** One call on its way through a procedure. */
export interface Call {
  readonly caller: Caller;
  readonly message: RpcCall;
}

/** Decodes its arguments, acts, writes its results. A WireError from it is answered by GARBAGE_ARGS. */
export type Procedure = (args: ByteReader, reply: ReplyBatch, call: Call) => void;

export interface RpcProgram {
  readonly program: number;
  /** The procedures of each version that we speak, by number; the lowest and highest version are named in a PROG_MISMATCH. */
  readonly versions: Readonly<Record<number, Readonly<Record<number, Procedure>>>>;
}

/** Thrown by {@link credentialOf}: the call is denied, whatever it asks. */
class CredentialError extends Error {
  override readonly name = 'CredentialError';
  readonly status: number;

  constructor(status: number, options?: ErrorOptions) {
    super('the credential cannot be read', options);
    this.status = status;
  }
}

/** Who calls. AUTH_NONE is nobody; a flavor that we do not speak is refused as too weak (RFC 5531 9). */
export function credentialOf(call: RpcCall): AuthSys {
  if (call.credentialFlavor === authFlavor.none) return nobody;
  if (call.credentialFlavor !== authFlavor.sys) throw new CredentialError(authStatus.tooWeak);
  try {
    return decodeAuthSys(call.credential);
  } catch (cause) {
    throw new CredentialError(authStatus.badCredential, { cause });
  }
}

/** Finds the procedure of a call and sees that every call gets exactly one answer. */
export class RpcDispatcher {
  readonly #programs: ReadonlyMap<number, RpcProgram>;
  readonly #log: Log;

  constructor(programs: readonly RpcProgram[], log: Log) {
    this.#programs = new Map(programs.map((program) => [program.program, program]));
    this.#log = log;
  }

  /**
   * Appends the answer to `reply`.
   * @throws WireError, with nothing appended, for bytes that are no RPC call: there is no xid to answer to.
   */
  answer(record: Uint8Array, caller: Caller, reply: ReplyBatch): void {
    const args = new ByteReader(record);
    const message = decodeCall(args);
    reply.begin();
    this.#run(message, args, caller, reply);
    reply.end();
  }

  #run(message: RpcCall, args: ByteReader, caller: Caller, reply: ReplyBatch): void {
    const { xid } = message;
    const { writer } = reply;
    if (message.rpcVersion !== rpcVersion) return writeRpcMismatch(writer, xid);
    const program = this.#programs.get(message.program);
    if (program === undefined) return void writeAccepted(writer, xid, acceptStatus.programUnavailable);
    const procedures = program.versions[message.version];
    if (procedures === undefined) {
      writeAccepted(writer, xid, acceptStatus.programMismatch);
      const versions = Object.keys(program.versions).map(Number);
      writer.u32(Math.min(...versions)).u32(Math.max(...versions));
      return;
    }
    const procedure = procedures[message.procedure];
    if (procedure === undefined) return void writeAccepted(writer, xid, acceptStatus.procedureUnavailable);
    writeAccepted(writer, xid, acceptStatus.success);
    try {
      procedure(args, reply, { caller, message });
    } catch (error) {
      reply.restart();
      if (error instanceof WireError) writeAccepted(writer, xid, acceptStatus.garbageArguments);
      else if (error instanceof CredentialError) writeAuthError(writer, xid, error.status);
      else {
        writeAccepted(writer, xid, acceptStatus.systemError);
        const { program: number, version, procedure: called } = message;
        this.#log.error({ err: error, program: number, version, procedure: called, client: caller.address }, 'an RPC procedure failed');
      }
    }
  }
}
