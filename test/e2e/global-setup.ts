import { resolve } from 'node:path';
import { prepareDemo } from '../../src/cli/lab-preparation.ts';

/** Where the loaders and the image lie that every run starts from; the same ones that `make demo` boots. */
export const preparedState = resolve(import.meta.dirname, '../../.virtdom/state');

/** Builds what machines boot, once for all tests: minutes where nothing is cached, a moment where it is. */
export default async function setup(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('these tests make network namespaces and images: they need root. Type: sudo make test-e2e');
  await prepareDemo({
    project: resolve(import.meta.dirname, '../..'),
    images: ['dom0', 'worker', 'gateway'],
    stateDir: preparedState,
    write: (text) => void process.stderr.write(text),
    signal: new AbortController().signal,
  });
}
