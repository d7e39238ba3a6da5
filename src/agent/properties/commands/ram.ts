import { CommandError } from '../machine-view.ts';
import { isPlainName, pairsOf, readOf } from '../property-command.ts';
import type { PropertyCommand } from '../property-command.ts';

const units: Readonly<Record<string, number>> = { KiB: 1, MiB: 1024, GiB: 1024 * 1024 };

/** `ram MemFree [KiB|MiB|GiB]`: a line of /proc/meminfo, in KiB as it stands there; `ram` alone: all of them. */
export const ram: PropertyCommand = {
  problem([key, unit = 'KiB', ...more]) {
    if (more.length > 0) return 'expected a line of /proc/meminfo and a unit, and no more';
    if (key !== undefined && !/^[A-Za-z0-9_()]{1,64}$/.test(key) && !isPlainName(key))
      return `expected a line of /proc/meminfo such as MemFree, found ${key}`;
    return Object.hasOwn(units, unit) ? undefined : `there is no unit ${unit}; there are ${Object.keys(units).join(', ')}`;
  },
  async extract({ parameters: [key, unit = 'KiB'], view }) {
    const lines = pairsOf(await readOf(view, '/proc/meminfo'));
    if (key === undefined) return Object.fromEntries([...lines].map(([name, text]) => [name, Number.parseInt(text, 10)]));
    const text = lines.get(key);
    if (text === undefined) throw new CommandError('missing', `/proc/meminfo has no line ${key}`);
    return Number.parseInt(text, 10) / (units[unit] ?? 1);
  },
};
