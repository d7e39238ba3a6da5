import { oneOf, readOf } from '../property-command.ts';
import type { PropertyCommand } from '../property-command.ts';

const minutes = ['1', '5', '15'];

/** `load [1|5|15]`: the Dom0's load average of so many minutes; of type list all three. Guests' load is not in it. */
export const load: PropertyCommand = {
  problem: (parameters) => oneOf(parameters, minutes),
  async extract({ parameters: [wanted], type, view }) {
    const averages = (await readOf(view, '/proc/loadavg')).split(' ').slice(0, minutes.length).map(Number);
    if (wanted === undefined && type === 'list') return averages;
    return averages[minutes.indexOf(wanted ?? '1')];
  },
};
