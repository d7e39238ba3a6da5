import type { BootDecision } from '../model/boot-decision.ts';
import { broadcastAddress, formatIpv4, netmask } from '../model/ipv4.ts';
import type { Subnet } from '../model/subnet.ts';
import { optionCode } from './option-code.ts';
import { addressesValue, readText, textValue, u32Value } from './option-value.ts';
import type { DhcpOptions, DhcpPacket } from './packet.ts';

/**
 * The PXE option space (PXE 2.1, 2.2.1) as every farm since etherboot has sent it: no multicast TFTP (tag 1, 0.0.0.0), and
 * discovery control 8 (tag 6): boot the file that the offer names, ask nobody else.
 */
const pxeVendorOptions = Uint8Array.of(1, 4, 0, 0, 0, 0, 6, 1, 8, 255);
/** iPXE's 176 within 175: do not wait three seconds for a ProxyDHCP server. */
const ipxeNoProxyDhcp = Uint8Array.of(176, 1, 1);

/** Lease times: only where the reply gives an address (RFC 2131 4.3.5 forbids them in answers to INFORM). */
export function addLeaseTimes(options: Map<number, Uint8Array>, leaseSeconds: number): void {
  options.set(optionCode.leaseSeconds, u32Value(leaseSeconds));
  options.set(optionCode.renewalSeconds, u32Value(Math.floor(leaseSeconds / 2)));
  options.set(optionCode.rebindingSeconds, u32Value(Math.floor((leaseSeconds * 7) / 8)));
}

/** Mask and router for everybody; name servers and names for those who ask, or who do not say what they want. */
export function addNetwork(options: Map<number, Uint8Array>, request: DhcpPacket, subnet: Subnet, hostName: string | undefined): void {
  const list = request.options.get(optionCode.parameterList);
  const isWanted = (code: number): boolean => list === undefined || list.includes(code);
  options.set(optionCode.subnetMask, u32Value(netmask(subnet.cidr.prefixLength)));
  if (subnet.router !== undefined) options.set(optionCode.router, addressesValue([subnet.router]));
  if (subnet.dnsServers.length > 0 && isWanted(optionCode.dnsServers))
    options.set(optionCode.dnsServers, addressesValue(subnet.dnsServers));
  if (subnet.domain !== undefined && isWanted(optionCode.domainName)) options.set(optionCode.domainName, textValue(subnet.domain));
  if (hostName !== undefined && isWanted(optionCode.hostName)) options.set(optionCode.hostName, textValue(hostName));
  if (isWanted(optionCode.broadcastAddress)) {
    options.set(optionCode.broadcastAddress, addressesValue([formatIpv4(broadcastAddress(subnet.cidr))]));
  }
}

/** Boot options go out whatever the parameter list says: GRUB asks for 150 only in its REQUEST, many ROMs never for 43 and 60. */
export function addBoot(options: Map<number, Uint8Array>, request: DhcpPacket, subnet: Subnet, decision: BootDecision): void {
  if (decision.kind !== 'boot') return;
  addFirmware(options, request.options);
  options.set(optionCode.tftpServerName, textValue(decision.nextServer));
  if (decision.bootFile !== undefined) options.set(optionCode.bootFileName, textValue(decision.bootFile));
  if (decision.menuPath !== undefined) options.set(optionCode.tftpServers, textValue(decision.menuPath));
  else if (subnet.option150 !== undefined) options.set(optionCode.tftpServers, addressesValue(subnet.option150));
  if (subnet.option128 !== undefined) options.set(optionCode.etherboot128, textValue(subnet.option128));
  if (subnet.option129 !== undefined) options.set(optionCode.etherboot129, textValue(subnet.option129));
}

/** What a firmware wants to see before it takes an offer for a boot offer: its own class and its UUID back. */
function addFirmware(options: Map<number, Uint8Array>, request: DhcpOptions): void {
  const classId = readText(request, optionCode.classId) ?? '';
  if (classId.startsWith('HTTPClient')) options.set(optionCode.classId, textValue('HTTPClient'));
  if (classId.startsWith('PXEClient')) {
    options.set(optionCode.classId, textValue('PXEClient'));
    options.set(optionCode.vendorSpecific, pxeVendorOptions);
  }
  const uuid = request.get(optionCode.machineUuid);
  if (uuid !== undefined) options.set(optionCode.machineUuid, uuid);
  if (request.has(optionCode.ipxe)) options.set(optionCode.ipxe, ipxeNoProxyDhcp);
}

/** The client's identifier and the relay's remarks go back unchanged (RFC 6842, RFC 3046 2.2). */
export function addEchoes(options: Map<number, Uint8Array>, request: DhcpOptions): void {
  for (const code of [optionCode.clientId, optionCode.relayAgent]) {
    const value = request.get(code);
    if (value !== undefined) options.set(code, value);
  }
}
