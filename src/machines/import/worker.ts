import { parentPort, workerData } from 'node:worker_threads';
import type { ImportOrder } from './import-in-thread.ts';
import { importMachines } from './import-machines.ts';

/** The entry of a thread that reads one file and ends. */

if (parentPort === null) throw new Error('this file is the entry of a worker thread');
const { format, text } = workerData as ImportOrder;
parentPort.postMessage(importMachines(format, text));
