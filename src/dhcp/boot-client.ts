import { WireError } from '../bytes/wire-error.ts';
import type { BootClient } from '../model/boot-decision.ts';
import type { LoaderArch } from '../model/boot-profile.ts';
import { macOfBytes } from '../model/mac.ts';
import { optionCode } from './option-code.ts';
import { readText, sized } from './option-value.ts';
import type { DhcpOptions, DhcpPacket } from './packet.ts';

/** IANA's processor architecture types (RFC 4578 2.1 and its registry). IA32 UEFI and others have no loader of ours. */
const archOfType: Readonly<Record<number, LoaderArch>> = {
  0: 'bios',
  7: 'uefi-x64',
  9: 'uefi-x64',
  11: 'uefi-arm64',
  16: 'http-x64',
  19: 'http-arm64',
};

/** What a packet says of its sender. Throws WireError where options 93 or 97 are not as RFC 4578 has them. */
export function bootClientOf(packet: DhcpPacket): BootClient {
  const uuid = machineUuid(packet.options);
  const arch = architecture(packet.options);
  return {
    mac: macOfBytes(packet.chaddr),
    face: faceOf(packet.options),
    ...(uuid === undefined ? {} : { uuid }),
    ...(arch === undefined ? {} : { arch }),
  };
}

function faceOf(options: DhcpOptions): BootClient['face'] {
  const classId = readText(options, optionCode.classId) ?? '';
  if (classId.startsWith('HTTPClient')) return 'firmware-http';
  // iPXE names itself PXEClient as well, so it is looked for first; its user class lacks the length bytes of RFC 3004.
  if (options.has(optionCode.ipxe) || (readText(options, optionCode.userClass) ?? '').includes('iPXE')) return 'ipxe';
  return classId.startsWith('PXEClient') ? 'firmware-pxe' : 'other';
}

/** RFC 4578 2.1: a list of 16-bit types, the first one that we know counts. */
function architecture(options: DhcpOptions): LoaderArch | undefined {
  const value = options.get(optionCode.architecture);
  if (value === undefined) return undefined;
  if (value.length === 0 || value.length % 2 !== 0) {
    throw new WireError('bad-option-length', 0, `option 93 has ${value.length} bytes (RFC 4578 2.1)`);
  }
  for (let at = 0; at < value.length; at += 2) {
    const arch = archOfType[((value[at] ?? 0) << 8) | (value[at + 1] ?? 0)];
    if (arch !== undefined) return arch;
  }
  return undefined;
}

/** RFC 4578 2.3: type 0 and a GUID whose first three fields are little-endian. All 00 and all FF are no identity. */
function machineUuid(options: DhcpOptions): string | undefined {
  const value = sized(options, optionCode.machineUuid, 17);
  if (value === undefined) return undefined;
  const guid = value.subarray(1);
  if (value[0] !== 0 || guid.every((byte) => byte === 0) || guid.every((byte) => byte === 255)) return undefined;
  const hex = Buffer.from([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((at) => guid[at] ?? 0)).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
