/** What the repair did, in words for the build's log. */
export interface LegacyConfigRepair {
  readonly bytes: Buffer;
  readonly repaired: readonly string[];
  /** Not found in this GRUB's module: what a menu must then do without. */
  readonly unrepaired: readonly string[];
}

/**
 * Repairs GRUB 2's reader of GRUB Legacy menus (`legacycfg.mod`, seen in 2.06 and 2.12): it turns each line into GRUB 2
 * script by a table of texts, and some of that is wrong for menus that machines boot from. Texts are replaced in place by
 * ones of the same length, and only where they occur exactly once: any other module comes back as it was.
 * See docs/decisions/0002-pxegrub-is-grub2.md.
 */
export function repairLegacyConfig(original: Uint8Array): LegacyConfigRepair {
  const bytes = Buffer.from(original);
  const repaired: string[] = [];
  const unrepaired: string[] = [];
  const note = (done: boolean, what: string): void => void (done ? repaired : unrepaired).push(what);
  // No line ends after `fi`, so the next command sticks to it: a syntax error. And `return` leaves no title: the rest runs.
  const lock = 'if ! authenticate legacy; then return; fi\0';
  note(replaceOnce(bytes, lock, 'until authenticate legacy;do true;done\n\0'), '`lock` keeps a title for who has the password');
  // `[ "" = ]` is false, so nobody ever becomes superuser and the password protects nothing.
  note(replaceOnce(bytes, 'if [ "$superusers" =  ]; then', 'if [ -z "$superusers" ]; then'), '`password` protects the menu');
  // All titles but the last may be booted only by the user `legacy`: with a password nothing would boot unattended.
  note(freeTitles(bytes), 'a title without `lock` boots without the password');
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

/**
 * The list of users goes to `grub_normal_add_menu_entry` as `push $"legacy"`. The push stays, of nothing: its relocation is
 * turned to symbol 0, whose value is 0, and the offset of the text to 0.
 */
function freeTitles(bytes: Buffer): boolean {
  const user = onlyOffsetOf(bytes, '\0legacy\0');
  const strings = user === undefined ? undefined : sectionStart(bytes, user);
  if (user === undefined || strings === undefined) return false;
  const pushes = relocationsOfText(bytes).filter(
    ({ place }) => bytes[place - 1] === pushImmediate && bytes.readUInt32LE(place) === user + 1 - strings,
  );
  const [push] = pushes;
  if (push === undefined || pushes.length > 1) return false;
  bytes.writeUInt32LE(0, push.place);
  bytes.writeUInt32LE(R_386_32, push.entry + 4);
  return true;
}

const pushImmediate = 0x68;
const R_386_32 = 1;
const SHT_REL = 9;

/** Where .rel.text stands for an absolute address, and where each of those addresses lies in the file. */
function relocationsOfText(bytes: Buffer): { readonly entry: number; readonly place: number }[] {
  const sections = sectionsOf(bytes);
  const found: { entry: number; place: number }[] = [];
  for (const { type, start, size, info } of sections) {
    const text = type === SHT_REL ? sections[info] : undefined;
    if (text === undefined || (text.flags & SHF_EXECINSTR) === 0) continue;
    for (let entry = start; entry < start + size; entry += 8) {
      const place = text.start + bytes.readUInt32LE(entry);
      if ((bytes.readUInt32LE(entry + 4) & 0xff) === R_386_32 && place >= 1 && place + 4 <= bytes.length) found.push({ entry, place });
    }
  }
  return found;
}

const SHF_EXECINSTR = 4;

/** Where the section that holds `offset` begins in the file. */
function sectionStart(bytes: Buffer, offset: number): number | undefined {
  return sectionsOf(bytes).find(({ start, size }) => offset >= start && offset < start + size)?.start;
}

interface Section {
  readonly type: number;
  readonly flags: number;
  readonly start: number;
  readonly size: number;
  /** For relocations: the section that they are about. */
  readonly info: number;
}

/** The section headers of an ELF32 file; none where it is not one. */
function sectionsOf(bytes: Buffer): Section[] {
  if (bytes.length < 52 || bytes.readUInt32BE(0) !== 0x7f454c46) return [];
  const table = bytes.readUInt32LE(32);
  const entrySize = bytes.readUInt16LE(46);
  const count = bytes.readUInt16LE(48);
  if (entrySize < 40 || table + entrySize * count > bytes.length) return [];
  return Array.from({ length: count }, (_, index) => {
    const word = (field: number): number => bytes.readUInt32LE(table + index * entrySize + field * 4);
    return { type: word(1), flags: word(2), start: word(4), size: word(5), info: word(7) };
  });
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
