import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BootFile } from '../model/boot-file.ts';
import { notModified, requestedRange, type Validators } from './conditions.ts';
import type { FileBytes } from './file-bytes.ts';

type ServedFile = Extract<BootFile, { kind: 'rendered' | 'static' }>;

/** What happened to the bytes, for the boot's timeline. */
export interface FileProgress {
  opened(size: number): void;
  finished(bytes: number, size: number): void;
  aborted(bytes: number, size: number, reason: string): void;
}

/** Answers a GET or HEAD with a file: 200, 206, 304 or 416 (RFC 9110), always with its length. */
export async function answerFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: ServedFile,
  files: FileBytes,
  progress: FileProgress,
): Promise<void> {
  const size = file.kind === 'static' ? file.size : file.bytes.length;
  const validators: Validators = {
    etag: /^(?:W\/)?".*"$/.test(file.etag) ? file.etag : `"${file.etag}"`,
    ...(file.kind === 'static' ? { modifiedSeconds: Math.floor(file.modifiedMs / 1000) } : {}),
  };
  response.setHeader('Accept-Ranges', 'bytes');
  response.setHeader('ETag', validators.etag);
  if (validators.modifiedSeconds !== undefined) {
    response.setHeader('Last-Modified', new Date(validators.modifiedSeconds * 1000).toUTCString());
  }
  // A rendered file is this client's alone, and may be another one at its next boot.
  if (file.kind === 'rendered') response.setHeader('Cache-Control', 'private, no-cache');
  if (notModified(request.headers, validators)) {
    response.writeHead(304).end();
    return;
  }
  const range = request.method === 'GET' ? requestedRange(request.headers, validators, size) : ({ kind: 'whole' } as const);
  if (range.kind === 'unsatisfiable') {
    response.writeHead(416, { 'Content-Range': `bytes */${size}`, 'Content-Length': 0 }).end();
    return;
  }
  response.setHeader('Content-Type', file.kind === 'rendered' ? file.contentType : 'application/octet-stream');
  const { first, last } = range.kind === 'part' ? range : { first: 0, last: size - 1 };
  response.setHeader('Content-Length', last - first + 1);
  if (range.kind === 'part') response.setHeader('Content-Range', `bytes ${first}-${last}/${size}`);
  response.statusCode = range.kind === 'part' ? 206 : 200;
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const pieces = file.kind === 'static' ? files.read(file, first, last) : [file.bytes.subarray(first, last + 1)];
  await sendPieces(response, pieces, { length: last - first + 1, size }, progress);
}

/**
 * Counts what the kernel has taken. A client that has its last byte may close at once, before the answer counts as
 * ended here: that is a whole download all the same.
 */
async function sendPieces(
  response: ServerResponse,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { length, size }: { readonly length: number; readonly size: number },
  progress: FileProgress,
): Promise<void> {
  let taken = 0;
  let opened = false;
  const open = (): void => {
    if (!opened) progress.opened(size);
    opened = true;
  };
  try {
    for await (const piece of pieces) {
      open();
      const roomLeft = response.write(piece, (error) => {
        if (error === null || error === undefined) taken += piece.length;
      });
      if (!roomLeft) await event(response, 'drain');
      if (response.destroyed) break;
    }
    open();
    if (!response.destroyed) {
      response.end();
      await event(response, 'finish');
    }
    if (taken === length) progress.finished(taken, size);
    else progress.aborted(taken, size, 'the client closed the connection');
  } catch (error) {
    progress.aborted(taken, size, error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/** Resolves when it happens, or when the connection is gone. */
function event(response: ServerResponse, name: 'drain' | 'finish'): Promise<void> {
  if (response.destroyed || (name === 'finish' && response.writableFinished)) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off(name, settle);
      response.off('close', settle);
      resolve();
    };
    response.on(name, settle);
    response.on('close', settle);
  });
}
