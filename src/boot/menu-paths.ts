import type { MenuFile } from '../model/boot-profile.ts';
import { parseMac } from '../model/mac.ts';
import { expandPath, type PathNames } from './loader-choice.ts';
import { normalTreePath } from './tree-path.ts';

/** Where loaders look by themselves for a menu of each syntax: GRUB Legacy, GRUB 2, iPXE. */
const aliases: Readonly<Record<string, readonly string[]>> = {
  '.lst': ['/grub/menu.lst', '/boot/grub/menu.lst'],
  '.cfg': ['/grub/grub.cfg', '/boot/grub/grub.cfg', '/grub/grub.cfg-{mac-dashed}', '/boot/grub/grub.cfg-{mac-dashed}'],
  '.ipxe': ['/boot.ipxe', '/autoexec.ipxe'],
};

function aliasPatterns(template: string): readonly string[] {
  return aliases[/\.\w+$/.exec(template)?.[0] ?? ''] ?? [];
}

/**
 * The menu that a path means to one client: by its own path first, else by where loaders look for its syntax. The case of
 * letters does not count: loaders differ in how they write a MAC.
 * @param path in its normal form
 */
export function menuAt(path: string, menus: readonly MenuFile[], names: PathNames): MenuFile | undefined {
  const wanted = path.toLowerCase();
  const isWanted = (pattern: string): boolean => normalTreePath(expandPath(pattern, names))?.toLowerCase() === wanted;
  return menus.find((menu) => isWanted(menu.path)) ?? menus.find((menu) => aliasPatterns(menu.template).some(isWanted));
}

/** Whom a path names, read by the patterns of menus and by where GRUB looks for per-machine files. */
export interface NamedInPath {
  readonly name?: string;
  readonly mac?: string;
}

/** Reads names and MACs out of paths by patterns such as `/grub/{name}.conf`. */
export class PathPatterns {
  readonly #patterns: readonly RegExp[];

  constructor(patterns: Iterable<string>) {
    const all = new Set([...patterns, ...Object.values(aliases).flat()].filter((pattern) => pattern.includes('{')));
    this.#patterns = [...all].map((pattern) => patternOf(normalTreePath(pattern) ?? pattern));
  }

  /** @param path in its normal form */
  read(path: string): readonly NamedInPath[] {
    return this.#patterns.flatMap((pattern) => {
      const groups = pattern.exec(path)?.groups;
      if (groups === undefined) return [];
      const mac = parseMac(groups['mac'] ?? groups['dashed'] ?? '');
      const name = groups['name'];
      if ((groups['mac'] ?? groups['dashed']) !== undefined && mac === undefined) return [];
      return [{ ...(name !== undefined && { name }), ...(mac !== undefined && { mac }) }];
    });
  }
}

function patternOf(pattern: string): RegExp {
  const seen = new Set<string>();
  const source = pattern.split(/(\{name\}|\{mac\}|\{mac-dashed\})/).map((part) => {
    const group = { '{name}': ['name', '[^/]+?'], '{mac}': ['mac', '[0-9a-f:]{17}'], '{mac-dashed}': ['dashed', '[0-9a-f-]{17}'] }[part];
    if (group === undefined) return part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
    const [name = '', inner = ''] = group;
    const prefix = name === 'dashed' ? '01-' : '';
    if (seen.has(name)) return `${prefix}${inner}`;
    seen.add(name);
    return `${prefix}(?<${name}>${inner})`;
  });
  return new RegExp(`^${source.join('')}$`, 'i');
}
