import { describe, expect, it } from 'vitest';
import { WireError } from '../../src/bytes/wire-error.ts';
import { bootClientOf } from '../../src/dhcp/boot-client.ts';
import { decodeDhcp } from '../../src/dhcp/packet.ts';
import { recorded } from '../fixtures/dhcp/recorded.ts';

function saying(options: readonly (readonly [number, string | readonly number[]])[]): ReturnType<typeof bootClientOf> {
  const values = options.map(([code, value]) => [code, Buffer.from(value as string)] as const);
  return bootClientOf({ ...decodeDhcp(recorded('grub-legacy-discover')), options: new Map(values) });
}

describe('bootClientOf', () => {
  it('knows the ROM of QEMU as iPXE on BIOS with the UUID that the machine was started with (RFC 4578 2.3)', () => {
    expect(bootClientOf(decodeDhcp(recorded('qemu-rom-discover')))).toEqual({
      mac: '52:54:00:00:0a:01',
      face: 'ipxe',
      arch: 'bios',
      uuid: '564d9a1c-0102-0304-0506-0708090a0b0c',
    });
  });

  it('knows the UEFI firmware of EDK2 by its class and its type 7', () => {
    expect(bootClientOf(decodeDhcp(recorded('edk2-pxe-discover')))).toEqual({
      mac: '52:54:00:00:0a:01',
      face: 'firmware-pxe',
      arch: 'uefi-x64',
      uuid: '564d9a1c-0102-0304-0506-0708090a0b0c',
    });
  });

  it('takes a UUID of zeros, as the ROM of a machine without one sends it, for none', () => {
    expect(bootClientOf(decodeDhcp(recorded('ipxe-rom-discover')))).toEqual({ mac: '52:54:00:00:00:0c', face: 'ipxe', arch: 'bios' });
  });

  it('takes a UUID of all FF for none', () => {
    expect(saying([[97, [0, ...Array.from({ length: 16 }, () => 255)]]])).not.toHaveProperty('uuid');
  });

  it.each(['grub-legacy-discover', 'dhclient-discover', 'klibc-discover', 'udhcpc-discover'] as const)(
    'takes %s for no firmware',
    (name) => {
      const client = bootClientOf(decodeDhcp(recorded(name)));
      expect(client.face).toBe('other');
      expect(client).not.toHaveProperty('arch');
    },
  );

  it.each([
    { options: [[60, 'PXEClient:Arch:00000:UNDI:002001']], face: 'firmware-pxe' },
    { options: [[60, 'HTTPClient:Arch:00016:UNDI:003000']], face: 'firmware-http' },
    {
      options: [
        [60, 'PXEClient'],
        [77, 'iPXE'],
      ],
      face: 'ipxe',
    },
    {
      options: [
        [60, 'PXEClient'],
        [77, '\u0004iPXE'],
      ],
      face: 'ipxe',
    },
    {
      options: [
        [60, 'PXEClient'],
        [175, [177, 1, 0]],
      ],
      face: 'ipxe',
    },
    { options: [[60, 'MSFT 5.0']], face: 'other' },
    { options: [], face: 'other' },
  ] as const)('sees $face in $options', ({ options, face }) => {
    expect(saying(options).face).toBe(face);
  });

  it.each([
    { types: [0, 0], arch: 'bios' },
    { types: [0, 7], arch: 'uefi-x64' },
    { types: [0, 9], arch: 'uefi-x64' },
    { types: [0, 11], arch: 'uefi-arm64' },
    { types: [0, 16], arch: 'http-x64' },
    { types: [0, 19], arch: 'http-arm64' },
    { types: [0, 6], arch: undefined },
    { types: [0, 6, 0, 7], arch: 'uefi-x64' },
  ])('reads option 93 $types as $arch (RFC 4578 2.1)', ({ types, arch }) => {
    expect(saying([[93, types]]).arch).toBe(arch);
  });

  it.each([
    { code: 97, value: [0, 1, 2, 3, 4], rule: 'RFC 4578 2.3' },
    { code: 93, value: [0], rule: 'RFC 4578 2.1' },
    { code: 93, value: [], rule: 'RFC 4578 2.1' },
  ])('throws WireError for option $code of $value ($rule)', ({ code, value }) => {
    expect(() => saying([[code, value]])).toThrow(WireError);
  });
});
