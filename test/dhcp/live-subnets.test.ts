import { beforeEach, describe, expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { LeaseBook } from '../../src/dhcp/lease-book.ts';
import { optionCode } from '../../src/dhcp/option-code.ts';
import { readAddress } from '../../src/dhcp/option-value.ts';
import { DhcpServer } from '../../src/dhcp/server.ts';
import { CapturedLog, silentLog } from '../../src/log.ts';
import { formatIpv4, ipv4Number, type Ipv4 } from '../../src/model/ipv4.ts';
import type { Mac } from '../../src/model/mac.ts';
import type { Subnet } from '../../src/model/subnet.ts';
import { MemoryLan } from '../../src/net/memory-lan.ts';
import type { UdpChannel, UdpNetwork } from '../../src/net/udp-channel.ts';
import { addressOf, Client, HeldStore, lab, nameOf, ScriptedAdvisor } from './lan-fixture.ts';

const one = '52:54:00:00:00:01';
const two = '52:54:00:00:00:02';
const farm: Subnet = {
  ...lab,
  name: 'farm',
  cidr: { network: ipv4Number('10.1.0.0'), prefixLength: 24 },
  interface: 'br1',
  serverAddress: '10.1.0.5',
  pool: { first: '10.1.0.100', last: '10.1.0.103' },
  router: '10.1.0.1',
};

/** A machine with several interfaces, each on a LAN of its own, and a record of what was bound and closed. */
class Wiring implements UdpNetwork {
  readonly lans = new Map<string, MemoryLan>();
  readonly changes: string[] = [];
  readonly #addresses: Readonly<Record<Ipv4, string>> = { [lab.serverAddress]: 'br0', [farm.serverAddress]: 'br1', '10.0.0.6': 'br0' };

  constructor(...names: readonly string[]) {
    for (const name of names) this.lans.set(name, new MemoryLan());
  }

  lan(name: string): MemoryLan {
    const lan = this.lans.get(name);
    if (lan === undefined) throw new Error(`there is no interface ${name}`);
    return lan;
  }

  async bindInterface(name: string, port: number): Promise<UdpChannel> {
    const [address = ''] = Object.entries(this.#addresses).find(([, own]) => own === name) ?? [];
    return this.#recorded(name, await this.lan(name).host(address).bindInterface(name, port));
  }

  async bindAddress(address: Ipv4, port: number): Promise<UdpChannel> {
    const name = this.#addresses[address];
    if (name === undefined) throw new Error(`there is no address ${address}`);
    return this.#recorded(address, await this.lan(name).host(address).bindAddress(address, port));
  }

  #recorded(place: string, channel: UdpChannel): UdpChannel {
    this.changes.push(`+${place}`);
    const close = channel.close.bind(channel);
    channel.close = () => {
      this.changes.push(`-${place}`);
      return close();
    };
    return channel;
  }
}

let clock: HeldClock;
let store: HeldStore;
let rights: ScriptedAdvisor;
let log: CapturedLog;

beforeEach(() => {
  clock = new HeldClock();
  store = new HeldStore();
  rights = new ScriptedAdvisor();
  log = new CapturedLog();
});

async function serve(network: Wiring, subnets: readonly Subnet[]): Promise<{ readonly server: DhcpServer; readonly book: LeaseBook }> {
  const book = new LeaseBook({ store, subnets, clock, log: silentLog });
  const server = new DhcpServer({ subnets, advisor: rights, book, network, observer: { observe() {} }, clock, log });
  await server.start();
  network.changes.length = 0;
  return { server, book };
}

describe('DhcpServer.setSubnets', () => {
  it('answers a new subnet, and one that stays on the socket that it had', async () => {
    const network = new Wiring('br0', 'br1');
    const { server } = await serve(network, [lab]);
    const [near, far] = [await Client.join(network.lan('br0'), one), await Client.join(network.lan('br1'), two)];
    expect(await far.send('DISCOVER')).toBeUndefined();
    expect(await server.setSubnets([lab, farm])).toEqual([]);
    expect(network.changes).toEqual(['+br1', '+10.1.0.5']);
    expect([addressOf(await near.send('DISCOVER')), addressOf(await far.send('DISCOVER'))]).toEqual(['10.0.0.100', '10.1.0.100']);
    await server.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('is silent on a subnet that is gone, and closes its sockets', async () => {
    const network = new Wiring('br0', 'br1');
    const { server } = await serve(network, [lab, farm]);
    const far = await Client.join(network.lan('br1'), two);
    await server.setSubnets([lab]);
    expect(network.changes).toEqual(['-br1', '-10.1.0.5']);
    expect(await far.send('DISCOVER')).toBeUndefined();
    await server.setSubnets([{ ...lab, mode: 'off' }]);
    expect(network.changes.slice(2)).toEqual(['-br0', '-10.0.0.5']);
    await server.close();
  });

  it('starts with no subnets at all', async () => {
    const network = new Wiring('br0');
    const { server } = await serve(network, []);
    await server.setSubnets([lab]);
    expect(addressOf(await (await Client.join(network.lan('br0'), one)).send('DISCOVER'))).toBe('10.0.0.100');
    await server.close();
  });

  it('says which subnet cannot be answered and why, answers the others, and tries again every five seconds', async () => {
    const network = new Wiring('br0');
    const { server } = await serve(network, [lab]);
    expect(await server.setSubnets([farm, lab])).toEqual([{ subnet: 'farm', reason: 'there is no interface br1' }]);
    const near = await Client.join(network.lan('br0'), one);
    expect(addressOf(await near.send('DISCOVER'))).toBe('10.0.0.100');
    clock.advance(5000);
    await network.lan('br0').settle();
    network.lans.set('br1', new MemoryLan());
    clock.advance(5000);
    await network.lan('br1').settle();
    expect(log.lines.at(-1)).toMatchObject({ level: 'info', fields: { subnet: 'farm' } });
    expect(addressOf(await (await Client.join(network.lan('br1'), two)).send('DISCOVER'))).toBe('10.1.0.100');
    expect(clock.pendingTimers).toBe(0);
    await server.close();
  });

  it('leaves no timer behind that looks for an interface', async () => {
    const { server } = await serve(new Wiring('br0'), [lab]);
    await server.setSubnets([farm]);
    await server.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('takes changes one after the other, the last one counting', async () => {
    const network = new Wiring('br0', 'br1');
    const { server } = await serve(network, [lab]);
    await Promise.all([server.setSubnets([farm]), server.setSubnets([lab, farm]), server.setSubnets([farm])]);
    expect(network.changes.toSorted()).toEqual(['+10.1.0.5', '+br1', '-10.0.0.5', '-br0']);
    await server.close();
  });

  it('follows our own address and answers with it', async () => {
    const network = new Wiring('br0');
    const { server } = await serve(network, [lab]);
    const client = await Client.join(network.lan('br0'), one);
    await server.setSubnets([{ ...lab, serverAddress: '10.0.0.6', leaseSeconds: 120 }]);
    const offer = await client.send('DISCOVER');
    const options = offer?.options ?? new Map<number, Uint8Array>();
    expect(readAddress(options, optionCode.serverId)).toBe(ipv4Number('10.0.0.6'));
    expect(options.get(optionCode.leaseSeconds)).toEqual(Uint8Array.of(0, 0, 0, 120));
    expect(network.changes).toEqual(['+10.0.0.6', '-10.0.0.5']);
    await server.close();
  });

  it('probes the pools of now', async () => {
    const network = new Wiring('br0', 'br1');
    const neighbours = { neighbours: () => new Map<Ipv4, Mac>(), neighbourMac: () => undefined };
    const book = new LeaseBook({ store, subnets: [lab], clock, log: silentLog });
    const parts = { subnets: [lab], advisor: rights, book, network, observer: { observe() {} }, clock, log, neighbours };
    const server = new DhcpServer(parts);
    await server.start();
    await server.setSubnets([farm]);
    clock.advance(10_000);
    expect(network.lan('br1').sent.map(({ to }) => to.address)).toEqual(['10.1.0.100', '10.1.0.101', '10.1.0.102', '10.1.0.103']);
    await server.close();
    expect(network.changes.filter((change) => change === '+10.1.0.5')).toHaveLength(2);
    expect(network.changes.filter((change) => change === '-10.1.0.5')).toHaveLength(2);
  });
});

describe('LeaseBook.setSubnets', () => {
  let book: LeaseBook;

  function offer(mac: Mac, subnet: Subnet): string {
    const result = book.offer(mac, subnet, undefined, rights);
    return result.kind === 'address' ? formatIpv4(result.address) : result.reason;
  }

  async function bind(mac: Mac, subnet: Subnet): Promise<Ipv4> {
    const address = offer(mac, subnet);
    await book.grant(mac, subnet, ipv4Number(address));
    return address;
  }

  function claim(mac: Mac, address: Ipv4, subnet: Subnet): string {
    return book.claim(mac, subnet, ipv4Number(address), 'renewing', rights).kind;
  }

  beforeEach(async () => {
    book = new LeaseBook({ store, subnets: [lab], clock, log });
    await book.load();
  });

  it('keeps the leases of a pool that grew, and offers what is new', async () => {
    const bound = [await bind(one, lab), await bind(two, lab)];
    const wide = { ...lab, pool: { first: '10.0.0.98', last: '10.0.0.199' } };
    book.setSubnets([wide]);
    expect([one, two].map((mac) => offer(mac, wide))).toEqual(bound);
    const offers = Array.from({ length: 100 }, (_, number) => offer(`52:54:00:00:01:${(number + 16).toString(16)}`, wide));
    expect(new Set([...offers, ...bound]).size).toBe(102);
    expect(offer('52:54:00:00:02:01', wide)).toBe('no free address in the pool');
  });

  it('keeps leases outside of the new pool as history: their clients get another address, a live one keeps its own', async () => {
    const bound = await bind(one, lab);
    const moved = { ...lab, pool: { first: '10.0.0.150', last: '10.0.0.151' } };
    book.setSubnets([moved]);
    expect(book.leaseOf(bound)?.mac).toBe(one);
    expect(claim(one, bound, moved)).toBe('refuse');
    rights.live.add(bound);
    expect(claim(one, bound, moved), 'its root hangs on it').toBe('grant');
    expect(offer(two, moved)).toBe('10.0.0.150');
    expect(offer(one, moved)).toBe('10.0.0.151');
    expect(book.list().map(({ address }) => address)).toEqual([bound]);
  });

  it('gives a lease back to its client when its subnet comes back, also under another name', async () => {
    const bound = await bind(one, lab);
    book.setSubnets([]);
    const renamed = { ...lab, name: 'old-lab' };
    book.setSubnets([renamed]);
    expect(offer(two, renamed)).not.toBe(bound);
    expect(offer(one, renamed)).toBe(bound);
    expect(book.addressOf(one)).toBe(bound);
  });

  it('goes on in the order of before in a pool that stays', async () => {
    await bind(one, lab);
    await bind(two, lab);
    book.release(two, ipv4Number('10.0.0.101'));
    book.release(one, ipv4Number('10.0.0.100'));
    const others = ['03', '04', '05', '06'].map((last) => `52:54:00:00:00:${last}`);
    offer(others[0] ?? '', lab);
    book.setSubnets([{ ...lab, leaseSeconds: 60 }, farm]);
    expect(others.map((mac) => offer(mac, lab))).toEqual(['10.0.0.102', '10.0.0.103', '10.0.0.101', '10.0.0.100']);
  });

  it('gives nobody a declined address of a pool that changed, as long as there are others', async () => {
    const bound = await bind(one, lab);
    book.decline(one, lab, ipv4Number(bound));
    const wider = { ...lab, pool: { first: '10.0.0.100', last: '10.0.0.102' } };
    book.setSubnets([wider]);
    expect([offer(one, wider), offer(two, wider)]).toEqual(['10.0.0.101', '10.0.0.102']);
    expect(offer('52:54:00:00:00:03', wider), 'rather than none').toBe(bound);
  });

  it('leaves out our own address and the router of now', () => {
    const moved = { ...lab, serverAddress: '10.0.0.100', router: '10.0.0.101' };
    book.setSubnets([moved]);
    expect(offer(one, moved)).toBe('10.0.0.102');
  });

  it('NAKs nobody for a change in mid-boot that does not touch its address', async () => {
    const network = new Wiring('br0');
    const { server } = await serve(network, [lab]);
    const client = await Client.join(network.lan('br0'), one);
    const offered = addressOf(await client.send('DISCOVER')) ?? '';
    await server.setSubnets([{ ...lab, leaseSeconds: 60, pool: { first: '10.0.0.90', last: '10.0.0.120' } }]);
    expect(nameOf(await client.send('REQUEST', { requested: offered, server: '10.0.0.5' }))).toBe('ACK');
    await server.close();
  });
});
