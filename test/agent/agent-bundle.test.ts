import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { addAgent } from '../../src/images/agent-bundle.ts';
import { scratchFolder } from './scratch.ts';

it('the agent in an image is one file that runs by the Node beside it, with nothing else there', async () => {
  const root = scratchFolder();
  mkdirSync(join(root, 'usr/lib'), { recursive: true });
  const { agentBytes } = await addAgent(root);
  const folder = join(root, 'usr/lib/virtdom');
  expect(agentBytes).toBeLessThan(2 * 1024 * 1024);
  expect(statSync(join(folder, 'node')).mode & 0o777).toBe(0o755);
  const imports = readFileSync(join(folder, 'agent.mjs'), 'utf8').matchAll(/\bfrom\s*["']([^"']+)["']/g);
  expect([...imports].map(([, name]) => name).filter((name) => !name?.startsWith('node:'))).toEqual([]);

  const agent = spawn(join(folder, 'node'), [join(folder, 'agent.mjs')], { cwd: root, env: {}, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void agent.kill('SIGKILL'));
  const said = await new Promise<string>((resolve) => {
    agent.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    agent.stderr.once('data', (chunk: Buffer) => resolve(chunk.toString()));
  });
  expect(JSON.parse(said)).toMatchObject({ level: 'info', msg: 'waiting for the answer to the hello' });
});
