import { readFileSync } from 'node:fs';
import { dirname, normalize } from 'node:path';
import { expect, it } from 'vitest';

/** All files that are loaded with this one into the same thread. Types are not loaded, and `new URL` names another thread's entry. */
function loadedWith(file: string, loaded = new Set<string>()): ReadonlySet<string> {
  if (loaded.has(file)) return loaded;
  loaded.add(file);
  const statements = readFileSync(file, 'utf8').matchAll(/^(?:import|export)\s+(?!type\s)(?:[^'";]*\sfrom\s+)?'(\.[^']+)'/gm);
  for (const [, specifier = ''] of statements) loadedWith(normalize(`${dirname(file)}/${specifier}`), loaded);
  return loaded;
}

/** What takes longer the more files an image has. */
const slow = ['src/images/compile-image.ts', 'src/model/image-manifest-text.ts', 'src/model/compile-image-index.ts'];

it('the control thread has no code that reads a manifest: a DHCP answer cannot wait for it', () => {
  const control = loadedWith('src/app.ts');
  expect(control).toContain('src/images/compile-in-thread.ts');
  expect(slow.filter((file) => control.has(file))).toEqual([]);
});

it('a thread of its own has it', () => {
  expect([...loadedWith('src/images/worker.ts')]).toEqual(expect.arrayContaining(slow));
});
