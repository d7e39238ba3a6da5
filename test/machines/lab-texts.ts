import { basename } from 'node:path';
import type { ConfigProblem } from '../../src/documents/problems.ts';
import { readObjectsText } from '../../src/machines/objects-file.ts';

export const subnet = 'kind: Subnet\nname: lab\ncidr: 192.168.0.0/24\ninterface: br0\n';
export const profile = 'kind: Profile\nname: dom0\nloaders: { bios: pxegrub }\n';
export const machine = 'kind: Machine\nname: post01\nnics: [{ mac: "52:54:00:00:00:01", address: 192.168.0.11 }]\nprofile: dom0\n';

/** One YAML text of several objects. */
export function documents(...texts: readonly string[]): string {
  return texts.join('---\n');
}

/** What is wrong with an object file of this text, as `lab.yaml:3:7: path: message`, line by line. */
export function problemsOf(text: string): string[] {
  const { problems } = readObjectsText(text, '/etc/virtdom/lab.yaml');
  return [...problems].sort((a, b) => a.line - b.line || a.column - b.column).map(problemText);
}

function problemText({ file, line, column, path, message }: ConfigProblem): string {
  return [`${basename(file)}:${line}:${column}`, path, message].filter((part) => part !== '').join(': ');
}
