import { expect, it } from 'vitest';
import type { CapturedDhcp } from './captured-dhcp.ts';
import { TwoServersRig } from './two-servers-rig.ts';

const ack = 5;
const nak = 6;

/** Addresses that were acknowledged to a client while another one had them: nobody's lease runs out in the time of a test. */
function givenTwice(acks: readonly CapturedDhcp[]): readonly string[] {
  const holders = new Map<string, string>();
  const addresses = new Map<string, string>();
  const faults: string[] = [];
  for (const { mac, yiaddr, server } of acks) {
    const holder = holders.get(yiaddr);
    if (holder !== undefined && holder !== mac) faults.push(`${yiaddr} of ${holder} was given to ${mac} by ${server}`);
    const before = addresses.get(mac);
    if (before !== undefined && before !== yiaddr) holders.delete(before);
    holders.set(yiaddr, mac);
    addresses.set(mac, yiaddr);
  }
  return faults;
}

it('two servers on one database: one is killed under load, no address is given twice and no acknowledged lease is lost', async () => {
  await using rig = await TwoServersRig.create();
  const [first, second] = rig.servers;
  await rig.capture();
  const load = rig.load({ rate: 200, count: 2500, seconds: 20 });
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  await first.process.kill();
  const killedMs = Date.now();
  const report = await load;
  const packets = await rig.captured();
  const acks = packets.filter(({ type, yiaddr }) => type === ack && yiaddr !== '0.0.0.0');
  const told = `${report}\n${packets.length} packets, ${acks.length} ACKs, ${packets.filter(({ type }) => type === nak).length} NAKs`;

  const ofFirst = acks.filter(({ server }) => server === first.address);
  const ofSecond = acks.filter(({ server }) => server === second.address);
  const after = ofSecond.filter(({ atMs }) => atMs > killedMs);
  expect(Math.min(ofFirst.length, ofSecond.length - after.length), `both served:\n${told}`).toBeGreaterThan(50);
  expect(after.length, `the second went on alone:\n${told}`).toBeGreaterThan(500);

  expect(givenTwice(acks)).toEqual([]);
  const leases = rig.leases();
  const lost = acks.filter(({ mac, yiaddr }) => leases.get(yiaddr)?.mac !== mac);
  expect(lost).toEqual([]);
  const newest = new Map(acks.map(({ mac, yiaddr }) => [mac, yiaddr]));
  const unbound = [...newest].filter(([, address]) => leases.get(address)?.state !== 'bound');
  expect(unbound).toEqual([]);
  expect([...first.lines, ...second.lines].filter(({ level }) => level === 'error')).toEqual([]);
}, 120_000);
