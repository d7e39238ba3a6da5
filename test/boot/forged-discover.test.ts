import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LeaseBook } from '../../src/dhcp/lease-book.ts';
import { optionCode } from '../../src/dhcp/option-code.ts';
import { DhcpServer } from '../../src/dhcp/server.ts';
import { MemoryLan } from '../../src/net/memory-lan.ts';
import { addressOf, Client, HeldStore, nameOf } from '../dhcp/lan-fixture.ts';
import { address, mac, otherMac, Rig, secondMac, subnet } from './rig.ts';

const firmware = [
  [optionCode.classId, Buffer.from('PXEClient:Arch:00000:UNDI:002001')] as const,
  [optionCode.architecture, Uint8Array.of(0, 0)] as const,
];
const running = [[optionCode.classId, Buffer.from('udhcp 1.36')] as const];

let rig: Rig;
let lan: MemoryLan;
let server: DhcpServer;

beforeEach(async () => {
  rig = new Rig();
  rig.hasManager = true;
  lan = new MemoryLan();
  const book = new LeaseBook({ store: new HeldStore(), subnets: [subnet], clock: rig.clock, log: rig.log });
  rig.leaseOwner = (of) => book.leaseOf(of)?.mac;
  await rig.start();
  const { desk, clock, log } = rig;
  server = new DhcpServer({ subnets: [subnet], advisor: desk, observer: desk, book, network: lan.host('192.168.0.5'), clock, log });
  await server.start();
});
afterEach(async () => {
  await server.close();
  await rig.remove();
});

/** DISCOVER to ACK, as a ROM or a running system does it. */
async function lease(client: Client, options: typeof firmware | typeof running): Promise<void> {
  const offer = await client.send('DISCOVER', { options });
  const ack = await client.send('REQUEST', { options, requested: addressOf(offer) ?? '', server: '192.168.0.5' });
  expect([nameOf(ack), addressOf(ack)]).toEqual(['ACK', address]);
}

/** From the ROM to the mounted root; the token is on the kernel's command line then. */
async function bootToRoot(machine: Client): Promise<string> {
  await lease(machine, firmware);
  rig.fetch('pxegrub');
  rig.clock.advance(2000);
  const token = await rig.token();
  rig.fetch('/grub/post01.conf');
  rig.fetch('/images/dom0@3/vmlinuz');
  rig.clock.advance(10_000);
  await lease(machine, running);
  rig.mount();
  rig.clock.advance(5000);
  return token;
}

const hello = (token: string, from = address) => rig.desk.hello({ token, clientAddress: from, body: '' });
const shown = () => rig.desk.attemptsOf('post01').map(({ state, reason }) => `${state}: ${reason}`);

describe('a DISCOVER with the MAC of a machine, sent by somebody else', () => {
  it('keeps the machine from nothing: its hello is taken, and says which of the two was its own', async () => {
    const machine = await Client.join(lan, mac);
    const forger = await Client.join(lan, mac);
    const token = await bootToRoot(machine);
    expect(nameOf(await forger.send('DISCOVER', { options: firmware }))).toBe('OFFER');
    expect(shown()).toEqual(['failed: the machine began anew after mount', expect.stringMatching(/^booting: /)]);
    expect(await hello(token)).toEqual({ accepted: true, session: 'post01/1 at http://192.168.0.5:8080' });
    const up = rig.desk.stateOf('post01');
    expect(up).toMatchObject({ state: 'up', address, lastPacket: 'HTTP POST /boot/v1/hello' });
    expect(shown()).toEqual([
      `failed: the machine did not begin anew: it has said hello by the boot before, ${up?.attempt}`,
      'up: the running system said hello with its boot token',
    ]);
    expect(rig.store.boots).toMatchObject([{ machine: 'post01', attempt: up?.attempt }]);
  });

  it('keeps it from nothing between its menu and its kernel, whose packets are taken for those of the other', async () => {
    const machine = await Client.join(lan, mac);
    await lease(machine, firmware);
    rig.fetch('pxegrub');
    const token = await rig.token();
    rig.fetch('/grub/post01.conf');
    await (await Client.join(lan, mac)).send('DISCOVER', { options: firmware });
    rig.fetch('/images/dom0@3/vmlinuz');
    await lease(machine, running);
    rig.mount();
    expect(await hello(token)).toMatchObject({ accepted: true });
    expect(rig.desk.stateOf('post01')).toMatchObject({ state: 'up', address });
    expect(rig.desk.addressInUse(address)).toBe(true);
    await lease(machine, running);
    expect(rig.desk.stateOf('post01')?.state).toBe('up');
  });

  it('does so again and again, by each of its NICs, and its hello is taken all the same', async () => {
    const token = await bootToRoot(await Client.join(lan, mac));
    const forgers = [await Client.join(lan, mac), await Client.join(lan, secondMac)];
    for (let n = 0; n < 30; n++) {
      await forgers[n % 2]?.send('DISCOVER', { options: firmware });
      rig.clock.advance(1000);
    }
    expect(await hello(token)).toMatchObject({ accepted: true });
    expect(rig.desk.stateOf('post01')?.state).toBe('up');
    expect(rig.clock.pendingTimers).toBeLessThan(10);
  });

  it('does not make the token good elsewhere, nor twice', async () => {
    const token = await bootToRoot(await Client.join(lan, mac));
    await leaseOther(await Client.join(lan, otherMac));
    await (await Client.join(lan, mac)).send('DISCOVER', { options: firmware });
    expect(await hello(token, '192.168.0.100')).toMatchObject({ accepted: false, reason: expect.stringContaining("another machine's") });
    expect(await hello(token)).toMatchObject({ accepted: true });
    rig.clock.advance(60_001);
    expect(await hello(token)).toMatchObject({ accepted: false, reason: expect.stringContaining('was used already') });
  });

  it('proves nothing: only the hello of a boot ends what the boots before it were given', async () => {
    const token = await bootToRoot(await Client.join(lan, mac));
    await hello(token);
    await (await Client.join(lan, mac)).send('DISCOVER', { options: firmware });
    expect(rig.store.boots).toHaveLength(1);
  });
});

async function leaseOther(client: Client): Promise<void> {
  const offer = await client.send('DISCOVER', { options: firmware });
  await client.send('REQUEST', { options: firmware, requested: addressOf(offer) ?? '', server: '192.168.0.5' });
}
