import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  argumentLines,
  commandLineWords,
  grubCfgWord,
  ipxeWord,
  kernelArgument,
  menuLstWord,
  xlCfgString,
} from '../../src/boot/template-quoting.ts';

const oneLineText = fc.string({ maxLength: 20 }).filter((text) => !/[\0\r\n]/.test(text));

/** How GRUB 2's script lexer reads a word of ours: plain, or single quotes with escaped ones between. */
function grubReads(word: string): string {
  return word.replaceAll(/'([^']*)'|\\(.)/g, (_, quoted: string | undefined, escaped: string | undefined) => quoted ?? escaped ?? '');
}

describe('one word', () => {
  it.each([
    ['grub.cfg', grubCfgWord, '/images/dom0@3/xen.gz', '/images/dom0@3/xen.gz'],
    ['grub.cfg', grubCfgWord, 'a b', "'a b'"],
    ['grub.cfg', grubCfgWord, "it's $x; reboot", String.raw`'it'\''s $x; reboot'`],
    ['grub.cfg', grubCfgWord, '', "''"],
    ['menu.lst', menuLstWord, 'a b', String.raw`a\ b`],
    ['menu.lst', menuLstWord, '$1$abc$def', '$1$abc$def'],
    ['iPXE', ipxeWord, 'http://192.168.0.5:8080', 'http://192.168.0.5:8080'],
    ['xl.cfg', xlCfgString, String.raw`a "b" \ c`, String.raw`"a \"b\" \\ c"`],
  ])('%s: %o %j', (_, quote, text, expected) => expect(quote(text)).toBe(expected));

  it('of grub.cfg reads back as it was, whatever is in it', () => {
    fc.assert(
      fc.property(oneLineText, (text) => {
        expect(grubReads(grubCfgWord(text))).toBe(text);
      }),
    );
  });

  it.each(['a b', '${net0/mac}', '#x', '||', '&&', ';', ''])('of iPXE cannot be %j', (text) =>
    expect(() => ipxeWord(text)).toThrow(/iPXE/),
  );
});

describe('kernel arguments', () => {
  it('are quoted where they hold a blank', () => {
    expect(kernelArgument('note', 'a b')).toBe('note="a b"');
    expect(kernelArgument('console', 'ttyS0,115200')).toBe('console=ttyS0,115200');
    expect(() => kernelArgument('note', 'a "b"')).toThrow(/double quote/);
    expect(() => kernelArgument('a b', 'c')).toThrow(/name/);
  });

  it('are split at white space of any kind, which double quotes hold together', () => {
    expect(commandLineWords(' a\n  b="c d"\te ')).toEqual(['a', 'b="c d"', 'e']);
    expect(() => commandLineWords('a="b c')).toThrow(/not closed/);
  });

  it('make one line for each loader', () => {
    const text = 'root=/dev/nfs\nnote="a b"\nx=$y\n';
    expect(argumentLines.menuLst(text)).toBe('root=/dev/nfs note="a b" x=$y');
    // GRUB 2 puts double quotes around a word with a blank itself.
    expect(argumentLines.grubCfg(text)).toBe("root=/dev/nfs 'note=a b' 'x=$y'");
    expect(argumentLines.ipxe(text)).toBe('root=/dev/nfs note="a b" x=$y');
  });
});
