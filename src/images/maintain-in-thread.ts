import { Worker } from 'node:worker_threads';
import { formatImageRef, type ImageRef } from '../model/image-manifest.ts';
import { ImageError, type ImageErrorCode } from './image-error.ts';

export type MaintenanceOrder = { readonly images: string; readonly ref: ImageRef } & (
  | { readonly kind: 'verify' }
  | { readonly kind: 'delete'; readonly usedBy: readonly string[] }
);

/** Errors lose their class and code between threads. */
export type MaintenanceMessage =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'verified'; readonly problems: readonly string[] }
  | { readonly kind: 'deleted'; readonly contentsRemoved: number }
  | { readonly kind: 'failed'; readonly code?: ImageErrorCode; readonly message: string };

/**
 * Reads every content of a version again, in a thread of its own. Returns what is wrong, one sentence each.
 * @throws ImageError; DOMException `AbortError` when `signal` ended it
 */
export async function verifyInThread(
  images: string,
  ref: ImageRef,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const ended = await run({ kind: 'verify', images, ref }, onProgress, signal);
  return ended.kind === 'verified' ? ended.problems : [];
}

/**
 * Removes a version and the contents that no other version has, in a thread of its own.
 * @throws ImageError where it is the newest, or `usedBy` names who runs on it
 */
export async function deleteInThread(
  images: string,
  ref: ImageRef,
  usedBy: readonly string[],
): Promise<{ readonly contentsRemoved: number }> {
  const ended = await run({ kind: 'delete', images, ref, usedBy });
  return { contentsRemoved: ended.kind === 'deleted' ? ended.contentsRemoved : 0 };
}

async function run(
  order: MaintenanceOrder,
  onProgress: (done: number, total: number) => void = () => {},
  signal?: AbortSignal,
): Promise<MaintenanceMessage> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<MaintenanceMessage>();
  const worker = new Worker(new URL('maintenance-worker.ts', import.meta.url), { name: 'image', workerData: order });
  const stop = (): void => {
    reject(signal?.reason);
    void worker.terminate();
  };
  signal?.addEventListener('abort', stop, { once: true });
  worker.on('message', (message: MaintenanceMessage) => {
    if (message.kind === 'progress') onProgress(message.done, message.total);
    else if (message.kind === 'failed') reject(failure(order.ref, message));
    else resolve(message);
  });
  worker.once('error', reject);
  worker.once('exit', () => reject(new Error(`the thread that worked on ${formatImageRef(order.ref)} ended before it was done`)));
  try {
    return await promise;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

function failure(ref: ImageRef, { code, message }: Extract<MaintenanceMessage, { kind: 'failed' }>): Error {
  return code === undefined ? new Error(`${formatImageRef(ref)}: ${message}`) : new ImageError(code, message);
}
