import type { ByteReader } from '../bytes/byte-reader.ts';
import type { ByteWriter } from '../bytes/byte-writer.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { ReplyBatch } from './reply-batch.ts';
import type { Procedure, RpcProgram, Transport } from './rpc-dispatcher.ts';
import { readText, writeBoolean, writeText } from './xdr.ts';

/** Portmap version 2 and the part of rpcbind versions 3 and 4 that finds a service (RFC 1833). */

export const portmapProgramNumber = 100_000;
/** Of portmap version 2 (RFC 1833 3.1). */
export const ipProtocol = { tcp: 6, udp: 17 } as const;
export const portmapProcedure = { null: 0, set: 1, unset: 2, getPort: 3, dump: 4 } as const;

/** One service at one port. */
export interface Mapping {
  readonly program: number;
  readonly version: number;
  readonly transport: Transport;
  readonly port: number;
}

export function writeMapping(writer: ByteWriter, { program, version, transport, port }: Mapping): void {
  writer.u32(program).u32(version).u32(ipProtocol[transport]).u32(port);
}

/** Answers from a fixed list. SET and UNSET are refused: nobody registers with us; CALLIT is not offered at all. */
export function portmapProgram(mappings: readonly Mapping[]): RpcProgram {
  const rpcbind = {
    0: () => {},
    1: refuse,
    2: refuse,
    3: getAddress(mappings),
    4: dumpAddresses(mappings),
  };
  return {
    program: portmapProgramNumber,
    versions: {
      2: {
        [portmapProcedure.null]: () => {},
        [portmapProcedure.set]: refuse,
        [portmapProcedure.unset]: refuse,
        [portmapProcedure.getPort]: (args, { writer }) => {
          const [program, version, protocol] = [args.u32('program'), args.u32('version'), args.u32('protocol')];
          args.u32('port');
          args.expectEnd('GETPORT');
          const found = findMapping(mappings, program, version, ({ transport }) => ipProtocol[transport] === protocol);
          writer.u32(found?.port ?? 0);
        },
        [portmapProcedure.dump]: (args, { writer }) => {
          args.expectEnd('DUMP');
          for (const mapping of mappings) {
            writer.u32(1);
            writeMapping(writer, mapping);
          }
          writer.u32(0);
        },
      },
      3: rpcbind,
      // GETVERSADDR, which does not fall back to another version.
      4: { ...rpcbind, 9: getAddress(mappings) },
    },
  };
}

function refuse(_args: ByteReader, { writer }: ReplyBatch): void {
  writeBoolean(writer, false);
}

/** Nothing for a version that we do not have, although rpcbind would name the port of another: the client then asks no further. */
function findMapping(mappings: readonly Mapping[], program: number, version: number, matches: (mapping: Mapping) => boolean) {
  return mappings.find((mapping) => mapping.program === program && mapping.version === version && matches(mapping));
}

function getAddress(mappings: readonly Mapping[]): Procedure {
  return (args, { writer }, { caller }) => {
    const asked = readRpcb(args);
    args.expectEnd('GETADDR');
    const netid = asked.netid === '' ? caller.transport : asked.netid;
    const found = findMapping(mappings, asked.program, asked.version, ({ transport }) => transport === netid);
    writeText(writer, found === undefined ? '' : universalAddress(caller.localAddress, found.port));
  };
}

function dumpAddresses(mappings: readonly Mapping[]): Procedure {
  return (args, { writer }, { caller }) => {
    args.expectEnd('DUMP');
    for (const { program, version, transport, port } of mappings) {
      writer.u32(1).u32(program).u32(version);
      writeText(writer, transport);
      writeText(writer, universalAddress(caller.localAddress, port));
      writeText(writer, 'superuser');
    }
    writer.u32(0);
  };
}

function readRpcb(args: ByteReader) {
  const program = args.u32('program');
  const version = args.u32('version');
  const netid = readText(args, 64, 'netid');
  readText(args, 256, 'address');
  readText(args, 256, 'owner');
  return { program, version, netid };
}

/** RFC 5665 5.2.3.3: the address, then the port's two bytes in decimal. */
function universalAddress(address: Ipv4, port: number): string {
  return `${address}.${port >> 8}.${port & 255}`;
}
