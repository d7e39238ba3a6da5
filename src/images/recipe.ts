import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Node, YAMLMap } from 'yaml';
import { globExpression } from './glob.ts';
import { ImageError } from './image-error.ts';

/** How an image is made. */
export interface Recipe {
  readonly image: string;
  /** Debian's release: `trixie`. */
  readonly suite: string;
  readonly components: readonly string[];
  /** `minbase`: Debian's smallest system and the packages; `extract`: only their files, none of their scripts is run. */
  readonly variant: 'minbase' | 'extract';
  /** `nfs`: a root that machines mount; `initramfs`: packed too, for guests that unpack it into their memory. */
  readonly packaging: 'nfs' | 'initramfs';
  readonly packages: readonly string[];
  /** Lays virtdom's agent into the root, with the Node that runs it. */
  readonly agent?: true;
  /** Folders as absolute paths. */
  readonly overlays: readonly string[];
  /** Patterns under `kernel/` of the modules that stay; absent: all stay. */
  readonly kernelModules?: readonly string[];
  readonly units: { readonly enable: readonly string[]; readonly mask: readonly string[] };
  /** Patterns of paths that are removed. */
  readonly remove: readonly string[];
  readonly steps: readonly RecipeStep[];
  /** Paths that move to /flash. */
  readonly writable: readonly string[];
  /** The name of a boot file to the pattern of the one path in the root that it is. */
  readonly bootFiles: Readonly<Record<string, string>>;
}

interface RecipeStep {
  readonly name: string;
  /** Lines for /bin/sh -e. */
  readonly run: string;
}

/** Reads a recipe, or throws ImageError with every mistake in it as `file:line: what was expected`. */
export function loadRecipe(file: string): Recipe {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ImageError('recipe-invalid', `${file}: the recipe cannot be read`, { cause: error });
  }
  return parseRecipe(text, file);
}

const keys = [
  'image',
  'suite',
  'components',
  'variant',
  'packaging',
  'packages',
  'agent',
  'overlays',
  'kernelModules',
  'units',
  'remove',
  'steps',
  'writable',
  'bootFiles',
];

export function parseRecipe(text: string, file: string): Recipe {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const mistakes: string[] = [];
  const lineOf = (offset: number): number => lines.linePos(offset).line;
  for (const error of document.errors)
    mistakes.push(`${file}:${lineOf(error.pos[0])}: ${error.message.split('\n')[0]?.replace(/ at line.*/, '')}`);
  const expect = (node: Node | null | undefined, expected: string): void => {
    mistakes.push(`${file}:${node?.range ? lineOf(node.range[0]) : 1}: expected ${expected}`);
  };
  const root = document.contents;
  const reader = new RecipeReader(expect);
  if (mistakes.length === 0 && !isMap(root)) expect(root, 'a recipe: a map that begins with image: NAME');
  if (mistakes.length > 0 || !isMap(root)) throw invalid(mistakes);

  reader.onlyKeys(root, keys);
  const overlays = reader.texts(root, 'overlays').map((path) => resolve(dirname(file), path));
  const recipe: Recipe = {
    image: reader.text(root, 'image', /^[a-z0-9][a-z0-9._-]*$/, 'a name of small letters, digits, dots and dashes'),
    suite: reader.text(root, 'suite', /^[a-z]+$/, "the name of a Debian release, like 'trixie'"),
    components: root.has('components') ? reader.texts(root, 'components', /^[a-z0-9-]+$/, "an archive area, like 'main'") : ['main'],
    variant: reader.choice(root, 'variant', ['minbase', 'extract']),
    packaging: reader.choice(root, 'packaging', ['nfs', 'initramfs']),
    packages: reader.texts(root, 'packages', /^[a-z0-9][a-z0-9.+-]+$/, 'the name of a Debian package'),
    ...(reader.yes(root, 'agent') && { agent: true as const }),
    overlays,
    ...(root.has('kernelModules') && {
      kernelModules: reader.patterns(root, 'kernelModules', /^[^/].*/, 'a pattern under kernel/, without leading slash'),
    }),
    units: reader.units(root),
    remove: reader.patterns(root, 'remove', /^\/.+/, 'a pattern that begins with /'),
    steps: reader.steps(root),
    writable: reader.texts(
      root,
      'writable',
      writablePath,
      'a path like /var/log, outside of /flash, without . and .. and a slash at its end',
    ),
    bootFiles: reader.bootFiles(root),
  };
  for (const [path, parent] of nested(recipe.writable))
    expect(root.get('writable', true), `no ${path} in writable: ${parent} holds it already`);
  if (recipe.packaging === 'initramfs' && recipe.writable.length > 0)
    expect(root.get('writable', true), 'no writable with packaging: initramfs: all of such a root is in memory');
  if (mistakes.length > 0) throw invalid(mistakes);
  return recipe;
}

const writablePath = /^(?!\/flash(\/|$))(\/(?!\.{1,2}(\/|$))[^/]+)+$/;

function invalid(mistakes: readonly string[]): ImageError {
  return new ImageError('recipe-invalid', mistakes.join('\n'));
}

function nested(paths: readonly string[]): [string, string][] {
  return paths.flatMap((path) =>
    paths.filter((parent) => path.startsWith(`${parent}/`) || false).map((parent): [string, string] => [path, parent]),
  );
}

/** Takes values out of the YAML tree and reports each one that is not what it should be, with a harmless value in its place. */
class RecipeReader {
  readonly #expect: (node: Node | null | undefined, expected: string) => void;

  constructor(expect: (node: Node | null | undefined, expected: string) => void) {
    this.#expect = expect;
  }

  onlyKeys(map: YAMLMap, known: readonly string[]): void {
    for (const { key } of map.items) {
      if (!isScalar(key) || !known.includes(String(key.value)))
        this.#expect(key as Node, `one of ${known.join(', ')}, not '${String(key)}'`);
    }
  }

  text(map: YAMLMap, key: string, form: RegExp, expected: string): string {
    const node = map.get(key, true) as Node | undefined;
    if (isScalar(node) && typeof node.value === 'string' && form.test(node.value)) return node.value;
    this.#expect(node ?? map, node === undefined ? `the key ${key}: ${expected}` : `${expected} as ${key}`);
    return '';
  }

  /** The first one where the key is not there. */
  choice<const Value extends string>(map: YAMLMap, key: string, values: readonly [Value, ...Value[]]): Value {
    const node = map.get(key, true) as Node | undefined;
    const chosen = values.find((value) => isScalar(node) && node.value === value);
    if (node !== undefined && chosen === undefined) this.#expect(node, `${values.join(' or ')} as ${key}`);
    return chosen ?? values[0];
  }

  yes(map: YAMLMap, key: string): boolean {
    const node = map.get(key, true) as Node | undefined;
    if (node !== undefined && !(isScalar(node) && typeof node.value === 'boolean')) this.#expect(node, `true or false as ${key}`);
    return isScalar(node) && node.value === true;
  }

  texts(map: YAMLMap, key: string, form = /./, expected = 'text'): string[] {
    const node = map.get(key, true) as Node | undefined;
    if (node === undefined) return [];
    if (!isSeq(node)) {
      this.#expect(node, `a list as ${key}`);
      return [];
    }
    return node.items.flatMap((item) => {
      if (isScalar(item) && typeof item.value === 'string' && form.test(item.value)) return [item.value];
      this.#expect(item as Node, `${expected} in ${key}`);
      return [];
    });
  }

  patterns(map: YAMLMap, key: string, form: RegExp, expected: string): string[] {
    const patterns = this.texts(map, key, form, expected);
    for (const pattern of patterns) {
      try {
        globExpression(pattern);
      } catch (error) {
        this.#expect(map.get(key, true), `patterns in ${key}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return patterns;
  }

  units(root: YAMLMap): Recipe['units'] {
    const node = root.get('units', true) as Node | undefined;
    if (node === undefined) return { enable: [], mask: [] };
    if (!isMap(node)) {
      this.#expect(node, 'a map with enable and mask as units');
      return { enable: [], mask: [] };
    }
    this.onlyKeys(node, ['enable', 'mask']);
    const form = /^[\w@.:-]+\.[a-z]+$/;
    return {
      enable: this.texts(node, 'enable', form, 'a unit like x.service'),
      mask: this.texts(node, 'mask', form, 'a unit like x.service'),
    };
  }

  steps(root: YAMLMap): RecipeStep[] {
    const node = root.get('steps', true) as Node | undefined;
    if (node === undefined) return [];
    if (!isSeq(node)) {
      this.#expect(node, 'a list of steps, each with name and run');
      return [];
    }
    return node.items.flatMap((item) => {
      if (!isMap(item)) {
        this.#expect(item as Node, 'a step: a map with name and run');
        return [];
      }
      this.onlyKeys(item, ['name', 'run']);
      return [
        { name: this.text(item, 'name', /./, 'what the step does, in a few words'), run: this.text(item, 'run', /./s, 'shell lines') },
      ];
    });
  }

  bootFiles(root: YAMLMap): Record<string, string> {
    const node = root.get('bootFiles', true) as Node | undefined;
    if (!isMap(node)) {
      this.#expect(node ?? root, 'bootFiles: a map from names like vmlinuz to paths in the root');
      return {};
    }
    return Object.fromEntries(
      node.items.map(({ key }) => {
        const name = String(isScalar(key) ? key.value : key);
        if (!/^[\w.-]+$/.test(name)) this.#expect(key as Node, 'a file name of letters, digits, dots and dashes');
        return [name, this.text(node, name, /^\/.+/, `the path of ${name} in the root, which may hold *,`)];
      }),
    );
  }
}
