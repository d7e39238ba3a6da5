import { Worker } from 'node:worker_threads';
import { formatImageRef, type ImageRef } from '../model/image-manifest.ts';
import type { CompiledImage } from './compile-image.ts';
import { ImageError } from './image-error.ts';

export interface CompileOrder {
  readonly images: string;
  readonly ref: ImageRef;
}

/**
 * Reads a version whole, in a thread that lives as long as that takes: the caller's thread has other things to do meanwhile.
 * @throws ImageError where the version is not there or is not what was published.
 */
export async function compileInThread(images: string, ref: ImageRef): Promise<CompiledImage> {
  const { promise, resolve, reject } = Promise.withResolvers<CompiledImage>();
  const worker = new Worker(new URL('worker.ts', import.meta.url), { name: 'image', workerData: { images, ref } satisfies CompileOrder });
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', () => reject(new Error('the thread ended before it was done')));
  try {
    return await promise;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError('image-damaged', `${formatImageRef(ref)} cannot be read: ${reason}`, { cause });
  }
}
