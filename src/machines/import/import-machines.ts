import { importCsv } from './csv.ts';
import { importDnsmasq } from './dnsmasq.ts';
import type { ImportResult } from './import-report.ts';
import { importIscDhcpd } from './isc-dhcpd.ts';
import { importKea } from './kea.ts';

export const importFormats = ['csv', 'dnsmasq', 'isc-dhcpd', 'kea'] as const;
export type ImportFormat = (typeof importFormats)[number];

const importers: Readonly<Record<ImportFormat, (text: string) => ImportResult>> = {
  csv: importCsv,
  dnsmasq: importDnsmasq,
  'isc-dhcpd': importIscDhcpd,
  kea: importKea,
};

/** Machines out of another program's file, and all that was not understood of it. Never throws for what the text holds. */
export function importMachines(format: ImportFormat, text: string): ImportResult {
  return importers[format](text);
}

/** The format that a text seems to be of; nothing where it looks like none. */
export function guessImportFormat(text: string): ImportFormat | undefined {
  const start = text.slice(0, 1_000_000);
  const lines = start.split('\n').map((line) => line.slice(0, 500));
  const said = lines.filter((line) => line.trim() !== '' && !/^\s*(?:#|\/\/)/.test(line));
  const [first = ''] = said;
  if (/^\uFEFF?\s*[{[]/.test(first) || /^\s*\/\*/.test(first)) return 'kea';
  if (said.some((line) => /^\s*(?:--)?dhcp-host\s*=/.test(line))) return 'dnsmasq';
  if (
    said.some((line) => /^\s*(?:host|group|subnet|shared-network|pool)\b.*\{?\s*$/.test(line) || /;\s*(?:#.*)?$/.test(line)) &&
    start.includes('{')
  )
    return 'isc-dhcpd';
  if (/(?:^|[,;\t"])\s*(?:mac|mac address|hwaddr)\s*(?:$|[,;\t"])/i.test(first)) return 'csv';
  return /^\s*(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\s*,/i.test(first) ? 'dnsmasq' : undefined;
}
