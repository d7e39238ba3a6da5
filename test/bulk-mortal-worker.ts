import { parentPort } from 'node:worker_threads';
import '../src/bulk-worker.ts';

// The thread of TFTP and HTTP as it is, with one weakness: it crashes when it is to follow to this address.
const deadlyAddress = '127.0.0.66';

parentPort?.on('message', (message: { kind: string; name: string; args: unknown[] }) => {
  if (message.kind === 'call' && message.name === 'setNetworks' && JSON.stringify(message.args).includes(deadlyAddress)) {
    throw new Error('struck by lightning');
  }
});
