import { readFileSync } from 'node:fs';
import { CommandError } from '../../../src/agent/properties/machine-view.ts';
import type { MachineView } from '../../../src/agent/properties/machine-view.ts';

const fixture = (name: string): string => readFileSync(`test/fixtures/properties/proc/${name}`, 'utf8');

/** Files of a Linux 6.18 with two CPUs as they were recorded, and beside them what a test wants to be there. */
export class RecordedMachine implements MachineView {
  readonly files = new Map<string, string>(
    ['cpuinfo', 'loadavg', 'meminfo', 'stat', 'uptime'].map((name) => [`/proc/${name}`, fixture(name)] as const),
  );
  readonly links = new Map<string, string>();
  readonly spaces = new Map<string, { totalBytes: number; freeBytes: number }>();
  readonly answers = new Map<string, string>();
  /** What was asked of `xl` and of plugins. */
  readonly asked: string[] = [];

  async read(path: string): Promise<string | undefined> {
    return this.files.get(path);
  }

  async list(folder: string): Promise<readonly string[] | undefined> {
    const paths = [...this.files.keys(), ...this.links.keys()].filter((path) => path.startsWith(`${folder}/`));
    return paths.length === 0 ? undefined : [...new Set(paths.map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))];
  }

  async link(path: string): Promise<string | undefined> {
    return this.links.get(path);
  }

  async space(path: string): Promise<{ totalBytes: number; freeBytes: number } | undefined> {
    return this.spaces.get(path);
  }

  xl(question: 'info' | 'list' | 'table'): Promise<string> {
    return this.#answer(`xl ${question}`);
  }

  plugin(file: string, args: readonly string[]): Promise<string> {
    return this.#answer([file, ...args].join(' '));
  }

  async #answer(question: string): Promise<string> {
    this.asked.push(question);
    const answer = this.answers.get(question);
    if (answer === undefined) throw new CommandError('missing', `there is no ${question}`);
    return answer;
  }
}
