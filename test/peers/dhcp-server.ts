import { systemClock } from '../../src/clock.ts';
import type { BootAdvisor } from '../../src/dhcp/boot-advisor.ts';
import { LeaseBook } from '../../src/dhcp/lease-book.ts';
import { DhcpServer } from '../../src/dhcp/server.ts';
import { jsonLog } from '../../src/log.ts';
import { ipv4Number } from '../../src/model/ipv4.ts';
import type { Subnet } from '../../src/model/subnet.ts';
import { kernelNetwork } from '../../src/net/kernel-network.ts';
import { kernelNeighbours } from '../../src/net/neighbour-table.ts';
import { bootDom0, HeldStore } from '../dhcp/lan-fixture.ts';

/** A DHCP server alone, for peers in a namespace: `node dhcp-server.ts INTERFACE ADDRESS`. Leases live in memory. */
const [, , name = '', serverAddress = ''] = process.argv;
const log = jsonLog('info');
const clock = systemClock;
const network = ipv4Number(serverAddress) - (ipv4Number(serverAddress) % 256);
const prefix = serverAddress.replace(/\d+$/, '');

const subnet: Subnet = {
  name: 'lab',
  cidr: { network, prefixLength: 24 },
  interface: name,
  serverAddress,
  mode: 'authoritative',
  pool: { first: `${prefix}100`, last: `${prefix}109` },
  router: `${prefix}1`,
  dnsServers: [],
  leaseSeconds: 600,
  unknown: { kind: 'lease' },
};

/** No option 150 for the second machine: the client of the npm package dhcp dies of options that it does not know. */
const advisor: BootAdvisor = {
  advise(client) {
    const { menuPath: _, ...decision } = { ...bootDom0, subnet, bootFile: 'pxegrub', nextServer: serverAddress };
    return client.mac === '52:54:00:09:08:02' ? decision : { ...decision, menuPath: '/grub/post01.conf' };
  },
  reservedAddress: () => undefined,
  isReserved: () => false,
  addressInUse: () => false,
};

const book = new LeaseBook({ store: new HeldStore(), subnets: [subnet], clock, log });
const server = new DhcpServer({
  subnets: [subnet],
  advisor,
  book,
  network: kernelNetwork({ clock, log }),
  observer: { observe() {} },
  clock,
  log,
  neighbours: kernelNeighbours(),
});
await server.start();
log.info({}, 'serving');
process.once('SIGTERM', () => void server.close());
