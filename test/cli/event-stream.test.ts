import fastCheck from 'fast-check';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseApiAddress } from '../../src/cli/api-address.ts';
import { ApiClient } from '../../src/cli/api-client.ts';
import { followEvents, ServerEventParser } from '../../src/cli/event-stream.ts';
import type { FollowOptions, ServerEvent } from '../../src/cli/event-stream.ts';
import { FakeService, problem } from './fake-service.ts';

const stream =
  'retry: 20\nid: 1\ndata: a\ndata: b\n\n: alive\n\nid: 2\r\nevent: reset\r\ndata:{"x":1}\r\n\r\ndata\n\nevent: nothing\n\nid: 3\n\n';
const messages: ServerEvent[] = [
  { id: '1', event: 'message', data: 'a\nb' },
  { id: '2', event: 'reset', data: '{"x":1}' },
  { id: '2', event: 'message', data: '' },
];

describe('reading server-sent events (HTML Living Standard 9.2)', () => {
  it('reads data of several lines, comments, kinds, numbers and the pause before another try', () => {
    const parser = new ServerEventParser();
    expect([...parser.take(stream)]).toEqual(messages);
    expect(parser.retryMs).toBe(20);
    expect(parser.lastId).toBe('3');
  });

  it('reads the same wherever the pieces end', () => {
    fastCheck.assert(
      fastCheck.property(fastCheck.array(fastCheck.nat(stream.length)), (cuts) => {
        const parser = new ServerEventParser();
        const ends = [...cuts, 0, stream.length].sort((a, b) => a - b);
        const found: ServerEvent[] = [];
        for (const [index, end] of ends.slice(1).entries()) found.push(...parser.take(stream.slice(ends[index], end)));
        expect(found).toEqual(messages);
      }),
    );
  });

  it('refuses a line and a message without end', () => {
    expect(() => [...new ServerEventParser().take(`data: ${'x'.repeat(5e6)}`)]).toThrow('without end');
    expect(() => [...new ServerEventParser().take(`data: ${'x'.repeat(1e6)}\n`.repeat(5))]).toThrow('without end');
  });
});

describe('following events', () => {
  let service: FakeService;
  let api: ApiClient;
  const open: ServerResponse[] = [];
  beforeEach(async () => {
    service = await FakeService.start();
    api = new ApiClient(parseApiAddress(service.socket, 'test'));
    open.length = 0;
    service.on('GET /events/stream', (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('retry: 10\n\n');
      open.push(response);
      return undefined;
    });
  });
  afterEach(async () => {
    api.close();
    await service.close();
  });

  function follow(options: FollowOptions = {}) {
    const abort = new AbortController();
    const found: string[] = [];
    const states: string[] = [];
    const ended = (async () => {
      const all = { signal: abort.signal, onState: (state: string): void => void states.push(state), ...options };
      for await (const { data } of followEvents(api, '/events/stream', all)) found.push(data);
    })();
    return { abort, found, states, ended };
  }

  const lastIds = () => service.requests.map(({ headers }) => headers['last-event-id']);

  it('goes on behind the last message when the connection breaks', async () => {
    const { abort, found, states, ended } = follow();
    await vi.waitUntil(() => open.length === 1);
    open[0]?.write('id: 41\ndata: one\n\nid: 42\ndata: two\n\nid: 43\ndata: half');
    await vi.waitUntil(() => found.length === 2);
    open[0]?.destroy();
    await vi.waitUntil(() => open.length === 2);
    open[1]?.write('id: 43\ndata: three\n\n');
    await vi.waitUntil(() => found.length === 3);
    abort.abort();
    await ended;
    expect(found).toEqual(['one', 'two', 'three']);
    expect(lastIds()).toEqual([undefined, '42']);
    expect(states).toEqual(['open', 'broken', 'open']);
  });

  it('remembers a number that came without data, so that nothing between two connections is lost', async () => {
    const { abort, ended, states } = follow();
    await vi.waitUntil(() => open.length === 1);
    open[0]?.end('id: 7\n\n');
    await vi.waitUntil(() => open.length === 2);
    abort.abort();
    await ended;
    expect(lastIds()).toEqual([undefined, '7']);
    expect(states.slice(0, 2)).toEqual(['open', 'broken']);
  });

  it('begins behind the number that it is given', async () => {
    const { abort, ended } = follow({ after: '5' });
    await vi.waitUntil(() => open.length === 1);
    abort.abort();
    await ended;
    expect(lastIds()).toEqual(['5']);
  });

  it('takes a connection for dead that gives no sign of life', async () => {
    const { abort, ended, states } = follow({ silenceMs: 50 });
    await vi.waitUntil(() => open.length === 2);
    abort.abort();
    await ended;
    expect(states).toContain('broken');
  });

  it('tries again while the service is away, and ends where it refuses', async () => {
    const { ended, states } = follow({ retryMs: 10 });
    await vi.waitUntil(() => states[0] === 'open');
    service.on('GET /events/stream', problem(503, 'stopping'));
    open[0]?.destroy();
    await vi.waitUntil(() => service.requests.length >= 3);
    service.on('GET /events/stream', problem(401, 'The token has ended'));
    await expect(ended).rejects.toThrow('The token has ended');
    expect(states).toContain('broken');
  });

  it('fails at once where nothing was there from the beginning', async () => {
    service.on('GET /events/stream', problem(503, 'stopping'));
    await expect(follow().ended).rejects.toThrow('stopping');
  });
});
