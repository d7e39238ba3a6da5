import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { giveWay } from '../src/thread.ts';

/** The niceness of this very thread: field 19 of proc(5) stat, behind the name in brackets. */
function niceness(): number {
  const stat = readFileSync('/proc/thread-self/stat', 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
}

const before = niceness();
giveWay();
parentPort?.postMessage({ before, after: niceness() });
