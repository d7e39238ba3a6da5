import { readFileSync } from 'node:fs';
import { optionCode } from '../../src/dhcp/option-code.ts';
import { readAddress, readU8 } from '../../src/dhcp/option-value.ts';
import { decodeDhcp } from '../../src/dhcp/packet.ts';
import { formatIpv4, type Ipv4 } from '../../src/model/ipv4.ts';
import { macOfBytes, type Mac } from '../../src/model/mac.ts';

/** A DHCP packet as it was on the wire. */
export interface CapturedDhcp {
  /** Since 1970. */
  readonly atMs: number;
  /** Option 53. */
  readonly type: number | undefined;
  readonly mac: Mac;
  readonly yiaddr: Ipv4;
  readonly server?: Ipv4;
}

const fileHeaderBytes = 24;
const recordHeaderBytes = 16;
const ethernetBytes = 14;
const udpBytes = 8;

/** Reads what `tcpdump -w` wrote of UDP ports 67 and 68 on an Ethernet interface (pcap, little-endian microseconds). */
export function readCapture(file: string): readonly CapturedDhcp[] {
  const bytes = readFileSync(file);
  if (bytes.readUInt32LE(0) !== 0xa1b2_c3d4) throw new Error(`${file} is no pcap file that can be read here`);
  const packets: CapturedDhcp[] = [];
  // tcpdump may have been killed in the middle of a record.
  for (let at = fileHeaderBytes; at + recordHeaderBytes <= bytes.length;) {
    const length = bytes.readUInt32LE(at + 8);
    const frame = bytes.subarray(at + recordHeaderBytes, at + recordHeaderBytes + length);
    const atMs = bytes.readUInt32LE(at) * 1000 + bytes.readUInt32LE(at + 4) / 1000;
    at += recordHeaderBytes + length;
    if (frame.length < length) break;
    const ipBytes = ((frame[ethernetBytes] ?? 0) & 15) * 4;
    const { options, chaddr, yiaddr } = decodeDhcp(frame.subarray(ethernetBytes + ipBytes + udpBytes));
    const server = readAddress(options, optionCode.serverId);
    packets.push({
      atMs,
      type: readU8(options, optionCode.messageType),
      mac: macOfBytes(chaddr),
      yiaddr: formatIpv4(yiaddr),
      ...(server !== undefined && { server: formatIpv4(server) }),
    });
  }
  return packets;
}
