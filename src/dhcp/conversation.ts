import type { BootClient, BootDecision } from '../model/boot-decision.ts';
import { formatIpv4, ipv4Number } from '../model/ipv4.ts';
import type { Subnet } from '../model/subnet.ts';
import type { ClaimState } from './address-rules.ts';
import type { BootAdvisor } from './boot-advisor.ts';
import { bootClientOf } from './boot-client.ts';
import type { LeaseBook } from './lease-book.ts';
import { messageType, optionCode } from './option-code.ts';
import { readAddress, readText, readU8 } from './option-value.ts';
import type { DhcpPacket } from './packet.ts';
import { leaseSecondsOf, nak, offerOrAck } from './reply.ts';

const requestNames = ['DISCOVER', 'REQUEST', 'DECLINE', 'RELEASE', 'INFORM'] as const;
export type RequestName = (typeof requestNames)[number];

/** What came of a packet. `ignored` reasons are for the timeline of the machine. */
export type Outcome =
  | {
      readonly kind: 'reply';
      readonly message: 'OFFER' | 'ACK' | 'NAK';
      readonly packet: DhcpPacket;
      readonly address?: string;
      readonly reason: string;
    }
  /** Nothing is sent back. The reasons are a closed set: their lines in the log are counted by them. */
  | { readonly kind: 'done'; readonly address: string; readonly reason: string }
  | { readonly kind: 'ignored'; readonly reason: string }
  /** The client took the offer of another DHCP server. */
  | { readonly kind: 'foreign'; readonly server: string; readonly address?: string; readonly reason: string };

export interface ConversationParts {
  readonly advisor: BootAdvisor;
  readonly book: LeaseBook;
}

interface Question {
  readonly name: RequestName;
  readonly packet: DhcpPacket;
  readonly client: BootClient;
  readonly subnet: Subnet;
}

/** Which of the five questions this is; `undefined` for BOOTP, for answers, and for numbers that no server takes. */
export function requestName(packet: DhcpPacket): RequestName | undefined {
  const type = readU8(packet.options, optionCode.messageType);
  return requestNames.find((name) => messageType[name] === type);
}

/** The server's side of RFC 2131 4.3, one packet at a time. */
export class Conversation {
  readonly #advisor: BootAdvisor;
  readonly #book: LeaseBook;
  /** The newest REQUEST of each client whose lease is being written: its repeats get one answer. */
  readonly #granting = new Map<string, DhcpPacket>();

  constructor({ advisor, book }: ConversationParts) {
    this.#advisor = advisor;
    this.#book = book;
  }

  /** Answers in the same turn, but for a lease that must be written first. Throws WireError for options that are not as they must be. */
  answer(name: RequestName, packet: DhcpPacket, subnet: Subnet): Outcome | Promise<Outcome> {
    const question = { name, packet, client: bootClientOf(packet), subnet };
    switch (name) {
      case 'DISCOVER':
        return this.#discover(question);
      case 'REQUEST':
        return this.#request(question);
      case 'DECLINE':
        return this.#decline(question);
      case 'RELEASE':
        return this.#release(question);
      case 'INFORM':
        return this.#inform(question);
    }
  }

  #discover({ packet, client, subnet }: Question): Outcome {
    const decision = this.#advisor.advise(client, subnet, 'DISCOVER');
    if (decision.kind === 'ignore') return ignored(decision.reason);
    const offer = this.#book.offer(client.mac, subnet, readAddress(packet.options, optionCode.requestedAddress), this.#advisor);
    if (offer.kind === 'none') return ignored(offer.reason);
    const reply = offerOrAck('OFFER', { request: packet, subnet, decision, address: offer.address });
    return { kind: 'reply', message: 'OFFER', packet: reply, address: formatIpv4(offer.address), reason: decision.reason };
  }

  #request(question: Question): Outcome | Promise<Outcome> {
    const { packet, client, subnet } = question;
    const serverId = readAddress(packet.options, optionCode.serverId);
    const requested = readAddress(packet.options, optionCode.requestedAddress);
    if (serverId !== undefined && serverId !== ipv4Number(subnet.serverAddress)) {
      this.#book.withdrawOffer(client.mac, subnet);
      const reason = 'the client took the offer of another DHCP server';
      return { kind: 'foreign', server: formatIpv4(serverId), ...(requested && { address: formatIpv4(requested) }), reason };
    }
    const state = claimState(serverId, requested);
    const named = packet.ciaddr === 0 || state !== 'renewing' ? requested : packet.ciaddr;
    // The client of the npm package dhcp names neither server nor address: it can only mean what we offered it.
    const address = named ?? this.#book.offeredAddress(client.mac, subnet);
    if (address === undefined || address === 0) return ignored('a REQUEST that names no address');
    const decision = this.#advisor.advise(client, subnet, 'REQUEST');
    if (decision.kind === 'ignore') return ignored(decision.reason);
    const claim = this.#book.claim(client.mac, subnet, address, state, this.#advisor);
    switch (claim.kind) {
      case 'unknown':
        return ignored(claim.reason);
      case 'refuse':
        return refusal(packet, subnet, state, claim.reason);
      case 'grant':
        return this.#grant(question, decision, address, state);
    }
  }

  /** RFC 2131 3.1 step 4: the lease is on disk before the ACK is on the wire. */
  async #grant({ packet, client, subnet }: Question, decision: BootDecision, address: number, state: ClaimState): Promise<Outcome> {
    const key = `${subnet.name} ${client.mac} ${address}`;
    const isRepeat = this.#granting.has(key);
    this.#granting.set(key, packet);
    if (isRepeat) return ignored('the lease that it repeats its REQUEST for is being written');
    try {
      const terms = { ...hostNameOf(packet), leaseSeconds: leaseSecondsOf(decision, subnet) };
      const granted = await this.#book.grant(client.mac, subnet, address, terms);
      const newest = this.#granting.get(key) ?? packet;
      if (granted.kind === 'taken') return refusal(newest, subnet, state, granted.reason);
      const reply = offerOrAck('ACK', { request: newest, subnet, decision, address });
      return { kind: 'reply', message: 'ACK', packet: reply, address: formatIpv4(address), reason: decision.reason };
    } finally {
      this.#granting.delete(key);
    }
  }

  #decline({ packet, client, subnet }: Question): Outcome {
    if (isForeign(packet, subnet)) return ignored('a DECLINE for another DHCP server');
    const address = readAddress(packet.options, optionCode.requestedAddress);
    if (address === undefined || !this.#book.decline(client.mac, subnet, address))
      return ignored('a DECLINE of an address that is not its own');
    const text = formatIpv4(address);
    const reason =
      this.#advisor.reservedAddress(client.mac, subnet) === text
        ? 'another host answers on the address that is reserved for this machine: it is offered to it again after ten seconds'
        : 'another host answers on the address: it is left alone for ten minutes, as long as there are others';
    return { kind: 'done', address: text, reason };
  }

  #release({ packet, client, subnet }: Question): Outcome {
    if (isForeign(packet, subnet)) return ignored('a RELEASE for another DHCP server');
    if (!this.#book.release(client.mac, packet.ciaddr)) return ignored('a RELEASE of an address that is not its own');
    return { kind: 'done', address: formatIpv4(packet.ciaddr), reason: 'released' };
  }

  #inform({ packet, client, subnet }: Question): Outcome {
    if (packet.ciaddr === 0) return ignored('an INFORM without an address');
    const decision = this.#advisor.advise(client, subnet, 'INFORM');
    if (decision.kind === 'ignore') return ignored(decision.reason);
    return {
      kind: 'reply',
      message: 'ACK',
      packet: offerOrAck('ACK', { request: packet, subnet, decision, address: 0 }),
      reason: decision.reason,
    };
  }
}

/** RFC 2131 4.3.2: SELECTING names a server, INIT-REBOOT an address in option 50, RENEWING and REBINDING one in ciaddr. */
function claimState(serverId: number | undefined, requested: number | undefined): ClaimState {
  if (serverId !== undefined) return 'selecting';
  return requested === undefined ? 'renewing' : 'init-reboot';
}

/** Only an authoritative server says no: beside another one, the address may well be that one's. */
function refusal(packet: DhcpPacket, subnet: Subnet, state: ClaimState, reason: string): Outcome {
  if (subnet.mode !== 'authoritative') return ignored(`${reason} (${state}; no NAK in mode ${subnet.mode})`);
  return { kind: 'reply', message: 'NAK', packet: nak(packet, subnet, reason), reason };
}

function isForeign(packet: DhcpPacket, subnet: Subnet): boolean {
  const serverId = readAddress(packet.options, optionCode.serverId);
  return serverId !== undefined && serverId !== ipv4Number(subnet.serverAddress);
}

/** As text from a stranger: letters, digits, dots and dashes only, or nothing. */
function hostNameOf(packet: DhcpPacket): { readonly hostName?: string } {
  const hostName = readText(packet.options, optionCode.hostName);
  return hostName !== undefined && /^[\w.-]{1,255}$/.test(hostName) ? { hostName } : {};
}

function ignored(reason: string): Outcome {
  return { kind: 'ignored', reason };
}
