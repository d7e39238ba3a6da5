import { CommandError } from '../machine-view.ts';
import { oneOf, readOf } from '../property-command.ts';
import type { Extraction, PropertyCommand } from '../property-command.ts';

/** Columns of /proc/stat (proc(5)). */
const columns = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'] as const;
const questions = ['busy', ...columns, 'count', 'model', 'mhz', 'flags'];

/** `cpu [busy]`: percent of all CPUs since it was asked last; `cpu user`, `iowait`...; `cpu count`, `model`, `mhz`, `flags`. */
export const cpu: PropertyCommand = {
  problem: (parameters) => oneOf(parameters, questions),
  async extract(extraction) {
    const { parameters, view } = extraction;
    const question = parameters[0] ?? 'busy';
    if (question === 'count') return (await readOf(view, '/proc/stat')).match(/^cpu\d+ /gm)?.length ?? 0;
    if (question === 'model') return firstOf(await readOf(view, '/proc/cpuinfo'), 'model name');
    if (question === 'mhz') return Number(firstOf(await readOf(view, '/proc/cpuinfo'), 'cpu MHz'));
    if (question === 'flags') return firstOf(await readOf(view, '/proc/cpuinfo'), 'flags').split(/\s+/);
    return percentOf(question, await readOf(view, '/proc/stat'), extraction);
  },
};

function firstOf(text: string, key: string): string {
  const value = new RegExp(`^${key}\\s*:\\s*(.*)$`, 'm').exec(text)?.[1];
  if (value === undefined) throw new CommandError('missing', `/proc/cpuinfo has no line ${key}`);
  return value;
}

function percentOf(question: string, text: string, { memory }: Extraction): number {
  const line = /^cpu\s+(.*)$/m.exec(text)?.[1];
  if (line === undefined) throw new CommandError('missing', '/proc/stat has no line cpu');
  const ticks = line.split(/\s+/).slice(0, columns.length).map(Number);
  const total = ticks.reduce((sum, each) => sum + each, 0);
  const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0);
  const wanted = question === 'busy' ? total - idle : (ticks[columns.indexOf(question as never)] ?? 0);
  const totalSince = total - (memory.get('total') ?? 0);
  const wantedSince = wanted - (memory.get('wanted') ?? 0);
  memory.set('total', total).set('wanted', wanted);
  return totalSince <= 0 ? 0 : Math.round((10_000 * Math.max(0, wantedSince)) / totalSince) / 100;
}
