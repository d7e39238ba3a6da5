import { parentPort, workerData } from 'node:worker_threads';
import { compileImage } from './compile-image.ts';
import { giveWay } from '../thread.ts';
import type { CompileOrder } from './compile-in-thread.ts';

/** The entry of a thread that reads one version and ends. */

if (parentPort === null) throw new Error('this file is the entry of a worker thread');
giveWay();
const { images, ref } = workerData as CompileOrder;
parentPort.postMessage(compileImage(images, ref));
