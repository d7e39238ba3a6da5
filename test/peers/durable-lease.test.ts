import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openSubnet, ServeRig } from './serve-rig.ts';

interface SystemCall {
  readonly name: string;
  readonly text: string;
  readonly startedMs: number;
  readonly endedMs: number;
}

/** What strace wrote, one file a thread, so that no line is cut by another thread's. Times are of the one tracer. */
function readTrace(dir: string): readonly SystemCall[] {
  const calls: SystemCall[] = [];
  for (const name of readdirSync(dir)) {
    for (const line of readFileSync(join(dir, name), 'utf8').split('\n')) {
      const [, started, call = '', text = '', lasted] = /^(\d+\.\d+) (\w+)\((.*) = \d+ <(\d+\.\d+)>$/.exec(line) ?? [];
      if (started === undefined || lasted === undefined) continue;
      const startedMs = Number(started) * 1000;
      calls.push({ name: call, text, startedMs, endedMs: startedMs + Number(lasted) * 1000 });
    }
  }
  return calls.toSorted((one, other) => one.startedMs - other.startedMs);
}

/** Any call that carries a DHCP packet whose first option says this message type, after the magic cookie. */
function carries(messageType: number): (call: SystemCall) => boolean {
  const bytes = [0x63, 0x82, 0x53, 0x63, 53, 1, messageType].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  return ({ text }) => text.includes(bytes);
}

const [request, ack] = [3, 5];

it('an ACK leaves only after the lease was synced to disk (RFC 2131 3.1 step 4)', async () => {
  await using rig = await ServeRig.create();
  const serve = await rig.start();
  const client = await rig.addClient('02:00:00:00:77:01');
  const trace = join(rig.dir, 'trace');
  mkdirSync(trace);
  const what = 'trace=recvfrom,recvmsg,recvmmsg,sendto,sendmsg,sendmmsg,fsync,fdatasync,sync_file_range,msync';
  const options = ['-f', '-ff', '-o', join(trace, 'thread'), '-ttt', '-T', '-y', '-xx', '-s', '600', '-e', what];
  const strace = spawn('strace', [...options, '-p', String(serve.pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(strace, 'close');
  await once(strace.stderr, 'data'); // "Process N attached with M threads"
  const said = await client.udhcpc();
  strace.kill('SIGINT');
  await ended;

  expect(said.text).toMatch(/^bound 10\.77\.0\.1\d\d from 10\.77\.0\.5$/m);
  const calls = readTrace(trace);
  const received = calls.find((call) => call.name.startsWith('recv') && carries(request)(call));
  const sent = calls.find((call) => call.name.startsWith('send') && carries(ack)(call));
  const wal = join(rig.dir, 'virtdom.db-wal');
  // strace -xx writes paths in hexadecimal as well.
  const hexWal = [...Buffer.from(wal)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  const synced = calls.filter(
    ({ name, text, startedMs, endedMs }) =>
      (name === 'fsync' || name === 'fdatasync') &&
      (text.includes(wal) || text.includes(hexWal)) &&
      received !== undefined &&
      sent !== undefined &&
      startedMs >= received.endedMs &&
      endedMs <= sent.startedMs,
  );
  const told = calls.map(({ name, startedMs }) => `${startedMs.toFixed(3)} ${name}`).join('\n');
  expect(received, `no REQUEST among\n${told}`).toBeDefined();
  expect(sent, `no ACK among\n${told}`).toBeDefined();
  expect(synced.length, `no sync between REQUEST and ACK:\n${told}`).toBeGreaterThan(0);
});

it('a client keeps its address over kill -9 right after its ACK, and nobody else gets it', async () => {
  await using rig = await ServeRig.create({ documents: [{ ...openSubnet, pool: '10.77.0.100-10.77.0.101' }] });
  const serve = await rig.start();
  const first = await rig.addClient('02:00:00:00:77:01');
  const others = [await rig.addClient('02:00:00:00:77:02'), await rig.addClient('02:00:00:00:77:03')];
  const { text } = await first.udhcpc({ atBound: `kill -9 ${serve.pid}` });
  await expect(serve.ended).resolves.toContain('SIGKILL');
  const [, address = ''] = /^bound (\S+)/m.exec(text) ?? [];
  expect(address).toMatch(/^10\.77\.0\.10[01]$/);

  await rig.start();
  const got: string[] = [];
  for (const other of others) got.push(/^bound (\S+)/m.exec((await other.udhcpc({ wanted: address })).text)?.[1] ?? 'nothing');
  const left = address === '10.77.0.100' ? '10.77.0.101' : '10.77.0.100';
  expect(got).toEqual([left, 'nothing']);
  expect((await first.udhcpc()).text).toContain(`bound ${address} `);
});
