import { once } from 'node:events';
import { getPriority } from 'node:os';
import { MessageChannel, Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { ThreadLink } from '../src/thread.ts';

type Calculator = {
  note(text: string): void;
  add(a: number, b: number): number;
  later(value: string): Promise<string>;
  fail(): never;
  never(): Promise<void>;
};

const channels: MessageChannel[] = [];
const servers: ThreadLink<Calculator>[] = [];
function linked(): { client: ThreadLink<Calculator>; notes: string[] } {
  const channel = new MessageChannel();
  channels.push(channel);
  const notes: string[] = [];
  const calculator: Calculator = {
    note: (text) => void notes.push(text),
    add: (a, b) => a + b,
    later: (value) => Promise.resolve(value),
    fail: () => {
      throw new RangeError('no such number');
    },
    never: () => new Promise(() => {}),
  };
  const server = new ThreadLink(channel.port2, calculator);
  servers.push(server);
  return { client: new ThreadLink<Calculator>(channel.port1, {}), notes };
}

afterEach(() => {
  for (const channel of channels.splice(0)) channel.port1.close();
});

describe('ThreadLink', () => {
  it('answers calls, synchronous or not, each with its own result', async () => {
    const { client } = linked();
    const answers = await Promise.all([client.call('add', 1, 2), client.call('later', 'x'), client.call('add', 3, 4)]);
    expect(answers).toEqual([3, 'x', 7]);
  });

  it('delivers notices and calls in the order in which they were sent', async () => {
    const { client, notes } = linked();
    client.notify('note', 'first');
    client.notify('note', 'second');
    await client.call('add', 0, 0);
    expect(notes).toEqual(['first', 'second']);
  });

  it('carries an error of the other thread, with its type and text', async () => {
    const { client } = linked();
    await expect(client.call('fail')).rejects.toThrow(new RangeError('no such number'));
  });

  it('fails the waiting and the later calls when it is closed', async () => {
    const { client } = linked();
    const waiting = client.call('never');
    client.close(new Error('the thread has died'));
    await expect(waiting).rejects.toThrow('the thread has died');
    await expect(client.call('add', 1, 1)).rejects.toThrow('the thread has died');
  });
});

describe('a thread that gives way', () => {
  it('lets others go first, and leaves the priority of the others alone (setpriority(2))', async () => {
    const before = getPriority();
    const worker = new Worker(new URL('yielding-worker.ts', import.meta.url));
    const [told] = (await once(worker, 'message')) as [unknown];
    expect(told).toEqual({ before, after: 10 });
    expect(getPriority()).toBe(before);
  });
});
