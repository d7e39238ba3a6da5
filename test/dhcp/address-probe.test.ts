import { describe, expect, it } from 'vitest';
import type { Mac } from '../../src/model/mac.ts';
import type { NeighbourTable } from '../../src/net/neighbour-table.ts';
import { addressOf, Client, lab, serve, type Scene } from './lan-fixture.ts';

/** A neighbour table as the kernel fills it. */
function table(): { readonly hosts: Map<string, Mac>; readonly neighbours: NeighbourTable } {
  const hosts = new Map<string, Mac>();
  return { hosts, neighbours: { neighbours: () => new Map(hosts), neighbourMac: (address) => hosts.get(address) } };
}

function poked(scene: Scene): readonly string[] {
  return scene.lan.sent.filter(({ to }) => to.port === 9).map(({ to }) => to.address);
}

async function offersOf(scene: Scene, count: number): Promise<readonly (string | undefined)[]> {
  const offers: (string | undefined)[] = [];
  for (let last = 1; last <= count; last++)
    offers.push(addressOf(await (await Client.join(scene.lan, `52:54:00:00:09:0${last}`)).send('DISCOVER')));
  return offers;
}

describe('AddressProbe', () => {
  it('offers no address on which a stranger answered (RFC 2131 2.2)', async () => {
    const { hosts, neighbours } = table();
    const scene = await serve(lab, { neighbours });
    hosts.set('10.0.0.101', '52:54:00:00:00:99');
    scene.clock.advance(12_000);
    expect(poked(scene)).toEqual(['10.0.0.100', '10.0.0.101', '10.0.0.102', '10.0.0.103']);
    expect(await offersOf(scene, 3)).toEqual(['10.0.0.100', '10.0.0.102', '10.0.0.103']);
    expect(scene.log.lines.some(({ fields }) => fields['mac'] === '52:54:00:00:00:99')).toBe(true);
    await scene.server.close();
  });

  it('takes a neighbour that the kernel forgets on a second look for gone', async () => {
    const { hosts, neighbours } = table();
    const scene = await serve(lab, { neighbours });
    hosts.set('10.0.0.101', '52:54:00:00:00:99');
    scene.clock.advance(9000);
    hosts.clear();
    scene.clock.advance(3000);
    expect(scene.log.lines.filter(({ level }) => level === 'warn')).toEqual([]);
    expect(await offersOf(scene, 4)).toContain('10.0.0.101');
    await scene.server.close();
  });

  it('asks nothing on a subnet that has only reservations', async () => {
    const { neighbours } = table();
    const scene = await serve({ ...lab, mode: 'reserved' }, { neighbours });
    scene.clock.advance(12_000);
    expect(poked(scene)).toEqual([]);
    await scene.server.close();
  });
});
