import { emptyIndex, inodeKinds, rootInode } from './image-index.ts';
import type { ImageManifest, ManifestEntry } from './image-manifest.ts';

/** The manifest is no tree: which path, and what is wrong with it. */
export class ImageIndexError extends Error {
  override readonly name = 'ImageIndexError';
  readonly code = 'bad-manifest';
  readonly path: string;

  constructor(path: string, problem: string) {
    super(`the image's entry ${JSON.stringify(path)} ${problem}`);
    this.path = path;
  }
}

const maxNameBytes = 255;
const maxInodes = 0x7fff_ffff;

interface Folder {
  readonly entries: { readonly name: Buffer; readonly inode: number }[];
}

/**
 * Lays an image's manifest out as an index.
 * @throws {@link ImageIndexError} for a manifest that is no tree: a missing root or folder, a path twice, a hard link to nothing.
 */
export function compileImageIndex(manifest: ImageManifest): SharedArrayBuffer {
  const tree = readTree(manifest.entries);
  const folders = [...tree.folders.values()];
  const entryCount = folders.reduce((sum, folder) => sum + folder.entries.length, 0);
  const files = tree.inodes.filter(({ kind }) => kind === 'file').length;
  let stringBytes = 0;
  for (const folder of folders) for (const { name } of folder.entries) stringBytes += name.length;
  const targets = new Map<number, Buffer>();
  for (const [position, entry] of tree.inodes.entries()) if (entry.kind === 'symlink') targets.set(position + 1, pathBytes(entry.target));
  for (const target of targets.values()) stringBytes += target.length;

  const at = emptyIndex({ inodes: tree.inodes.length, entries: entryCount, files, stringBytes });

  let entry = 0;
  let text = 0;
  const append = (name: Buffer): void => {
    at.strings.set(name, text);
    text += name.length;
  };
  for (const [inode, folder] of tree.folders) {
    at.firsts[inode] = entry;
    at.seconds[inode] = folder.entries.length;
    for (const { name, inode: child } of folder.entries.sort((a, b) => Buffer.compare(a.name, b.name))) {
      at.entryInodes[entry] = child;
      at.entryNames[entry++] = text;
      append(name);
    }
  }
  at.entryNames[entry] = text;

  let digest = 0;
  for (const [position, facts] of tree.inodes.entries()) {
    const inode = position + 1;
    at.sizes[inode] = sizeOf(facts);
    at.mtimes[inode] = facts.mtimeSeconds;
    at.nanoseconds[inode] = facts.mtimeNanoseconds;
    at.uids[inode] = facts.uid;
    at.gids[inode] = facts.gid;
    at.links[inode] = tree.links[inode] ?? 1;
    at.parents[inode] = tree.parents[inode] ?? rootInode;
    at.modes[inode] = facts.mode;
    at.kinds[inode] = facts.kind === 'link' ? 0 : inodeKinds[facts.kind];
    if (facts.kind === 'file') {
      at.digests.set(Buffer.from(facts.sha256, 'hex'), digest * 32);
      at.firsts[inode] = digest++;
    } else if (facts.kind === 'symlink') {
      const target = targets.get(inode) ?? Buffer.alloc(0);
      [at.firsts[inode], at.seconds[inode]] = [text, target.length];
      append(target);
    } else if (facts.kind === 'character' || facts.kind === 'block') [at.firsts[inode], at.seconds[inode]] = [facts.major, facts.minor];
  }
  return at.buffer;
}

/** Gives each entry its inode and hangs it into its folder. */
function readTree(entries: readonly ManifestEntry[]) {
  const [root] = entries;
  if (root?.path !== '/' || root.kind !== 'folder') throw new ImageIndexError(root?.path ?? '/', 'must be the root folder and stand first');
  const inodes: ManifestEntry[] = [];
  const byPath = new Map<string, number>();
  const folders = new Map<number, Folder>();
  const links: number[] = [];
  const parents: number[] = [];
  for (const entry of entries) {
    const { path } = entry;
    if (byPath.has(path)) throw new ImageIndexError(path, 'stands in the manifest twice');
    let inode = inodes.length + 1;
    if (entry.kind === 'link') {
      inode = byPath.get(entry.to) ?? 0;
      if (inode === 0 || folders.has(inode))
        throw new ImageIndexError(path, `is a hard link to ${JSON.stringify(entry.to)}, which is no earlier file`);
      links[inode] = (links[inode] ?? 1) + 1;
    } else {
      if (inode > maxInodes) throw new ImageIndexError(path, 'is one too many');
      if (entry.kind === 'file' && !/^[0-9a-f]{64}$/.test(entry.sha256)) throw new ImageIndexError(path, 'has no sha256');
      inodes.push(entry);
      links[inode] = entry.kind === 'folder' ? 2 : 1;
      if (entry.kind === 'folder') folders.set(inode, { entries: [] });
    }
    byPath.set(path, inode);
    if (entry === root) parents[inode] = rootInode;
    else hangIn(path, inode, entry.kind === 'folder');
  }
  return { inodes, folders, links, parents };

  function hangIn(path: string, inode: number, isFolder: boolean): void {
    const slash = path.lastIndexOf('/');
    const parent = byPath.get(slash === 0 ? '/' : path.slice(0, slash)) ?? 0;
    const folder = folders.get(parent);
    if (folder === undefined) throw new ImageIndexError(path, 'stands before its folder, or its folder is none');
    const text = path.slice(slash + 1);
    const name = pathBytes(text);
    if (text === '' || text === '.' || text === '..' || text.includes('\0') || name.length > maxNameBytes)
      throw new ImageIndexError(path, 'has a name that no folder can hold');
    folder.entries.push({ name, inode });
    parents[inode] ??= parent;
    if (isFolder) links[parent] = (links[parent] ?? 2) + 1;
  }
}

function sizeOf(entry: ManifestEntry): number {
  if (entry.kind === 'file') return entry.size;
  if (entry.kind === 'symlink') return pathBytes(entry.target).length;
  return entry.kind === 'folder' ? 4096 : 0;
}

/** UTF-8, where a lone surrogate U+DC80 to U+DCFF stands for a byte that was none (as Python's surrogateescape). */
function pathBytes(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  return Buffer.concat(
    Array.from(text, (character) => {
      const code = character.codePointAt(0) ?? 0;
      return code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - 0xdc00) : Buffer.from(character);
    }),
  );
}
