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
