import { parentPort, workerData } from 'node:worker_threads';
import { giveWay } from '../thread.ts';
import { deleteImage } from './delete-image.ts';
import { ImageError } from './image-error.ts';
import type { MaintenanceMessage, MaintenanceOrder } from './maintain-in-thread.ts';
import { ImageRepository } from './repository.ts';
import { verifyImage } from './verify.ts';

/** The entry of a thread that looks after one version and ends. */

if (parentPort === null) throw new Error('this file is the entry of a worker thread');
giveWay();
const port = parentPort;
const order = workerData as MaintenanceOrder;
const tell = (message: MaintenanceMessage): void => port.postMessage(message);

try {
  const repository = await ImageRepository.open(order.images);
  if (order.kind === 'delete') tell({ kind: 'deleted', ...(await deleteImage(repository, order.ref, order.usedBy)) });
  else {
    const onProgress = (done: number, total: number): void => tell({ kind: 'progress', done, total });
    tell({ kind: 'verified', problems: await verifyImage(repository, order.ref, onProgress) });
  }
} catch (error) {
  const { message } = error as Error;
  tell({ kind: 'failed', message, ...(error instanceof ImageError && { code: error.code }) });
}
