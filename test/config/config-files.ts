import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach } from 'vitest';
import { ConfigError, loadConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A folder with these files, gone after the test. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'virtdom-config-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** The configuration of these two texts. */
export function load(lab: string, virtdom = '', environment: Readonly<Record<string, string>> = {}): Config {
  return loadConfig(join(folderWith({ 'virtdom.yaml': virtdom, 'lab.yaml': lab }), 'virtdom.yaml'), environment);
}

/** What is wrong with these two texts, as `lab.yaml:3:7: path: message`. */
export function problemsOf(lab: string, virtdom = '', environment: Readonly<Record<string, string>> = {}): string[] {
  try {
    load(lab, virtdom, environment);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ file, line, column, path, message }) => {
      const place = line === 0 ? basename(file) : `${basename(file)}:${line}:${column}`;
      return [place, path, message].filter((part) => part !== '').join(': ');
    });
  }
}

export const subnet = 'kind: Subnet\nname: lab\ncidr: 192.168.0.0/24\ninterface: br0\n';
export const profile = 'kind: Profile\nname: dom0\nloaders: { bios: pxegrub }\n';
export const machine = 'kind: Machine\nname: post01\nnics: [{ mac: "52:54:00:00:00:01", address: 192.168.0.11 }]\nprofile: dom0\n';

/** One YAML file of several objects. */
export function documents(...texts: readonly string[]): string {
  return texts.join('---\n');
}
