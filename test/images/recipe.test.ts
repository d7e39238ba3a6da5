import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ImageError } from '../../src/images/image-error.ts';
import { globExpression } from '../../src/images/glob.ts';
import { bootstrapInputs } from '../../src/images/bootstrap.ts';
import { recipeSha256 } from '../../src/images/recipe-hash.ts';
import { loadRecipe, parseRecipe } from '../../src/images/recipe.ts';
import type { Recipe } from '../../src/images/recipe.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

const minimal = ['image: tiny', 'suite: trixie', 'packages: [busybox-static]', 'bootFiles: { vmlinuz: /boot/vmlinuz }'];

function mistakesOf(lines: readonly string[]): string[] {
  try {
    parseRecipe(lines.join('\n'), 'r.yaml');
  } catch (error) {
    if (error instanceof ImageError && error.code === 'recipe-invalid') return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('a recipe', () => {
  it('needs no more than image, suite, packages and boot files', () => {
    expect(parseRecipe(minimal.join('\n'), '/x/r.yaml')).toMatchObject({
      image: 'tiny',
      components: ['main'],
      steps: [],
      writable: [],
      units: { mask: [] },
      variant: 'minbase',
      packaging: 'nfs',
    });
  });

  it('takes overlays relative to its own folder', () => {
    expect(parseRecipe([...minimal, 'overlays: [../over]'].join('\n'), '/a/b/r.yaml').overlays).toEqual(['/a/over']);
  });

  it('is shipped for dom0 and fits what the initramfs needs', () => {
    const recipe = loadRecipe(resolve(import.meta.dirname, '../../recipes/dom0.yaml'));
    expect(Object.keys(recipe.bootFiles)).toEqual(['vmlinuz', 'initrd.gz', 'xen.gz', 'xen']);
    expect(recipe.writable).toContain('/etc/machine-id');
  });

  it.each(['gateway', 'worker'])('is shipped for %s: packed for memory, with the same packages as other guests', (name) => {
    const recipe = loadRecipe(resolve(import.meta.dirname, `../../recipes/${name}.yaml`));
    const worker = loadRecipe(resolve(import.meta.dirname, '../../recipes/worker.yaml'));
    expect(recipe).toMatchObject({ image: name, packaging: 'initramfs', writable: [], packages: worker.packages });
    expect(Object.keys(recipe.bootFiles)).toEqual(['vmlinuz', 'initrd.gz']);
  });

  const faults: readonly { name: string; lines: readonly string[]; expected: RegExp }[] = [
    { name: 'an unknown key', lines: [...minimal, 'package: [x]'], expected: /^r\.yaml:5: expected one of image, .*not 'package'/ },
    { name: 'a missing suite', lines: minimal.filter((line) => !line.startsWith('suite')), expected: /^r\.yaml:1: expected the key suite/ },
    {
      name: 'a package that is no name',
      lines: [...minimal.slice(0, 2), 'packages:', '  - good', '  - "rm -rf"', minimal[3] ?? ''],
      expected: /^r\.yaml:5: expected the name of a Debian package/,
    },
    {
      name: 'packages that are no list',
      lines: [...minimal.slice(0, 2), 'packages: xen', minimal[3] ?? ''],
      expected: /^r\.yaml:3: expected a list as packages/,
    },
    {
      name: 'a writable path with ..',
      lines: [...minimal, 'writable: [/var/../etc]'],
      expected: /^r\.yaml:5: expected a path like \/var\/log/,
    },
    { name: 'a writable path in /flash', lines: [...minimal, 'writable: [/flash/x]'], expected: /^r\.yaml:5: expected a path/ },
    {
      name: 'a writable path inside another',
      lines: [...minimal, 'writable: [/var, /var/log]'],
      expected: /^r\.yaml:5: expected no \/var\/log in writable: \/var holds it/,
    },
    {
      name: 'a packaging that is none',
      lines: [...minimal, 'packaging: tar'],
      expected: /^r\.yaml:5: expected nfs or initramfs as packaging/,
    },
    {
      name: 'writable paths where all is in memory',
      lines: [...minimal, 'packaging: initramfs', 'writable: [/var/log]'],
      expected: /^r\.yaml:6: expected no writable with packaging: initramfs/,
    },
    { name: 'a step without run', lines: [...minimal, 'steps:', '  - name: nothing'], expected: /^r\.yaml:6: expected the key run/ },
    { name: 'braces that do not match', lines: [...minimal, 'remove: ["/a/{b"]'], expected: /^r\.yaml:5: .*braces/ },
    {
      name: 'a boot file with a slash',
      lines: [...minimal.slice(0, 3), 'bootFiles: { "a/b": /boot/x }'],
      expected: /^r\.yaml:4: expected a file name/,
    },
    { name: 'YAML that is none', lines: [...minimal, 'steps: ['], expected: /^r\.yaml:\d+: / },
    { name: 'a list in place of a map', lines: ['- x'], expected: /^r\.yaml:1: expected a recipe/ },
  ];
  it.each(faults)('with $name is refused with file and line', ({ lines, expected }) => {
    expect(mistakesOf(lines)).toEqual([expect.stringMatching(expected)]);
  });

  it('names all its mistakes at once', () => {
    expect(mistakesOf(['image: UPPER', 'suite: 7', 'packages: [ok]', 'bootFiles: {}', 'nonsense: 1'])).toHaveLength(3);
  });
});

const recipeOver = (overlay: string): Recipe => ({ ...parseRecipe(minimal.join('\n'), 'r.yaml'), overlays: [overlay] });

describe('the hash of a recipe', () => {
  it('changes with recipe, overlay content, executable bit and program, and with nothing else', () => {
    const overlay = writeTree(scratchFolder(), { 'etc/issue': 'hello' });
    const first = recipeSha256(recipeOver(overlay), '1.0');
    expect(recipeSha256(recipeOver(writeTree(scratchFolder(), { 'etc/issue': 'hello' })), '1.0')).toBe(first);
    expect(recipeSha256(recipeOver(overlay), '1.1')).not.toBe(first);
    expect(recipeSha256({ ...recipeOver(overlay), writable: ['/srv'] }, '1.0')).not.toBe(first);
    writeTree(overlay, { 'etc/issue': 'other' });
    expect(recipeSha256(recipeOver(overlay), '1.0')).not.toBe(first);
  });
});

describe('the packages of a recipe', () => {
  it('are shared by recipes that ask for the same ones', () => {
    const one = parseRecipe(minimal.join('\n'), 'r.yaml');
    expect(bootstrapInputs({ ...one, writable: ['/srv'], packages: [...one.packages, ...one.packages] })).toEqual(bootstrapInputs(one));
    expect(bootstrapInputs({ ...one, suite: 'bookworm' })).not.toEqual(bootstrapInputs(one));
    expect(bootstrapInputs({ ...one, variant: 'extract' })).not.toEqual(bootstrapInputs(one));
  });
});

describe('a path pattern', () => {
  it.each([
    ['/var/*', '/var/log', true],
    ['/var/*', '/var/log/x', false],
    ['/var/*', '/var/.hidden', true],
    ['/var/**', '/var/log/x', true],
    ['/var/**', '/var', false],
    ['/a/**/*.log', '/a/x.log', true],
    ['/a/**/*.log', '/a/b/c/x.log', true],
    ['net/{a/b,c}.ko', 'net/a/b.ko', true],
    ['net/{a/b,c}.ko', 'net/cxko', false],
    ['x(1)', 'x(1)', true],
  ])('%s and %s: %s', (pattern, path, fits) => {
    expect(globExpression(pattern).test(path)).toBe(fits);
  });
});
