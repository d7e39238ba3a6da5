import type { ByteReader } from '../bytes/byte-reader.ts';
import type { ByteWriter } from '../bytes/byte-writer.ts';
import { inodeKinds, rootInode } from '../model/image-index.ts';
import type { Ipv4, Cidr } from '../model/ipv4.ts';
import { formatIpv4 } from '../model/ipv4.ts';
import type { ExportTable, ServedImage } from './export-table.ts';
import { authFlavor } from './rpc-message.ts';
import type { Call, Procedure, RpcProgram } from './rpc-dispatcher.ts';
import { readText, writeOpaque, writeText } from './xdr.ts';

/** MOUNT version 3 (RFC 1813 appendix I), and of version 1 what needs no handle: its handles are too short for ours. */

export const mountProgramNumber = 100_005;

const mountStatus = { ok: 0, noEntry: 2, access: 13, notDirectory: 20 } as const;
const maxPathBytes = 1024;
/** Of the list of mounts: advice only, for nobody unmounts reliably. */
const maxMounts = 4096;

export interface MountObserver {
  mount(address: Ipv4, path: string, outcome: 'mounted' | 'refused' | 'missing' | 'unmounted'): void;
}

export function mountProgram(exports: ExportTable, observer: MountObserver): RpcProgram {
  const mounts = new Mounts();
  const shared: Readonly<Record<number, Procedure>> = {
    0: () => {},
    2: (_args, { writer }) => mounts.write(writer),
    3: (args, _reply, call) => {
      const path = readPath(args);
      mounts.remove(call.caller.address, path);
      observer.mount(call.caller.address, path, 'unmounted');
    },
    4: (_args, _reply, call) => mounts.removeAll(call.caller.address),
    5: (_args, { writer }, call) => writeExports(writer, exports, call),
  };
  return {
    program: mountProgramNumber,
    versions: {
      1: {
        ...shared,
        1: (args, { writer }) => {
          readPath(args);
          writer.u32(mountStatus.access);
        },
      },
      3: {
        ...shared,
        1: (args, { writer }, call) => {
          const path = readPath(args);
          const { address, addressNumber } = call.caller;
          const found = find(exports, path, addressNumber);
          if (typeof found === 'number') {
            writer.u32(found);
            observer.mount(address, path, found === mountStatus.access ? 'refused' : 'missing');
            return;
          }
          writer.u32(mountStatus.ok);
          found.image.handles.write(writer, found.inode);
          writer.u32(1).u32(authFlavor.sys);
          mounts.add(address, path);
          observer.mount(address, path, 'mounted');
        },
      },
    },
  };
}

function readPath(args: ByteReader): string {
  const path = readText(args, maxPathBytes, 'path');
  args.expectEnd('the path');
  // `nfsroot=server:/images/dom0@3/` is the same export.
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}

/** An image by its path, or a folder in it: libnfs mounts the folder of the file that it wants. Symlinks are not followed. */
function find(exports: ExportTable, path: string, address: number): { readonly image: ServedImage; readonly inode: number } | number {
  const names = path.split('/').filter((name) => name !== '');
  const image = exports.byPath(`/${names.slice(0, 2).join('/')}`);
  if (image === undefined) return mountStatus.noEntry;
  if (!image.mayRead(address)) return mountStatus.access;
  let inode = rootInode;
  for (const name of names.slice(2)) {
    if (name === '.' || name === '..') return mountStatus.noEntry;
    inode = image.index.kind(inode) === inodeKinds.folder ? image.index.lookup(inode, Buffer.from(name)) : 0;
    if (inode === 0) return mountStatus.noEntry;
  }
  return image.index.kind(inode) === inodeKinds.folder ? { image, inode } : mountStatus.notDirectory;
}

/** The images that this client may read, each with the networks that may. */
function writeExports(writer: ByteWriter, exports: ExportTable, call: Call): void {
  for (const image of exports.images()) {
    if (!image.mayRead(call.caller.addressNumber)) continue;
    writer.u32(1);
    writeText(writer, image.path);
    for (const reader of image.readers) {
      writer.u32(1);
      writeText(writer, cidrText(reader));
    }
    writer.u32(0);
  }
  writer.u32(0);
}

function cidrText(cidr: Cidr): string {
  return `${formatIpv4(cidr.network)}/${cidr.prefixLength}`;
}

/** Who mounted what, the oldest forgotten first. */
class Mounts {
  readonly #mounts = new Map<string, { readonly address: Ipv4; readonly path: string }>();

  add(address: Ipv4, path: string): void {
    const key = `${address} ${path}`;
    this.#mounts.delete(key);
    this.#mounts.set(key, { address, path });
    for (const oldest of this.#mounts.keys()) {
      if (this.#mounts.size <= maxMounts) break;
      this.#mounts.delete(oldest);
    }
  }

  remove(address: Ipv4, path: string): void {
    this.#mounts.delete(`${address} ${path}`);
  }

  removeAll(address: Ipv4): void {
    for (const [key, mount] of this.#mounts) if (mount.address === address) this.#mounts.delete(key);
  }

  /** The newest, as many as a datagram holds. */
  write(writer: ByteWriter): void {
    for (const { address, path } of [...this.#mounts.values()].slice(-200)) {
      writer.u32(1);
      writeText(writer, address);
      writeOpaque(writer, Buffer.from(path));
    }
    writer.u32(0);
  }
}
