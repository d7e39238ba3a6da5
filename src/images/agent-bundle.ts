import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, globSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { pathInRoot } from './root-tree.ts';

const project = resolve(import.meta.dirname, '../..');
/** All that a bundle may be made from: its sources, and which packages they come to. */
const sources = ['src/*.ts', 'src/{agent,bus,documents,manager,model}/**/*.ts', 'package.json', 'package-lock.json'];

/** What decides how the agent in an image looks: the sources, and the Node that runs this build and will run the agent. */
export function agentInputs(): unknown {
  const hash = createHash('sha256');
  for (const file of sources.flatMap((pattern) => globSync(pattern, { cwd: project })).sort())
    hash.update(JSON.stringify(file)).update(
      createHash('sha256')
        .update(readFileSync(join(project, file)))
        .digest(),
    );
  return [process.version, process.arch, hash.digest('hex')];
}

/**
 * Puts `agent.mjs`, the whole agent in one file, and the Node that runs this build into `/usr/lib/virtdom` of a root.
 * @returns their sizes in bytes
 */
export async function addAgent(root: string): Promise<{ readonly agentBytes: number; readonly nodeBytes: number }> {
  const folder = pathInRoot(root, '/usr/lib/virtdom');
  mkdirSync(folder, { recursive: true });
  const bundle = await rolldown({ input: join(project, 'src/agent/main.ts'), platform: 'node', logLevel: 'warn' });
  try {
    await bundle.write({ file: join(folder, 'agent.mjs'), format: 'esm', minify: true, codeSplitting: false });
  } finally {
    await bundle.close();
  }
  copyFileSync(process.execPath, join(folder, 'node'));
  chmodSync(join(folder, 'node'), 0o755);
  chmodSync(join(folder, 'agent.mjs'), 0o644);
  return { agentBytes: readFileSync(join(folder, 'agent.mjs')).length, nodeBytes: readFileSync(join(folder, 'node')).length };
}
