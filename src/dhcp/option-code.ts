/** Option numbers that we read or write (RFC 2132 unless said otherwise). */
export const optionCode = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  dnsServers: 6,
  hostName: 12,
  domainName: 15,
  broadcastAddress: 28,
  vendorSpecific: 43,
  requestedAddress: 50,
  leaseSeconds: 51,
  overload: 52,
  messageType: 53,
  serverId: 54,
  parameterList: 55,
  message: 56,
  maxMessageSize: 57,
  renewalSeconds: 58,
  rebindingSeconds: 59,
  classId: 60,
  clientId: 61,
  tftpServerName: 66,
  bootFileName: 67,
  /** RFC 3004. */
  userClass: 77,
  /** RFC 3046. */
  relayAgent: 82,
  /** RFC 4578 2.1 to 2.3. */
  architecture: 93,
  networkInterface: 94,
  machineUuid: 97,
  /** Etherboot's, free for a site's own use. */
  etherboot128: 128,
  etherboot129: 129,
  /** Addresses in RFC 5859; the menu's path in GRUB Legacy's pxegrub. */
  tftpServers: 150,
  /** iPXE's own encapsulated options. */
  ipxe: 175,
  end: 255,
} as const;

/** RFC 2132 9.6. */
export const messageType = { DISCOVER: 1, OFFER: 2, REQUEST: 3, DECLINE: 4, ACK: 5, NAK: 6, RELEASE: 7, INFORM: 8 } as const;
