import { expect, it } from 'vitest';
import { repairLegacyConfig } from '../../src/images/legacy-config-repair.ts';

const texts = [
  'savedefault',
  'saved_entry=${chosen}; save_env saved_entry\n',
  'if ! authenticate legacy; then return; fi',
  'legacy',
  'if [ "$superusers" =  ]; then superusers=legacy; fi;\nlegacy_password %s \'%s\'\n',
];

const word = (...values: number[]): Buffer => Buffer.from(new Uint32Array(values).buffer);

/**
 * An ELF32 file as far as the repair looks: code that pushes the address of a text and calls, the relocation of that
 * address, the strings, and one table entry that names the first two by their offsets.
 */
function moduleOf(strings: readonly string[]): Buffer {
  const section = Buffer.from(`\0${strings.map((text) => `${text}\0`).join('')}`, 'latin1');
  const offsetOf = (text: string): number => section.indexOf(`\0${text}\0`, 0, 'latin1') + 1;
  const textAt = 52 + 3 * 40;
  const text = Buffer.concat([
    Buffer.from([0x68]),
    word(offsetOf('legacy')),
    Buffer.from([0xb8]),
    word(offsetOf('legacy')),
    Buffer.from([0x90, 0x90]),
  ]);
  const relocations = word(1, 0x0301, 6, 0x0301);
  const padded = Buffer.concat([section, Buffer.alloc((4 - (section.length % 4)) % 4)]);
  const relocationsAt = textAt + text.length;
  const stringsAt = relocationsAt + relocations.length;
  const header = Buffer.alloc(52);
  header.writeUInt32BE(0x7f454c46, 0);
  header.writeUInt32LE(52, 32);
  header.writeUInt16LE(40, 46);
  header.writeUInt16LE(3, 48);
  const headers = [
    word(0, 1, 4, 0, textAt, text.length, 0, 0, 0, 0),
    word(0, 9, 0, 0, relocationsAt, relocations.length, 0, 0, 0, 0),
    word(0, 1, 0, 0, stringsAt, section.length, 0, 0, 0, 0),
  ];
  const entry = word(offsetOf(strings[0] ?? ''), offsetOf(strings[1] ?? ''), ...Array.from({ length: 10 }, () => 0));
  return Buffer.concat([header, ...headers, text, relocations, padded, entry]);
}

it('keeps locked titles for who has the password, the others for everybody, and makes savedefault into tftpserver', () => {
  const before = moduleOf(texts);
  const { bytes, repaired, unrepaired } = repairLegacyConfig(before);
  expect(unrepaired).toEqual([]);
  expect(repaired).toHaveLength(4);
  expect(bytes.length).toBe(before.length);
  const text = bytes.toString('latin1');
  expect(text).toContain('\0until authenticate legacy;do true;done\n\0');
  expect(text).toContain('if [ -z "$superusers" ]; then superusers=legacy; fi;\n');
  expect(text).toContain('\0tftpserver\0');
  expect(text).toContain('\0net_default_server=%s\n\0');
  // One argument now, where savedefault had none.
  expect(bytes.readUInt32LE(before.length - 48 + 16)).toBe(1);
  // `push $"legacy"` became a push of 0, by a relocation to symbol 0; the other use of the text is as it was.
  const code = 52 + 3 * 40;
  expect(bytes.subarray(code, code + 5).toString('hex')).toBe('6800000000');
  expect(bytes.subarray(code + 5, code + 12).equals(before.subarray(code + 5, code + 12))).toBe(true);
  expect(bytes.subarray(code + 12, code + 28).toString('hex')).toBe('01000000010000000600000001030000');
});

it('leaves a module alone that it does not know, and says what is missing', () => {
  const foreign = moduleOf(['one', 'two']);
  const { bytes, repaired, unrepaired } = repairLegacyConfig(foreign);
  expect(bytes.equals(foreign)).toBe(true);
  expect(repaired).toEqual([]);
  expect(unrepaired).toHaveLength(4);
});

it('leaves a text alone that occurs twice: which one is meant?', () => {
  const { bytes } = repairLegacyConfig(moduleOf([...texts, texts[2] ?? '']));
  expect(bytes.toString('latin1')).not.toContain('until authenticate');
});

it('does not change what it was given', () => {
  const before = moduleOf(texts);
  const copy = Buffer.from(before);
  repairLegacyConfig(before);
  expect(before.equals(copy)).toBe(true);
});
