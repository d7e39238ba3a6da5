/**
 * How one word is written in each of the syntaxes that templates make, so that the loader reads back what was meant. All
 * throw Error for what a syntax cannot say, and for CR, LF and NUL.
 */

/** GRUB Legacy's menu: words end at blanks, a backslash takes the next character as it is. */
export function menuLstWord(text: string): string {
  return oneLine(text).replaceAll(/[\\ \t]/g, (character) => `\\${character}`);
}

/** GRUB 2's script language: single quotes hold everything but a single quote. */
export function grubCfgWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${oneLine(text).replaceAll("'", String.raw`'\''`)}'`;
}

/** An iPXE script has no quotes: what would be expanded, or end the command, cannot be said. */
export function ipxeWord(text: string): string {
  oneLine(text);
  if (text.includes('${')) throw new Error(`iPXE would expand "\${" in ${JSON.stringify(text)}`);
  if (/\s/.test(text)) throw new Error(`an iPXE word cannot hold a blank: ${JSON.stringify(text)}`);
  if (text === '' || text.startsWith('#') || ['&&', '||', ';'].includes(text))
    throw new Error(`iPXE would not take ${JSON.stringify(text)} as a word`);
  return text;
}

/** A string of xl's configuration files (libxlu's lexer). */
export function xlCfgString(text: string): string {
  return `"${oneLine(text).replaceAll(/["\\]/g, (character) => `\\${character}`)}"`;
}

/** What stands between commas in a string of xl.cfg that says a disk or a vif: it can end neither its part nor the string. */
export function xlPart(text: string): string {
  if (text === '' || /[\s,"'\\\0]/.test(text))
    throw new Error(`a part of a disk or vif in xl.cfg cannot be empty or hold blanks, commas or quotes: ${JSON.stringify(text)}`);
  return text;
}

/** `name=value` as the Linux and Xen command lines take it: double quotes around blanks, and no way to say a double quote. */
export function kernelArgument(name: string, value: string): string {
  if (!/^[\w.-]+$/.test(name)) throw new Error(`not the name of a kernel argument: ${JSON.stringify(name)}`);
  if (value.includes('"')) throw new Error(`a kernel argument cannot hold a double quote: ${JSON.stringify(value)}`);
  return /\s/.test(oneLine(value)) ? `${name}="${value}"` : `${name}=${value}`;
}

/** The words of a kernel command line: separated by any white space, which double quotes protect and keep. */
export function commandLineWords(text: string): readonly string[] {
  const words = text.match(/(?:"[^"]*"|[^\s"])+|"/g) ?? [];
  const broken = words.find((word) => (word.match(/"/g)?.length ?? 0) % 2 === 1);
  if (broken !== undefined) throw new Error(`a double quote is not closed in ${JSON.stringify(broken)}`);
  return words;
}

/** A whole line of arguments for each loader, such that the kernel's own command line reads as it was written. */
export const argumentLines = {
  /** GRUB Legacy hands the rest of the line on as it stands. */
  menuLst: (text: string): string => commandLineWords(text).map(oneLine).join(' '),
  /** GRUB 2 takes words apart and puts double quotes around those with blanks again. */
  grubCfg: (text: string): string =>
    commandLineWords(text)
      .map((word) => grubCfgWord(word.replaceAll('"', '')))
      .join(' '),
  /** iPXE splits at blanks and joins by one blank, double quotes being nothing special. */
  ipxe: (text: string): string =>
    commandLineWords(text)
      .flatMap((word) => word.split(' '))
      .map(ipxeWord)
      .join(' '),
  /** One string. */
  xlCfg: (text: string): string => xlCfgString(commandLineWords(text).join(' ')),
} as const;

export function oneLine(text: string): string {
  if (/[\0\r\n]/.test(text)) throw new Error(`a line break or NUL in ${JSON.stringify(text)}`);
  return text;
}
