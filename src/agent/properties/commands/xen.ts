import { CommandError } from '../machine-view.ts';
import type { MachineView } from '../machine-view.ts';
import { pairsOf } from '../property-command.ts';
import type { PropertyCommand } from '../property-command.ts';

/** `xen free_memory`: a line of `xl info` (memory in MiB); `xen info`: all of them; `xen domains`: a list; `xen domain_count`. */
export const xen: PropertyCommand = {
  problem([question, ...more]) {
    if (question === undefined) return 'expected info, domains, domain_count, or a line of xl info such as free_memory';
    if (more.length > 0) return `expected one parameter, found ${more.length + 1}`;
    return /^[a-z0-9_]{1,64}$/.test(question)
      ? undefined
      : `expected a line of xl info such as free_memory, found ${JSON.stringify(question)}`;
  },
  async extract({ parameters: [question = 'info'], view, signal }) {
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

function numberOrText(text: string): number | string {
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}
