import { expect, it } from 'vitest';
import { repairLegacyConfig } from '../../src/images/legacy-config-repair.ts';

const texts = [
  'savedefault',
  'saved_entry=${chosen}; save_env saved_entry\n',
  'if ! authenticate legacy; then return; fi',
  'if [ "$superusers" =  ]; then superusers=legacy; fi;\nlegacy_password %s \'%s\'\n',
];

/** An ELF32 file of one section of strings, with one table entry that names the first two by their offsets in it. */
function moduleOf(strings: readonly string[]): Buffer {
  const stringsAt = 52 + 40;
  const section = Buffer.from(`\0${strings.map((text) => `${text}\0`).join('')}`, 'latin1');
  const padded = Buffer.concat([section, Buffer.alloc((4 - (section.length % 4)) % 4)]);
  const header = Buffer.alloc(stringsAt);
  header.writeUInt32BE(0x7f454c46, 0);
  header.writeUInt32LE(52, 32);
  header.writeUInt16LE(40, 46);
  header.writeUInt16LE(1, 48);
  header.writeUInt32LE(stringsAt, 52 + 16);
  header.writeUInt32LE(section.length, 52 + 20);
  const entry = Buffer.alloc(48);
  entry.writeUInt32LE(1, 0);
  entry.writeUInt32LE(1 + (strings[0]?.length ?? 0) + 1, 4);
  return Buffer.concat([header, padded, entry]);
}

it('ends the line of lock, asks rightly whether there is a superuser, and makes savedefault into tftpserver', () => {
  const before = moduleOf(texts);
  const { bytes, repaired, unrepaired } = repairLegacyConfig(before);
  expect(unrepaired).toEqual([]);
  expect(repaired).toHaveLength(3);
  expect(bytes.length).toBe(before.length);
  const text = bytes.toString('latin1');
  expect(text).toContain('\0if ! authenticate legacy;then return;fi\n\0');
  expect(text).toContain('if [ -z "$superusers" ]; then superusers=legacy; fi;\n');
  expect(text).toContain('\0tftpserver\0');
  expect(text).toContain('\0net_default_server=%s\n\0');
  // One argument now, where savedefault had none.
  expect(bytes.readUInt32LE(before.length - 48 + 16)).toBe(1);
});

it('leaves a module alone that it does not know, and says what is missing', () => {
  const foreign = moduleOf(['one', 'two']);
  const { bytes, repaired, unrepaired } = repairLegacyConfig(foreign);
  expect(bytes.equals(foreign)).toBe(true);
  expect(repaired).toEqual([]);
  expect(unrepaired).toEqual(['`lock` before another command', '`password` protects the menu', '`tftpserver` names another server']);
});

it('leaves a text alone that occurs twice: which one is meant?', () => {
  const { bytes } = repairLegacyConfig(moduleOf([...texts, texts[2] ?? '']));
  expect(bytes.toString('latin1')).not.toContain('then return;fi\n');
});

it('does not change what it was given', () => {
  const before = moduleOf(texts);
  const copy = Buffer.from(before);
  repairLegacyConfig(before);
  expect(before.equals(copy)).toBe(true);
});
