import { CommandError } from '../machine-view.ts';
import { oneOf } from '../property-command.ts';
import type { PropertyCommand } from '../property-command.ts';

const folder = '/sys/class/dmi/id';
const fields = [
  'bios_date',
  'bios_vendor',
  'bios_version',
  'board_asset_tag',
  'board_name',
  'board_serial',
  'board_vendor',
  'board_version',
  'chassis_asset_tag',
  'chassis_serial',
  'chassis_type',
  'chassis_vendor',
  'product_family',
  'product_name',
  'product_serial',
  'product_sku',
  'product_uuid',
  'product_version',
  'sys_vendor',
];

/** `dmi product_name`: a field of /sys/class/dmi/id; `dmi` alone: all that there are. */
export const dmi: PropertyCommand = {
  problem: (parameters) => oneOf(parameters, fields),
  async extract({ parameters: [field], view }) {
    if (field !== undefined) {
      const text = await view.read(`${folder}/${field}`);
      if (text === undefined) throw new CommandError('missing', `this machine's firmware says no ${field}, or it may not be read`);
      return text.trim();
    }
    const texts = await Promise.all(fields.map(async (each) => [each, (await view.read(`${folder}/${each}`))?.trim()] as const));
    return Object.fromEntries(texts.filter(([, text]) => text !== undefined));
  },
};
