import { Worker } from 'node:worker_threads';
import type { ImportFormat } from './import-machines.ts';
import type { ImportResult } from './import-report.ts';

export interface ImportOrder {
  readonly format: ImportFormat;
  readonly text: string;
}

/** Reads a file of another program in a thread of its own: megabytes of text take longer than a DHCP answer may wait. */
export async function importInThread(format: ImportFormat, text: string): Promise<ImportResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ImportResult>();
  const worker = new Worker(new URL('worker.ts', import.meta.url), { name: 'import', workerData: { format, text } satisfies ImportOrder });
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', () => reject(new Error(`the thread that reads a ${format} file ended before it was done`)));
  return promise;
}
