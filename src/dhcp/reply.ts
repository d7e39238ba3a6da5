import type { BootDecision } from '../model/boot-decision.ts';
import { ipv4Number } from '../model/ipv4.ts';
import type { Subnet } from '../model/subnet.ts';
import { messageType, optionCode } from './option-code.ts';
import { readU16, textValue, u32Value, u8Value } from './option-value.ts';
import { BROADCAST_FLAG, encodedLength, fitsFileField, type DhcpPacket } from './packet.ts';
import { addBoot, addEchoes, addLeaseTimes, addNetwork } from './reply-options.ts';

/** RFC 2132 9.10: every client takes a datagram of 576 bytes; option 57 counts its IP and UDP headers too. */
const SMALLEST_DATAGRAM = 576;
const LARGEST_DATAGRAM = 1500;
const IP_AND_UDP_BYTES = 28;

/** Left out in this order where the client cannot take a reply that long. */
const expendable: readonly number[] = [
  optionCode.broadcastAddress,
  optionCode.domainName,
  optionCode.hostName,
  optionCode.rebindingSeconds,
  optionCode.renewalSeconds,
  optionCode.etherboot129,
  optionCode.etherboot128,
  optionCode.tftpServerName,
  optionCode.machineUuid,
  optionCode.dnsServers,
];

export interface ReplyFacts {
  readonly request: DhcpPacket;
  readonly subnet: Subnet;
  readonly decision: BootDecision;
  /** 0 in answers to INFORM. */
  readonly address: number;
}

/** A decision's own time, such as a short one for who waits for an assignment, or else the subnet's. */
export function leaseSecondsOf(decision: BootDecision, subnet: Subnet): number {
  return ('leaseSeconds' in decision ? decision.leaseSeconds : undefined) ?? subnet.leaseSeconds;
}

/** RFC 2131 table 3. */
export function offerOrAck(kind: 'OFFER' | 'ACK', { request, subnet, decision, address }: ReplyFacts): DhcpPacket {
  const options = new Map<number, Uint8Array>();
  addHead(options, kind, subnet);
  if (address !== 0) addLeaseTimes(options, leaseSecondsOf(decision, subnet));
  addNetwork(options, request, subnet, decision.kind === 'boot' || decision.kind === 'local' ? decision.machine.name : undefined);
  addBoot(options, request, subnet, decision);
  addEchoes(options, request.options);
  shorten(options, replyLimit(request));
  const file = decision.kind === 'boot' ? (decision.bootFile ?? '') : '';
  return {
    ...head(request),
    ciaddr: kind === 'ACK' ? request.ciaddr : 0,
    yiaddr: address,
    siaddr: decision.kind === 'boot' ? ipv4Number(decision.nextServer) : 0,
    // A URL that is too long for the field stands in option 67 alone.
    file: fitsFileField(file) ? file : '',
    options,
  };
}

/** A NAK says nothing but no, and why. Through a relay it must be broadcast: the client may be on the wrong network (4.3.2). */
export function nak(request: DhcpPacket, subnet: Subnet, reason: string): DhcpPacket {
  const options = new Map<number, Uint8Array>();
  addHead(options, 'NAK', subnet);
  options.set(optionCode.message, textValue(reason));
  addEchoes(options, request.options);
  return {
    ...head(request),
    flags: request.giaddr === 0 ? request.flags : request.flags | BROADCAST_FLAG,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    file: '',
    options,
  };
}

function head(request: DhcpPacket): Omit<DhcpPacket, 'ciaddr' | 'yiaddr' | 'siaddr' | 'file' | 'options'> {
  const { htype, xid, flags, giaddr, chaddr } = request;
  return { op: 'reply', htype, hops: 0, xid, secs: 0, flags, giaddr, chaddr, sname: '' };
}

function addHead(options: Map<number, Uint8Array>, kind: 'OFFER' | 'ACK' | 'NAK', subnet: Subnet): void {
  options.set(optionCode.messageType, u8Value(messageType[kind]));
  options.set(optionCode.serverId, u32Value(ipv4Number(subnet.serverAddress)));
}

/** How many bytes of DHCP this client takes. */
export function replyLimit(request: DhcpPacket): number {
  const wanted = readU16(request.options, optionCode.maxMessageSize) ?? SMALLEST_DATAGRAM;
  return Math.min(LARGEST_DATAGRAM, Math.max(SMALLEST_DATAGRAM, wanted)) - IP_AND_UDP_BYTES;
}

function shorten(options: Map<number, Uint8Array>, limit: number): void {
  for (const code of expendable) {
    if (encodedLength(options) <= limit) return;
    options.delete(code);
  }
}
