import { CommandError } from '../machine-view.ts';
import type { MachineView } from '../machine-view.ts';
import { pairsOf } from '../property-command.ts';
import type { Extraction, PropertyCommand } from '../property-command.ts';
import { uptimeSeconds } from './uptime.ts';

/**
 * `xen free_memory`: a line of `xl info` (memory in MiB); `xen info`: all of them; `xen domains`: a list; `xen domain_count`;
 * `xen cpu_busy`: percent of the host's processors that all domains had since it was asked last.
 */
export const xen: PropertyCommand = {
  problem([question, ...more]) {
    if (question === undefined) return 'expected info, domains, domain_count, cpu_busy, or a line of xl info such as free_memory';
    if (more.length > 0) return `expected one parameter, found ${more.length + 1}`;
    return /^[a-z0-9_]{1,64}$/.test(question)
      ? undefined
      : `expected a line of xl info such as free_memory, found ${JSON.stringify(question)}`;
  },
  async extract(extraction) {
    const { parameters, view, signal } = extraction;
    const [question = 'info'] = parameters;
    if (question === 'cpu_busy') return busyPercent(extraction);
    if (question === 'domains') return domainsOf(view, signal);
    if (question === 'domain_count') return (await domainsOf(view, signal)).length;
    const lines = pairsOf(await view.xl('info', signal));
    if (question === 'info') return Object.fromEntries([...lines].map(([key, text]) => [key, numberOrText(text)]));
    const text = lines.get(question);
    if (text === undefined) throw new CommandError('missing', `xl info has no line ${question}; it has ${[...lines.keys()].join(', ')}`);
    return numberOrText(text);
  },
};

interface ListedDomain {
  readonly domid: number;
  readonly config?: {
    readonly c_info?: { readonly name?: string; readonly uuid?: string; readonly type?: string };
    readonly b_info?: { readonly max_vcpus?: number; readonly target_memkb?: number; readonly max_memkb?: number };
  };
}

/** Without the Dom0. */
async function domainsOf(view: MachineView, signal: AbortSignal): Promise<unknown[]> {
  const text = await view.xl('list', signal);
  let listed: readonly ListedDomain[];
  try {
    listed = JSON.parse(text) as readonly ListedDomain[];
  } catch (error) {
    throw new CommandError('failed', 'xl list -l did not write JSON', { cause: error });
  }
  if (!Array.isArray(listed)) throw new CommandError('failed', 'xl list -l did not write a list');
  return (listed as readonly ListedDomain[])
    .filter(({ domid }) => domid !== 0)
    .map(({ domid, config }) => ({
      name: config?.c_info?.name ?? '',
      domid,
      uuid: config?.c_info?.uuid ?? '',
      type: config?.c_info?.type ?? '',
      memoryMib: Math.floor((config?.b_info?.target_memkb ?? config?.b_info?.max_memkb ?? 0) / 1024),
      vcpus: config?.b_info?.max_vcpus ?? 0,
    }));
}

/** Seconds on processors that each domain has had, the Dom0 too; a domain that has ended since takes its last seconds with it. */
async function busyPercent({ view, signal, memory, monoMs }: Extraction): Promise<number> {
  const times = Array.from(
    (await view.xl('table', signal)).matchAll(/\s(\d+)\s+\d+\s+\d+\s+[a-z-]{6}\s+(\d+\.\d)\s*$/gm),
    ([, domid, seconds]) => [`domain ${domid ?? ''}`, Number(seconds)] as const,
  );
  const cpus = Number(pairsOf(await view.xl('info', signal)).get('nr_cpus') ?? 1);
  const used = times.reduce((sum, [key, seconds]) => sum + Math.max(0, seconds - (memory.get(key) ?? 0)), 0);
  const before = memory.get('atMs');
  const passed = before === undefined ? await uptimeSeconds(view) : (monoMs - before) / 1000;
  memory.clear();
  for (const [key, seconds] of [...times, ['atMs', monoMs] as const]) memory.set(key, seconds);
  return passed <= 0 ? 0 : Math.min(100, Math.round((10_000 * used) / passed / cpus) / 100);
}

function numberOrText(text: string): number | string {
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}
