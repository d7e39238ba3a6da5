import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeTftp, type TftpPacket } from '../../src/tftp/packet.ts';
import { TftpRig, clientAddress, pattern, serverAddress } from './tftp-rig.ts';

interface RecordedPacket {
  readonly from: 'client' | 'server';
  readonly length: number;
  readonly bytes: Buffer;
}

/** The recorded packets of each transfer, by the client's port. */
const conversations = new Map<string, RecordedPacket[]>();
for (const line of readFileSync(new URL('../fixtures/tftp/pxegrub-legacy.txt', import.meta.url), 'utf8').split('\n')) {
  const [, port = '', from, length, hex = ''] = /^(\d+) (client|server) (\d+) ([0-9a-f]+)$/.exec(line) ?? [];
  if (from !== 'client' && from !== 'server') continue;
  conversations.set(port, [...(conversations.get(port) ?? []), { from, length: Number(length), bytes: Buffer.from(hex, 'hex') }]);
}

function shape({ kind, ...rest }: TftpPacket, length: number): string {
  if (kind === 'data' && 'block' in rest) return `DATA ${rest.block} of ${length - 4}`;
  if (kind === 'error' && 'code' in rest) return `ERROR ${rest.code}`;
  return kind === 'oack' && 'options' in rest ? `OACK ${rest.options.map(({ name, value }) => `${name}=${value}`).join(' ')}` : kind;
}

describe('a real boot by iPXE and GRUB Legacy, recorded', () => {
  it('holds ten transfers', () => {
    expect(conversations.size).toBe(10);
  });

  it.each([...conversations])('gives the client on port %s what it got then: options, blocks, the last block', async (port, recorded) => {
    const [request, answer] = recorded;
    const asked = decodeTftp(request?.bytes ?? Buffer.of());
    const oack = decodeTftp(answer?.bytes ?? Buffer.of());
    const rig = new TftpRig();
    if (asked.kind !== 'rrq') throw new Error('the first packet is no request');
    const size = oack.kind === 'oack' ? Number(oack.options.find(({ name }) => name === 'tsize')?.value) : 0;
    if (oack.kind === 'oack') rig.rendered(asked.path, pattern(size));
    await rig.server.start();

    // The client's own packets; the ACKs that the recording left out are those that must have been between them.
    const client = await rig.lan.host(clientAddress).bindAddress(clientAddress, Number(port));
    const ours: string[] = [];
    let pieces = 0;
    client.onDatagram((bytes, from) => {
      const packet = decodeTftp(bytes);
      ours.push(shape(packet, bytes.length));
      if (packet.kind === 'data') pieces += packet.bytes.length;
      if (packet.kind === 'oack') client.send(Buffer.from('00040000', 'hex'), from);
      if (packet.kind === 'data') client.send(Buffer.from([0, 4, packet.block >> 8, packet.block & 255]), from);
    });
    client.send(request?.bytes ?? Buffer.of(), { address: serverAddress, port: 69 });
    await rig.run(() => rig.phases.length > 1 || ours[0]?.startsWith('ERROR') === true);

    const theirs = recorded.filter(({ from }) => from === 'server').map(({ bytes, length }) => shape(decodeTftp(bytes), length));
    expect(ours.slice(0, Math.min(4, theirs.length))).toEqual(theirs.slice(0, 4));
    expect(ours.at(-1)).toBe(theirs.at(-1));
    expect(pieces).toBe(size);
    const path = asked.path;
    expect(rig.phases).toEqual(oack.kind === 'oack' ? [`opened ${path} 0`, `finished ${path} ${size}`] : [`missing ${path} 0`]);
    await rig.server.close();
  });
});
