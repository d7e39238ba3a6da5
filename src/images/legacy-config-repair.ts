/** What the repair did, in words for the build's log. */
export interface LegacyConfigRepair {
  readonly bytes: Buffer;
  readonly repaired: readonly string[];
  /** Not found in this GRUB's module: what a menu must then do without. */
  readonly unrepaired: readonly string[];
}

/**
 * Repairs GRUB 2's reader of GRUB Legacy menus (`legacycfg.mod`, seen in 2.06 and 2.12): it turns each line into GRUB 2
 * script by a table of texts, and three of those are wrong for menus that machines boot from. Texts are replaced in place by
 * ones of the same length, and only where they occur exactly once: any other module comes back as it was.
 * See docs/decisions/0002-pxegrub-is-grub2.md.
 */
export function repairLegacyConfig(original: Uint8Array): LegacyConfigRepair {
  const bytes = Buffer.from(original);
  const repaired: string[] = [];
  const unrepaired: string[] = [];
  const note = (done: boolean, what: string): void => void (done ? repaired : unrepaired).push(what);
  // No line ends after `fi`, so the next command sticks to it and the whole title is a syntax error.
  note(
    replaceOnce(bytes, 'if ! authenticate legacy; then return; fi\0', 'if ! authenticate legacy;then return;fi\n\0'),
    '`lock` before another command',
  );
  // `[ "" = ]` is false, so nobody ever becomes superuser and the password protects nothing.
  note(replaceOnce(bytes, 'if [ "$superusers" =  ]; then', 'if [ -z "$superusers" ]; then'), '`password` protects the menu');
  note(addTftpServer(bytes), '`tftpserver` names another server');
  return { bytes, repaired, unrepaired };
}

/** GRUB 2 knows no `tftpserver`. The entry of `savedefault` becomes it: what is booted over TFTP has nowhere to save to. */
function addTftpServer(bytes: Buffer): boolean {
  const name = onlyOffsetOf(bytes, '\0savedefault\0');
  const script = onlyOffsetOf(bytes, '\0saved_entry=${chosen}; save_env saved_entry\n\0');
  const stringsAt = script === undefined ? undefined : sectionStart(bytes, script);
  if (name === undefined || script === undefined || stringsAt === undefined) return false;
  const entry = tableEntry(bytes, name + 1 - stringsAt, script + 1 - stringsAt);
  if (entry === undefined) return false;
  writePadded(bytes, name + 1, 'savedefault'.length, 'tftpserver');
  writePadded(bytes, script + 1, 'saved_entry=${chosen}; save_env saved_entry\n'.length, 'net_default_server=%s\n');
  bytes.writeUInt32LE(1, entry + argumentCountAt);
  return true;
}

/** struct legacy_command: name, script, two words for suffixes, number of arguments, four kinds of argument, flags, two help texts. */
const argumentCountAt = 16;

/** The entry whose first words are these two texts; the relocation section keeps their offsets in place (ELF32 REL). */
function tableEntry(bytes: Buffer, name: number, script: number): number | undefined {
  const found: number[] = [];
  for (let at = 0; at + argumentCountAt + 4 <= bytes.length; at += 4) {
    if (bytes.readUInt32LE(at) === name && bytes.readUInt32LE(at + 4) === script) found.push(at);
  }
  const [entry] = found;
  return found.length === 1 && entry !== undefined && bytes.readUInt32LE(entry + argumentCountAt) === 0 ? entry : undefined;
}

/** Where the ELF32 section that holds `offset` begins in the file. */
function sectionStart(bytes: Buffer, offset: number): number | undefined {
  if (bytes.length < 52 || bytes.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const table = bytes.readUInt32LE(32);
  const entrySize = bytes.readUInt16LE(46);
  const count = bytes.readUInt16LE(48);
  if (table + entrySize * count > bytes.length) return undefined;
  for (let index = 0; index < count; index++) {
    const start = bytes.readUInt32LE(table + index * entrySize + 16);
    const size = bytes.readUInt32LE(table + index * entrySize + 20);
    if (offset >= start && offset < start + size) return start;
  }
  return undefined;
}

function replaceOnce(bytes: Buffer, from: string, to: string): boolean {
  const at = onlyOffsetOf(bytes, from);
  if (at !== undefined) bytes.write(to, at, 'latin1');
  return at !== undefined;
}

function onlyOffsetOf(bytes: Buffer, text: string): number | undefined {
  const at = bytes.indexOf(text, 0, 'latin1');
  return at >= 0 && bytes.indexOf(text, at + 1, 'latin1') < 0 ? at : undefined;
}

function writePadded(bytes: Buffer, at: number, length: number, text: string): void {
  bytes.fill(0, at, at + length);
  bytes.write(text, at, 'latin1');
}
