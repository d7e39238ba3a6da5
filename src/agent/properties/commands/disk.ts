import { CommandError } from '../machine-view.ts';
import type { MachineView } from '../machine-view.ts';
import type { PropertyCommand } from '../property-command.ts';

const questions = ['free', 'used', 'total', 'percent'];
const mib = 1024 * 1024;
const sectorBytes = 512;

/** `disk /srv [free|used|total|percent]`: of the file system there, in MiB; `disk` alone: a list of the disks. */
export const disk: PropertyCommand = {
  problem([path, question = 'free', ...more]) {
    if (more.length > 0) return `expected a path and one of ${questions.join(', ')}, and no more`;
    if (path !== undefined && (!path.startsWith('/') || path.split('/').includes('..'))) return `expected a path from / on, found ${path}`;
    return questions.includes(question) ? undefined : `there is no ${JSON.stringify(question)}; there are ${questions.join(', ')}`;
  },
  async extract({ parameters: [path, question = 'free'], view }) {
    if (path === undefined) return disksOf(view);
    const space = await view.space(path);
    if (space === undefined) throw new CommandError('missing', `there is no ${path} on this machine`);
    const { totalBytes, freeBytes } = space;
    if (question === 'percent') return totalBytes === 0 ? 0 : Math.round((1000 * (totalBytes - freeBytes)) / totalBytes) / 10;
    const bytes = { free: freeBytes, used: totalBytes - freeBytes, total: totalBytes }[question] ?? 0;
    return Math.floor(bytes / mib);
  },
};

/** Without what is only made of memory or files (loop, ram, zram) and device mapper's. */
async function disksOf(view: MachineView): Promise<unknown[]> {
  const names = (await view.list('/sys/block')) ?? [];
  const disks = names.filter((name) => !/^(?:loop|ram|zram|dm-|fd|sr)/.test(name)).sort((a, b) => (a < b ? -1 : 1));
  return Promise.all(
    disks.slice(0, 128).map(async (name) => {
      const folder = `/sys/block/${name}`;
      const [size, model, rotational] = await Promise.all(
        ['size', 'device/model', 'queue/rotational'].map((file) => view.read(`${folder}/${file}`)),
      );
      return {
        name,
        sizeMib: Math.floor((Number(size ?? 0) * sectorBytes) / mib),
        model: model?.trim() ?? '',
        rotational: rotational?.trim() === '1',
      };
    }),
  );
}
