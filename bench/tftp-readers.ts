import { createSocket } from 'node:dgram';

// So many TFTP clients that read one file again and again, for a time. Run in the clients' namespace by control-plane.ts.
// Arguments: server, file, readers, seconds. Prints the bytes that came.
const [server = '', file = '', readers = '', seconds = ''] = process.argv.slice(2);
const untilMs = Date.now() + Number(seconds) * 1000;
const window = 16;
let bytes = 0;

await Promise.all(Array.from({ length: Number(readers) }, () => readAgain()));
process.stdout.write(`${bytes}\n`);

async function readAgain(): Promise<void> {
  while (Date.now() < untilMs) await readOnce();
}

/** RFC 1350 with blksize and windowsize (RFC 2348, 7440): acknowledges each window, and the last good block after a gap. */
function readOnce(): Promise<void> {
  const socket = createSocket('udp4');
  const { promise, resolve } = Promise.withResolvers<void>();
  let next = 1;
  let port = 69;
  let last: Buffer = request();
  let lastMs = Date.now();
  const send = (packet: Buffer): void => {
    last = packet;
    lastMs = Date.now();
    socket.send(packet, port, server);
  };
  const idle = setInterval(() => {
    if (Date.now() > untilMs + 2_000) end();
    else if (Date.now() - lastMs > 1_000) send(last);
  }, 500);
  const end = (): void => {
    clearInterval(idle);
    socket.close();
    resolve();
  };
  socket.on('message', (packet, from) => {
    port = from.port;
    const code = packet.readUInt16BE(0);
    if (code === 6) return send(acknowledgement(0));
    if (code !== 3) return end();
    const block = packet.readUInt16BE(2);
    const expected = next & 0xffff;
    if (block !== expected) return ((block - expected) & 0xffff) < window ? send(acknowledgement(next - 1)) : undefined;
    bytes += packet.length - 4;
    next++;
    const isEnd = packet.length < 1468 + 4;
    if (isEnd || (next - 1) % window === 0) send(acknowledgement(next - 1));
    if (isEnd) end();
  });
  socket.bind(0, () => send(last));
  return promise;
}

function request(): Buffer {
  const words = [file, 'octet', 'blksize', '1468', 'windowsize', String(window)];
  return Buffer.concat([Buffer.from([0, 1]), ...words.map((word) => Buffer.from(`${word}\0`))]);
}

function acknowledgement(block: number): Buffer {
  const packet = Buffer.alloc(4);
  packet.writeUInt16BE(4, 0);
  packet.writeUInt16BE(block & 0xffff, 2);
  return packet;
}
