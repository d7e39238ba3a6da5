import type { ValuePath } from '../documents/yaml-source.ts';
import { cidrContains, ipv4Number } from '../model/ipv4.ts';
import type { ProcessSettings } from './process-schema.ts';

/** Checks that no two servers want one port. */
export function checkPorts(
  { dhcp, tftp, http, nfs, api, bus, manager }: ProcessSettings,
  report: (path: ValuePath, message: string) => void,
): void {
  const portmap = nfs.portmap === 'own' ? ([['nfs.portmap', 111]] as const) : [];
  const shared = [['nfs.port', nfs.port] as const, ['nfs.mountPort', nfs.mountPort] as const, ...portmap];
  const udp = [['dhcp.port', dhcp.port] as const, ['tftp.port', tftp.port] as const, ...shared];
  const admin = api.port === undefined ? [] : [['api.port', api.port] as const];
  const broker = bus.url === undefined && manager.run === 'inside' ? [['bus.port', bus.port] as const] : [];
  const tcp = [['http.port', http.port] as const, ...broker, ...admin, ...shared];
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

const loopback = { network: 0x7f00_0000, prefixLength: 8 };

/** What is said of a broker of ours and of another one excludes each other. */
export function checkBus({ bus, manager, database }: ProcessSettings, report: (path: ValuePath, message: string) => void): void {
  if (manager.run === 'apart' && database?.includes('://') !== true)
    report(['manager', 'run'], 'expected a PostgreSQL database for a manager that runs apart: an SQLite file tells nobody what changed');
  if (bus.url === undefined) {
    for (const key of ['username', 'passwordFile', 'ca'] as const)
      if (bus[key] !== undefined) report(['bus', key], 'expected bus.url beside it: our own broker has no use for it');
  } else if ((bus.username === undefined) !== (bus.passwordFile === undefined)) {
    const missing = bus.username === undefined ? 'username' : 'passwordFile';
    report(['bus', missing], 'expected both username and passwordFile, or neither');
  }
}

/** Passwords and tokens must not cross a network in the clear. */
export function checkAdminListener({ api }: ProcessSettings, report: (path: ValuePath, message: string) => void): void {
  const { port, address, certificate, key } = api;
  if ((certificate === undefined) !== (key === undefined)) {
    const missing = key === undefined ? 'key' : 'certificate';
    report(['api', missing], 'expected both certificate and key, or neither');
  } else if (port !== undefined && certificate === undefined && !cidrContains(loopback, ipv4Number(address))) {
    report(['api', 'address'], `expected an address of 127.0.0.0/8, or a certificate and its key, found ${address}`);
  }
}
