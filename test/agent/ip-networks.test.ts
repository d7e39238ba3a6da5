import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { IpNetworks } from '../../src/agent/ip-networks.ts';
import type { ProgramEnd } from '../../src/agent/run-program.ts';

/** Recorded on a Dom0 with a guest on xenbr0, and with eth0.12 on brv12. */
function recorded(name: string): string {
  return readFileSync(new URL(`../fixtures/xl/${name}`, import.meta.url), 'utf8');
}

/** An `ip` that shows what was recorded, and writes down what it is to do. */
function rig(links = recorded('ip-link.json'), fail?: RegExp) {
  const did: string[] = [];
  const ip = (words: readonly string[], input = ''): Promise<ProgramEnd> => {
    const line = words.join(' ');
    if (line === '-j -d link') return Promise.resolve({ kind: 'ended', code: 0, out: links, error: '' });
    const lines = input.trimEnd().split('\n');
    const badAt = fail === undefined ? -1 : lines.findIndex((each) => fail.test(each));
    did.push(...(badAt < 0 ? lines : lines.slice(0, badAt)));
    const error = badAt < 0 ? '' : `RTNETLINK answers: Operation not supported\nCommand failed -:${badAt + 1}\n`;
    return Promise.resolve({ kind: 'ended', code: badAt < 0 ? 0 : 1, out: '', error });
  };
  return { did, networks: new IpNetworks({ ip, addressOf: (name) => (name === 'xenbr0' ? '192.168.0.11' : undefined) }) };
}

describe("a Dom0's networks", () => {
  it('are its bridges, its own cards without those of guests, and its address', async () => {
    expect(await rig().networks.list()).toEqual({ bridges: ['xenbr0'], nics: ['eth0'], address: '192.168.0.11' });
  });

  it('get a VLAN of the card that the machine booted by, though that is a port of the bridge of the root', async () => {
    const { networks, did } = rig();
    expect(await networks.up({ bridge: 'farm', vlan: 12 })).toEqual({ kind: 'done' });
    expect(did).toEqual([
      'link set eth0 up',
      'link add link eth0 name eth0.12 type vlan id 12',
      'link add name farm type bridge forward_delay 0',
      'link set farm addrgenmode none',
      'link set eth0.12 master farm',
      'link set eth0.12 up',
      'link set farm up',
    ]);
  });

  it('are made once: what is there is only brought up', async () => {
    const { networks, did } = rig(recorded('ip-link-vlan.json'));
    expect(await networks.up({ bridge: 'brv12', vlan: 12 })).toEqual({ kind: 'done' });
    expect(did).toEqual(['link set eth0.12 master brv12', 'link set eth0.12 up', 'link set brv12 up']);
  });

  it('may be a bridge between guests alone', async () => {
    const { networks, did } = rig();
    expect(await networks.up({ bridge: 'inside' })).toEqual({ kind: 'done' });
    expect(did).not.toContainEqual(expect.stringContaining('master'));
  });

  it('have the bridge of the root already', async () => {
    const { networks, did } = rig();
    expect(await networks.up({ bridge: 'xenbr0' })).toEqual({ kind: 'done' });
    expect(did).toEqual([]);
  });

  it('never join two networks by one bridge', async () => {
    const { networks, did } = rig(recorded('ip-link-vlan.json'));
    expect(await networks.up({ bridge: 'brv12', vlan: 13 })).toMatchObject({
      code: 'refused',
      reason: 'brv12 has eth0.12 already: with eth0.13 it would join two networks',
    });
    expect(did).toEqual([]);
  });

  const refusals = [
    { name: 'a VLAN below the bridge of the root', up: { bridge: 'xenbr0', vlan: 12 }, reason: /carries the root/ },
    { name: "the root's card without a VLAN", up: { bridge: 'farm', nic: 'eth0' }, reason: /carries the root/ },
    { name: 'a card that is not there', up: { bridge: 'farm', nic: 'eth7', vlan: 12 }, reason: /has no NIC eth7/ },
    { name: "a guest's card", up: { bridge: 'farm', nic: 'vif1.0' }, reason: /has no NIC vif1\.0/ },
    { name: 'a bridge that is no bridge', up: { bridge: 'eth0', vlan: 12 }, reason: /eth0 is there, and no bridge/ },
  ];
  it.each(refusals)('are not changed for $name', async ({ up, reason }) => {
    const { networks, did } = rig();
    expect(await networks.up(up)).toMatchObject({ code: 'refused', reason: expect.stringMatching(reason) });
    expect(did).toEqual([]);
  });

  it('give a VLAN to one bridge only', async () => {
    const { networks } = rig(recorded('ip-link-vlan.json'));
    expect(await networks.up({ bridge: 'farm', vlan: 12 })).toMatchObject({
      code: 'refused',
      reason: 'eth0.12 is a port of brv12 already',
    });
  });

  it('say which step failed, and why', async () => {
    const { networks } = rig(undefined, /type vlan/);
    expect(await networks.up({ bridge: 'farm', vlan: 12 })).toEqual({
      kind: 'failed',
      code: 'failed',
      reason: 'ip link add link eth0 name eth0.12 type vlan id 12: RTNETLINK answers: Operation not supported',
    });
  });

  it('go down with their VLAN, unless guests are on them or the root', async () => {
    const { networks, did } = rig(recorded('ip-link-vlan.json'));
    expect(await networks.down('brv12')).toEqual({ kind: 'done' });
    expect(did).toEqual(['link del brv12', 'link del eth0.12']);
    expect(await networks.down('xenbr0')).toMatchObject({ code: 'refused' });
    expect(await networks.down('nothing')).toEqual({ kind: 'done' });
    const guest = recorded('ip-link.json').replaceAll('xenbr0', 'farm');
    expect(await rig(guest).networks.down('farm')).toMatchObject({ code: 'refused', reason: 'farm has guests on it: vif1.0' });
  });
});
