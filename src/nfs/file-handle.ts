import { createHmac } from 'node:crypto';
import type { ByteWriter } from '../bytes/byte-writer.ts';

/**
 * A file handle: format, content id of the image, inode number, generation, and a MAC over these under the key of the
 * installation. It needs no table, so any worker, a restarted server or a second one serves it. Because it names content
 * and not `dom0@3`, a version that was built anew makes old handles stale instead of showing other bytes.
 */

const format = 0x7664_0001;
const contentIdBytes = 16;
const macBytes = 16;
const signedBytes = 4 + contentIdBytes + 4 + 4;
/** Below the 64 that NFS v3 allows (RFC 1813 2.4). */
export const handleBytes = signedBytes + macBytes;
/** Inodes of an image are never used again, so there is one generation. */
const generation = 1;

export interface HandleFields {
  /** A view of the content id's first 16 bytes. */
  readonly contentId: Uint8Array;
  readonly inode: number;
  readonly generation: number;
  readonly mac: Uint8Array;
}

/** Takes a handle apart without judging it; `undefined` where it has not our form. */
export function decodeHandle(handle: Uint8Array): HandleFields | undefined {
  if (handle.length !== handleBytes) return undefined;
  const view = new DataView(handle.buffer, handle.byteOffset, handle.byteLength);
  if (view.getUint32(0) !== format) return undefined;
  return {
    contentId: handle.subarray(4, 4 + contentIdBytes),
    inode: view.getUint32(4 + contentIdBytes),
    generation: view.getUint32(8 + contentIdBytes),
    mac: handle.subarray(signedBytes),
  };
}

/** The slow way, for a handle of an image that is not served: tells a stale handle from a forged one. */
export function isGenuine(key: Uint8Array, fields: HandleFields): boolean {
  return equal(macOf(key, fields.contentId, fields.inode, fields.generation), 0, fields.mac);
}

/** Makes and checks the handles of one image. Each MAC is computed once and kept: 16 bytes an inode, and no more. */
export class ImageHandles {
  readonly contentId: Uint8Array;
  readonly #key: Uint8Array;
  readonly #macs: Uint8Array;
  readonly #isKnown: Uint8Array;

  /** `contentId` in hexadecimal, as a manifest has it. */
  constructor(key: Uint8Array, contentId: string, inodeCount: number) {
    this.#key = key;
    this.contentId = Buffer.from(contentId, 'hex').subarray(0, contentIdBytes);
    if (this.contentId.length !== contentIdBytes) throw new RangeError(`a content id of ${contentId.length / 2} bytes is too short`);
    this.#macs = new Uint8Array((inodeCount + 1) * macBytes);
    this.#isKnown = new Uint8Array(inodeCount + 1);
  }

  /** Whether we made this handle; its content id is taken as compared. */
  accepts(fields: HandleFields): boolean {
    const { inode } = fields;
    if (fields.generation !== generation || inode < 1 || inode >= this.#isKnown.length) return false;
    return equal(this.#macs, this.#macAt(inode), fields.mac);
  }

  /** Writes the handle as variable-length opaque data. */
  write(writer: ByteWriter, inode: number): void {
    const at = this.#macAt(inode);
    writer.u32(handleBytes).u32(format).bytes(this.contentId).u32(inode).u32(generation);
    writer.bytes(this.#macs.subarray(at, at + macBytes));
  }

  #macAt(inode: number): number {
    const at = inode * macBytes;
    if (this.#isKnown[inode] !== 1) {
      this.#macs.set(macOf(this.#key, this.contentId, inode, generation), at);
      this.#isKnown[inode] = 1;
    }
    return at;
  }
}

function macOf(key: Uint8Array, contentId: Uint8Array, inode: number, ofGeneration: number): Uint8Array {
  const signed = Buffer.alloc(signedBytes);
  signed.writeUInt32BE(format, 0);
  signed.set(contentId, 4);
  signed.writeUInt32BE(inode, 4 + contentIdBytes);
  signed.writeUInt32BE(ofGeneration, 8 + contentIdBytes);
  return createHmac('sha256', key).update(signed).digest().subarray(0, macBytes);
}

/** In constant time, so that a MAC cannot be guessed byte by byte. */
function equal(macs: Uint8Array, at: number, mac: Uint8Array): boolean {
  let difference = 0;
  for (let position = 0; position < macBytes; position++) difference |= (macs[at + position] ?? 0) ^ (mac[position] ?? 0);
  return difference === 0;
}
