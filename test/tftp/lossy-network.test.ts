import { describe, expect, it } from 'vitest';
import { seededFaults } from '../../src/net/memory-lan.ts';
import { TftpRig, clientAddress, pattern } from './tftp-rig.ts';

const seeds = Array.from({ length: 12 }, (_, index) => index + 1);

async function transfer(rig: TftpRig, size: number, options: Readonly<Record<string, string>>) {
  rig.rendered('/f', pattern(size));
  await rig.server.start();
  const client = await rig.get({ path: '/f', options });
  await rig.run(() => client.done && rig.server.transfers === 0);
  return client;
}

describe('TFTP over a network with faults', () => {
  it.each(seeds)('brings every byte through 1 %% loss each way, in lock-step and with a window of 16 (seed %i)', async (seed) => {
    for (const windowsize of ['1', '16']) {
      const rig = new TftpRig();
      rig.lan.fault = seededFaults({ loss: 0.01 }, seed);
      const client = await transfer(rig, 512 * 1024, { blksize: '1468', windowsize });
      expect(client.bytes.equals(pattern(512 * 1024))).toBe(true);
      // 358 blocks: what is sent again stays a small part of them.
      expect(client.repeats).toBeLessThan(windowsize === '1' ? 20 : 40);
      await rig.server.close();
      expect(rig.clock.pendingTimers).toBe(0);
    }
  });

  it.each([
    { delayMs: 1, windowsize: '1' },
    { delayMs: 1, windowsize: '16' },
    { delayMs: 5, windowsize: '1' },
    { delayMs: 5, windowsize: '16' },
    { delayMs: 25, windowsize: '1' },
    { delayMs: 25, windowsize: '16' },
  ])(
    'stalls for no more than 4 round trips and 20 ms with 1 % loss (delay $delayMs ms, window $windowsize)',
    async ({ delayMs, windowsize }) => {
      for (const seed of seeds) {
        const rig = new TftpRig({ delayMs });
        // The request and the OACK come before anything is measured: they get through.
        const faults = seededFaults({ loss: 0.01 }, seed);
        rig.lan.fault = (packet, number) => (number < 4 ? 'deliver' : faults(packet, number));
        const client = await transfer(rig, 512 * 1024, { blksize: '1468', windowsize });
        const stalls = client.progressMs.slice(1).map((at, index) => at - (client.progressMs[index] ?? at));
        expect(Math.max(...stalls), `seed ${seed}`).toBeLessThanOrEqual(4 * 2 * delayMs + 20);
      }
    },
  );

  it('repairs a loss in mid-window in one round trip, without a timer (RFC 7440 4)', async () => {
    const rig = new TftpRig({ delayMs: 100 });
    let lost = 0;
    rig.lan.fault = ({ bytes }) => (bytes[1] === 3 && bytes[3] === 20 && lost++ === 0 ? 'drop' : 'deliver');
    const client = await transfer(rig, 64 * 512 - 1, { windowsize: '16' });
    const stalls = client.progressMs.slice(1).map((at, index) => at - (client.progressMs[index] ?? at));
    expect(Math.max(...stalls)).toBe(200);
    expect(client.bytes.length).toBe(64 * 512 - 1);
  });

  it.each(seeds)('survives loss, duplicates and packets that overtake each other (seed %i)', async (seed) => {
    for (const windowsize of ['1', '7']) {
      const rig = new TftpRig();
      rig.lan.fault = seededFaults({ loss: 0.03, duplicate: 0.05, late: 0.05 }, seed);
      const client = await transfer(rig, 100_000, { windowsize });
      expect(client.bytes.equals(pattern(100_000))).toBe(true);
    }
  });

  it('does not send twice what the network doubles: no sorcerer, whatever is duplicated (RFC 1123 4.2.3.1)', async () => {
    const rig = new TftpRig();
    rig.lan.fault = () => 'duplicate';
    await transfer(rig, 50 * 512, {});
    const blocks = rig.lan.sent.filter(({ bytes }) => bytes[1] === 3).map(({ bytes }) => bytes[3]);
    expect(blocks).toEqual(Array.from({ length: 51 }, (_, index) => index + 1));
  });

  it.each(['1', '16'])('counts on from block 65535 to 0, with loss around it (window %s)', async (windowsize) => {
    const size = 8 * 66_000 + 3;
    const rig = new TftpRig({ delayMs: 1 });
    const faults = seededFaults({ loss: 0.05 }, 7);
    rig.lan.fault = (packet, number) => {
      const block = ((packet.bytes[2] ?? 0) << 8) | (packet.bytes[3] ?? 0);
      return number > 100 && (block > 65_500 || block < 40) ? faults(packet, number) : 'deliver';
    };
    rig.rendered('/f', pattern(size));
    await rig.server.start();
    const client = await rig.get({ path: '/f', options: { blksize: '8', windowsize } });
    // No promise waits once the transfer runs: the clock may go on in one step.
    await rig.run(() => rig.phases.length > 0);
    for (let minute = 0; minute < 5 && !client.done; minute++) rig.clock.advance(60_000);
    expect(client.bytes.equals(pattern(size))).toBe(true);
  });

  it('gives up on a client that was switched off, and says so', async () => {
    const rig = new TftpRig();
    rig.rendered('/f', pattern(100_000));
    await rig.server.start();
    const client = await rig.get({ path: '/f' });
    await rig.run(() => client.pieces.length === 10);
    await client.vanish();
    await rig.run(() => rig.server.transfers === 0);
    expect(rig.phases).toEqual(['opened /f 0', expect.stringMatching(/^aborted \/f (4608|5120)$/)]);
    const end = rig.seen.at(-1);
    expect(end).toMatchObject({ clientAddress: clientAddress, reason: expect.stringMatching(/was not acknowledged for 30 s/) });
    await rig.pass(50);
    expect(rig.clock.pendingTimers).toBe(0);
  });
});
