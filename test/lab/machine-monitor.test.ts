import { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { LabError } from '../../src/lab/lab-error.ts';
import { keysOf, MachineMonitor } from '../../src/lab/machine-monitor.ts';

/** A monitor's other end: answers each command by `answer`, in pieces that cut lines in two. */
function fakeQemu(answer: (command: string) => object): { stream: Duplex; commands: string[] } {
  const commands: string[] = [];
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      const { execute, id } = JSON.parse(chunk.toString()) as { execute: string; id: number };
      commands.push(execute);
      const reply = `${JSON.stringify({ id, ...answer(execute) })}\r\n`;
      this.push(reply.slice(0, 9));
      this.push(reply.slice(9));
      done();
    },
  });
  stream.push('{"QMP": {"version": {}, "capabilities": []}}\r\n{"event": "RESUME"}\r\n');
  return { stream, commands };
}

it('negotiates before its first command and returns what QEMU answers', async () => {
  const { stream, commands } = fakeQemu((command) => ({ return: { was: command } }));
  await expect(new MachineMonitor(stream).execute('query-status')).resolves.toEqual({ was: 'query-status' });
  expect(commands).toEqual(['qmp_capabilities', 'query-status']);
});

it('says which command failed and why', async () => {
  const { stream } = fakeQemu((command) => (command === 'qmp_capabilities' ? { return: {} } : { error: { desc: 'no such key' } }));
  await expect(new MachineMonitor(stream).execute('send-key')).rejects.toThrow('send-key: no such key');
});

it('tells who waits that the machine is gone', async () => {
  const monitor = new MachineMonitor(new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }));
  const waiting = monitor.execute('query-status');
  monitor.close(new LabError('machine-ended', 'post01 ended'));
  await expect(waiting).rejects.toThrow('post01 ended');
});

it('knows the keys for what a boot loader asks, and refuses others', () => {
  expect(keysOf('aZ 1.-/\r')).toEqual(['a', 'shift-z', 'spc', '1', 'dot', 'minus', 'slash', 'ret']);
  expect(() => keysOf('ö')).toThrow(RangeError);
});
