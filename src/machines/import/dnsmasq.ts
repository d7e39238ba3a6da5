import { parseIpv4 } from '../../model/ipv4.ts';
import { parseMac } from '../../model/mac.ts';
import { readImport } from './import-report.ts';
import type { ImportReport, ImportResult } from './import-report.ts';

/** Machines of dnsmasq's `dhcp-host=` lines, or of a file that dhcp-hostsfile names, which has what stands behind the `=`. */
export function importDnsmasq(text: string): ImportResult {
  return readImport(text, (content, report) => {
    for (const [index, raw] of content.split('\n').entries()) {
      const comment = /(?:^|\s)#/.exec(raw);
      const line = raw.slice(0, comment?.index).trim();
      if (line === '') continue;
      const [, key, value] = /^(?:--)?([a-z][a-z0-9-]*)\s*=(.*)$/.exec(line) ?? [];
      if (key === undefined) readHost(index + 1, line, report);
      else if (key === 'dhcp-host') readHost(index + 1, value ?? '', report);
      else report.leaveOut(index + 1, line, 'a setting of the network, not of a machine');
    }
  });
}

function readHost(line: number, text: string, report: ImportReport): void {
  const macs: string[] = [];
  let name: string | undefined;
  let address: string | undefined;
  let ignored = false;
  for (const part of text.split(',').map((each) => each.trim())) {
    const leaveOut = (reason: string): void => report.leaveOut(line, part, reason);
    const mac = macIn(part);
    if (part === '' || part === 'id:*') continue;
    if (mac !== undefined) macs.push(mac);
    else if (parseIpv4(part) !== undefined) {
      if (address === undefined) address = part;
      else leaveOut('a second address of one MAC');
    } else if (part === 'ignore') ignored = true;
    else if (part.startsWith('id:')) leaveOut('machines are known by MAC address, not by client-id');
    else if (/^(?:set|net|tag):/.test(part)) leaveOut('a tag: what it chooses in dnsmasq, a profile or a subnet says here');
    else if (part.startsWith('[')) leaveOut('an IPv6 address');
    else if (part.includes('*')) leaveOut('a pattern of MAC addresses');
    else if (part === 'infinite' || /^\d+[smhdw]?$/.test(part)) leaveOut('a lease time of its own: leases last as the subnet says');
    else if (part.includes(':')) leaveOut('neither a MAC address nor a name');
    else if (name === undefined) name = part;
    else leaveOut('a second name');
  }
  report.add({
    line,
    macs,
    ...(name !== undefined && { name }),
    ...(address !== undefined && { address }),
    ...(ignored && { fields: { ignored } }),
  });
}

/** With or without the hardware type, of which Ethernet is 1. */
function macIn(text: string): string | undefined {
  const bare = text.replace(/^0?1-(?=[0-9a-f]{2}:)/i, '');
  return bare.length > 12 && parseMac(bare) !== undefined ? bare : undefined;
}
