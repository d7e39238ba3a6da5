import { beforeEach, describe, expect, it } from 'vitest';
import { HeldClock } from '../src/clock.ts';
import { CapturedLog } from '../src/log.ts';
import { applyDocuments } from '../src/machines/apply.ts';
import { ObjectBook } from '../src/machines/object-book.ts';
import type { ObjectDocument } from '../src/machines/object-store.ts';
import type { NetworkInterfaces } from '../src/machines/server-addresses.ts';
import { ServedSubnets } from '../src/served-subnets.ts';
import { MemoryObjectStore } from './machines/memory-object-store.ts';

const lab: ObjectDocument = { kind: 'Subnet', name: 'lab', cidr: '192.168.0.0/24', interface: 'br0' };
const away: ObjectDocument = {
  kind: 'Subnet',
  name: 'away',
  cidr: '10.0.0.0/24',
  interface: 'br1',
  serverAddress: '10.0.0.5',
  mode: 'off',
};

describe('the subnets that are served', () => {
  const log = new CapturedLog();
  let objects: ObjectBook;
  let interfaces: NetworkInterfaces;
  let own: ReadonlySet<string>;

  beforeEach(async () => {
    objects = await ObjectBook.open({ store: new MemoryObjectStore(), clock, log });
    interfaces = { br0: [{ family: 'IPv4', address: '192.168.0.5' }] };
    own = new Set(['127.0.0.1', '192.168.0.5']);
    log.lines.length = 0;
  });

  async function served(...documents: readonly ObjectDocument[]): Promise<ServedSubnets> {
    expect(await applyDocuments(objects, documents, { author: 'anna' })).toMatchObject({ kind: 'done' });
    return open();
  }

  const clock = new HeldClock();
  const open = (): ServedSubnets => new ServedSubnets({ objects, clock, log, interfaces: () => interfaces, ownAddresses: () => own });

  it('are those that this machine has an address on, and no other keeps them from being served', async () => {
    const subnets = await served(lab, away);
    expect(subnets.current).toMatchObject([{ name: 'lab', serverAddress: '192.168.0.5' }]);
    expect([...subnets.unserved]).toEqual([['away', expect.stringMatching(/10\.0\.0\.5; it is served when it comes/)]]);
    expect(log.lines).toMatchObject([{ level: 'error', message: 'a subnet is not served', fields: { subnet: 'away' } }]);
  });

  it('are refused as a whole where a person has just written them', async () => {
    const subnets = await served(lab, away);
    expect(() => subnets.requireAll()).toThrow(/Subnet away: serverAddress: expected an address that this machine has/);
    interfaces = {};
    expect(() => open().requireAll()).toThrow(/Subnet lab/);
  });

  it('follow what is configured, also what changed before anybody followed', async () => {
    const subnets = await served(lab);
    await applyDocuments(objects, [{ ...lab, leaseSeconds: 120 }], { author: 'anna' });
    const told: (readonly { readonly name: string; readonly leaseSeconds: number }[])[] = [];
    subnets.follow((current) => told.push(current));
    expect(told).toMatchObject([[{ name: 'lab', leaseSeconds: 120 }]]);
    own = new Set([...own, '10.0.0.5']);
    await applyDocuments(objects, [away], { author: 'anna' });
    expect(told.at(-1)).toMatchObject([{ name: 'lab' }, { name: 'away' }]);
    // The cable is out: Node shows the interface no more, but the address is there.
    interfaces = {};
    await applyDocuments(objects, [{ ...lab, leaseSeconds: 90 }], { author: 'anna' });
    expect(told.at(-1)).toMatchObject([{ name: 'lab', leaseSeconds: 90, serverAddress: '192.168.0.5' }, { name: 'away' }]);
    own = new Set(['10.0.0.5']);
    await applyDocuments(objects, [{ ...lab, leaseSeconds: 80 }], { author: 'anna' });
    expect(told.at(-1)).toMatchObject([{ name: 'away' }]);
    subnets.close();
    await applyDocuments(objects, [{ ...lab, leaseSeconds: 60 }], { author: 'anna' });
    expect(told).toHaveLength(4);
  });
});
