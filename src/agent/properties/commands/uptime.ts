import { readOf } from '../property-command.ts';
import type { PropertyCommand } from '../property-command.ts';

/** `uptime`: seconds since the Dom0 started. */
export const uptime: PropertyCommand = {
  problem: (parameters) => (parameters.length > 0 ? 'it takes no parameters' : undefined),
  extract: ({ view }) => uptimeSeconds(view),
};

export async function uptimeSeconds(view: Parameters<typeof readOf>[0]): Promise<number> {
  return Number.parseFloat(await readOf(view, '/proc/uptime'));
}
