import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ImageManifest } from '../../src/model/image-manifest.ts';
import { formatManifest, ManifestTextError, parseManifest } from '../../src/model/image-manifest-text.ts';

const sha256 = 'ab'.repeat(32);
const facts = { mode: 0o755, uid: 0, gid: 8, mtimeSeconds: 1_700_000_000, mtimeNanoseconds: 5 };
const manifest: ImageManifest = {
  image: 'dom0',
  version: 3,
  recipeSha256: sha256,
  builtMs: 1,
  bootFiles: [{ name: 'vmlinuz', size: 7, sha256 }],
  writablePaths: ['/var/log'],
  entries: [
    { ...facts, path: '/', kind: 'folder' },
    { ...facts, path: '/a b"ä', kind: 'file', mode: 0o4711, size: 2 ** 40, sha256 },
    { ...facts, path: '/l', kind: 'link', to: '/a b"ä' },
    { ...facts, path: '/s', kind: 'symlink', target: '../x' },
    { ...facts, path: '/dev', kind: 'folder', mode: 0o1777 },
    { ...facts, path: '/dev/null', kind: 'character', major: 1, minor: 3 },
    { ...facts, path: '/dev/sda', kind: 'block', major: 8, minor: 0 },
    { ...facts, path: '/dev/f', kind: 'fifo' },
    { ...facts, path: '/dev/k', kind: 'socket' },
  ],
};
const lines = formatManifest(manifest).split('\n');
const withLine = (index: number, line: string): string => lines.with(index, line).join('\n');

function refusal(text: string): unknown {
  try {
    parseManifest(text);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('the text of a manifest', () => {
  it('is a header and one line an entry, with modes in octal and times to the nanosecond', () => {
    expect(lines).toHaveLength(11);
    expect(lines[0]).toBe(
      `{"virtdomManifest":1,"image":"dom0","version":3,"recipeSha256":"${sha256}","builtMs":1,"bootFiles":[{"name":"vmlinuz","size":7,"sha256":"${sha256}"}],"writablePaths":["/var/log"],"entries":9}`,
    );
    expect(lines[2]).toBe(
      `{"path":"/a b\\"ä","kind":"file","mode":"4711","uid":0,"gid":8,"mtime":"1700000000.000000005","size":1099511627776,"sha256":"${sha256}"}`,
    );
  });

  it('reads back as it was written', () => {
    expect(parseManifest(formatManifest(manifest))).toEqual(manifest);
  });

  it('is refused when it was cut short, wherever', () => {
    const text = formatManifest(manifest);
    for (let length = 0; length < text.length; length++)
      expect(() => parseManifest(text.slice(0, length)), `${length} characters`).toThrow(ManifestTextError);
  });

  it.each([
    ['a path twice', 4, lines[3] ?? '', /line 5: \/l is there twice/],
    ['a path before its folder', 4, (lines[4] ?? '').replace('"/s"', '"/x/s"'), /before its folder/],
    ['a name of two dots', 4, (lines[4] ?? '').replace('"/s"', '"/.."'), /is no path/],
    ['a link to nothing', 3, (lines[3] ?? '').replace('"to":"/a b\\"ä"', '"to":"/gone"'), /links to \/gone/],
    ['a digest that is none', 2, (lines[2] ?? '').replace(sha256, 'xyz'), /line 3: sha256 is "xyz"/],
    ['a negative size', 2, (lines[2] ?? '').replace('1099511627776', '-1'), /size is -1/],
    ['a mode that is not octal', 2, (lines[2] ?? '').replace('4711', '4791'), /mode is/],
    ['an unknown kind', 8, (lines[8] ?? '').replace('fifo', 'door'), /door is no kind/],
    ['another format', 0, (lines[0] ?? '').replace('"virtdomManifest":1', '"virtdomManifest":2'), /line 1: not of format 1/],
    ['no root', 1, (lines[5] ?? '').replace('"/dev"', '"/root"'), /first entry must be the folder/],
    ['no JSON', 5, '{', /line 6: no JSON/],
  ])('is refused with %s', (_name, index, line, message) => {
    expect(() => parseManifest(withLine(index, line))).toThrow(message);
  });

  it('with random changes is read or refused, and nothing else', () => {
    const text = formatManifest(manifest);
    const random = fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 4 }), fc.nat(5), (at, insert, remove) => {
      const changed = text.slice(0, at) + insert + text.slice(at + remove);
      return refusal(changed) === undefined || refusal(changed) instanceof ManifestTextError;
    });
    expect(() => fc.assert(random, { numRuns: 2000 })).not.toThrow();
  });
});
