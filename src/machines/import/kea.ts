import { readImport } from './import-report.ts';
import type { ImportReport, ImportResult } from './import-report.ts';
import { KeaSyntaxError, parseKeaJson } from './kea-json.ts';
import type { KeaValue } from './kea-json.ts';

type Block = Extract<KeaValue, { kind: 'block' }>;

/** Machines of the `reservations` in a kea-dhcp4.conf: the global ones, and those of subnets and shared networks. */
export function importKea(text: string): ImportResult {
  return readImport(text, (content, report) => {
    try {
      readRoot(parseKeaJson(content), report);
    } catch (error) {
      if (!(error instanceof KeaSyntaxError)) throw error;
      report.leaveOut(error.line, '', error.message);
    }
  });
}

function readRoot(root: KeaValue, report: ImportReport): void {
  if (root.kind === 'list') return readReservations(root, report);
  if (root.kind !== 'block') return report.leaveOut(root.line, '', 'expected the configuration of Kea, a block of keys');
  const server = root.members.get('Dhcp4');
  for (const [key, { line }] of root.members) if (server !== undefined && key !== 'Dhcp4') report.leaveOut(line, key, 'only Dhcp4 is read');
  const at = server ?? root;
  if (at.kind !== 'block') return report.leaveOut(at.line, 'Dhcp4', 'expected a block of keys');
  readScope(at, report);
  const read = new Set(['reservations', 'subnet4', 'shared-networks']);
  for (const [key, { line }] of at.members) if (!read.has(key)) report.leaveOut(line, key, 'a setting of the server, not of a machine');
}

function readScope({ members }: Block, report: ImportReport): void {
  const reservations = members.get('reservations');
  if (reservations !== undefined) readReservations(reservations, report);
  for (const key of ['shared-networks', 'subnet4']) {
    const networks = members.get(key);
    if (networks === undefined) continue;
    if (networks.kind !== 'list') report.leaveOut(networks.line, key, 'expected a list');
    else for (const network of networks.items) readNetwork(key, network, report);
  }
}

function readNetwork(key: string, network: KeaValue, report: ImportReport): void {
  if (network.kind !== 'block') return report.leaveOut(network.line, key, 'expected a block of keys');
  const name = textOf(network.members.get(key === 'subnet4' ? 'subnet' : 'name')) ?? '';
  report.leaveOut(network.line, `${key} ${name}`, 'networks are not imported: write a Subnet');
  readScope(network, report);
}

function readReservations(list: KeaValue, report: ImportReport): void {
  if (list.kind !== 'list') return report.leaveOut(list.line, 'reservations', 'expected a list');
  for (const item of list.items) {
    if (item.kind === 'block') readReservation(item, report);
    else report.leaveOut(item.line, 'reservations', 'expected a block of keys');
  }
}

function readReservation({ line, members }: Block, report: ImportReport): void {
  const found: Partial<Record<'hw-address' | 'ip-address' | 'hostname', string>> = {};
  let ignored = false;
  for (const [key, value] of members) {
    const text = textOf(value);
    if (key === 'hw-address' || key === 'ip-address' || key === 'hostname') {
      if (text === undefined) report.leaveOut(value.line, key, 'expected a text');
      else if (text !== '') found[key] = text;
    } else if (key === 'client-classes' && value.kind === 'list') {
      for (const item of value.items) {
        // Kea's own class for clients that get no answer.
        if (textOf(item) === 'DROP') ignored = true;
        else report.leaveOut(item.line, `${key}: ${textOf(item) ?? ''}`, 'a class: what it chooses in Kea, a profile says here');
      }
    } else if (!isEmpty(value)) report.leaveOut(value.line, text === undefined ? key : `${key}: ${text}`, reasonFor(key));
  }
  report.add({
    line,
    macs: found['hw-address'] === undefined ? [] : [found['hw-address']],
    ...(found.hostname !== undefined && { name: found.hostname }),
    ...(found['ip-address'] !== undefined && { address: found['ip-address'] }),
    ...(ignored && { fields: { ignored } }),
  });
}

function reasonFor(key: string): string {
  if (['client-id', 'duid', 'circuit-id', 'flex-id'].includes(key)) return 'machines are known by MAC address';
  if (key === 'boot-file-name') return 'the boot file is the one of the profile: assign one that has it';
  if (key === 'next-server') return 'boot files come from us, or from the nextServer of the subnet';
  if (key === 'option-data') return 'no option of a single machine: set a parameter';
  return 'not known of a machine here';
}

function textOf(value: KeaValue | undefined): string | undefined {
  if (value?.kind !== 'scalar') return undefined;
  return typeof value.value === 'string' ? value.value : String(value.value);
}

/** Kea writes every key when it dumps its configuration. */
function isEmpty(value: KeaValue): boolean {
  if (value.kind === 'list') return value.items.length === 0;
  return value.kind === 'scalar' && (value.value === '' || value.value === null || value.value === '0.0.0.0');
}
