import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { maxTemplateBytes, maxTemplates, nameFault } from './template-limits.ts';

const suffix = '.hbs';

/**
 * Reads the shipped files, by name without `.hbs`.
 * @throws Error where the folder or a file cannot be read, is too large or is misnamed
 */
export async function readShipped(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(suffix));
  if (files.length > maxTemplates) throw new Error(`${folder} holds ${files.length} templates; ${maxTemplates} are the most`);
  const texts = new Map<string, string>();
  for (const file of files.sort()) {
    const path = join(folder, file);
    const name = file.slice(0, -suffix.length);
    const fault = nameFault(name);
    if (fault !== undefined) throw new Error(`${path}: ${fault}`);
    const { size } = await stat(path);
    if (size > maxTemplateBytes) throw new Error(`${path} has ${size} bytes; a template has at most ${maxTemplateBytes}`);
    texts.set(name, await readFile(path, 'utf8'));
  }
  return texts;
}

export function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
