import { CommandError } from '../machine-view.ts';
import type { MachineView } from '../machine-view.ts';
import { isPlainName, pairsOf, ratePerSecond } from '../property-command.ts';
import type { Extraction, PropertyCommand } from '../property-command.ts';
import { uptimeSeconds } from './uptime.ts';

const folder = '/sys/class/net';
const counters = ['rx_bytes', 'tx_bytes', 'rx_packets', 'tx_packets', 'rx_errors', 'tx_errors', 'rx_dropped', 'tx_dropped', 'collisions'];
const rates = counters.slice(0, 4).map((counter) => `${counter}_rate`);
const fields = ['operstate', 'carrier', 'speed', 'duplex', 'mtu', 'address'];
const questions = [...fields, ...counters, ...rates];

/** `nic`: a list of the interfaces; `nic eth0 operstate`, `rx_bytes`, `rx_bytes_rate` (a second)... */
export const nic: PropertyCommand = {
  problem([name, question = 'operstate', ...more]) {
    if (more.length > 0) return 'expected an interface and what is asked of it, and no more';
    if (name !== undefined && !isPlainName(name)) return `expected an interface such as eth0, found ${JSON.stringify(name)}`;
    return questions.includes(question) ? undefined : `there is no ${JSON.stringify(question)}; there are ${questions.join(', ')}`;
  },
  async extract(extraction) {
    const { parameters, view } = extraction;
    const [name, question = 'operstate'] = parameters;
    if (name === undefined) return nicsOf(view);
    if (fields.includes(question)) return numberOrText(await fieldOf(view, name, question));
    const counter = Number(await fieldOf(view, name, `statistics/${question.replace(/_rate$/, '')}`));
    return question.endsWith('_rate') ? ratePerSecond(counter, extraction, await uptimeSeconds(view)) : counter;
  },
};

/** `vlan`: a list of the VLANs that are configured, each with its NIC. */
export const vlan: PropertyCommand = {
  problem: (parameters) => (parameters.length > 0 ? 'it takes no parameters' : undefined),
  async extract({ view }: Extraction) {
    const config = (await view.read('/proc/net/vlan/config')) ?? '';
    return config
      .split('\n')
      .map((line) => line.split('|').map((part) => part.trim()))
      .filter(([, id = '']) => /^\d+$/.test(id))
      .map(([name, id, parent]) => ({ name, id: Number(id), nic: parent }));
  },
};

async function fieldOf(view: MachineView, name: string, file: string): Promise<string> {
  const text = await view.read(`${folder}/${name}/${file}`);
  if (text !== undefined) return text.trim();
  const known = (await view.list(folder)) ?? [];
  if (!known.includes(name)) throw new CommandError('missing', `there is no interface ${name}; there are ${known.join(', ')}`);
  throw new CommandError('missing', `interface ${name} says no ${file} now`);
}

function numberOrText(text: string): number | string {
  return /^-?\d+$/.test(text) ? Number(text) : text;
}

/** Without guests' interfaces: they come and go with their VMs. */
async function nicsOf(view: MachineView): Promise<unknown[]> {
  const names = ((await view.list(folder)) ?? []).filter((name) => name !== 'lo' && !/^vif\d|^tap|-emu$/.test(name));
  return Promise.all(
    names
      .sort((a, b) => (a < b ? -1 : 1))
      .slice(0, 256)
      .map((name) => nicOf(view, name)),
  );
}

async function nicOf(view: MachineView, name: string): Promise<unknown> {
  const read = async (file: string): Promise<string> => (await view.read(`${folder}/${name}/${file}`))?.trim() ?? '';
  const [mac, state, mtu, speed] = await Promise.all([read('address'), read('operstate'), read('mtu'), read('speed')]);
  const [master, device, bridge, ofVlan] = await Promise.all([
    view.link(`${folder}/${name}/master`),
    view.link(`${folder}/${name}/device`),
    view.list(`${folder}/${name}/bridge`),
    view.read(`/proc/net/vlan/${name}`),
  ]);
  const kind = ofVlan !== undefined ? 'vlan' : bridge !== undefined ? 'bridge' : device !== undefined ? 'nic' : 'virtual';
  return {
    name,
    kind,
    mac,
    state,
    mtu: Number(mtu),
    ...(Number(speed) > 0 && { speedMbit: Number(speed) }),
    ...(master !== undefined && { bridge: master.split('/').at(-1) }),
    ...(ofVlan !== undefined && vlanOf(ofVlan)),
  };
}

function vlanOf(text: string): { vlan?: number; nic?: string } {
  const id = /VID:\s*(\d+)/.exec(text)?.[1];
  const device = pairsOf(text).get('Device');
  return { ...(id !== undefined && { vlan: Number(id) }), ...(device !== undefined && { nic: device }) };
}
