import type { ValuePath } from '../documents/yaml-source.ts';
import type { ProcessSettings } from './process-schema.ts';

/** Checks that no two servers want one port. */
export function checkPorts({ dhcp, tftp, http, nfs }: ProcessSettings, report: (path: ValuePath, message: string) => void): void {
  const portmap = nfs.portmap === 'own' ? ([['nfs.portmap', 111]] as const) : [];
  const shared = [['nfs.port', nfs.port] as const, ['nfs.mountPort', nfs.mountPort] as const, ...portmap];
  const udp = [['dhcp.port', dhcp.port] as const, ['tftp.port', tftp.port] as const, ...shared];
  const tcp = [['http.port', http.port] as const, ...shared];
  const said = new Set<string>();
  for (const ports of [udp, tcp]) {
    const owners = new Map<number, string>();
    for (const [key, port] of ports) {
      const owner = owners.get(port);
      owners.set(port, owner ?? key);
      if (owner === undefined || said.has(key)) continue;
      said.add(key);
      report(key.split('.'), `expected a port of its own, ${port} is the one of ${owner}`);
    }
  }
}
