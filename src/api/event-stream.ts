import type { FastifyReply, FastifyRequest } from 'fastify';
import { once } from 'node:events';
import type { Clock, Timer } from '../clock.ts';
import type { EventLog } from '../events/event-log.ts';
import type { EventFilter, LabEvent } from '../events/event-store.ts';
import type { EventItem } from '../events/event-subscription.ts';
import { ProblemError } from './problems.ts';

const heartbeatMs = 15_000;
/** A client that takes nothing for so long is gone. */
const stalledMs = 60_000;

export interface EventStreamsParts {
  readonly events: Pick<EventLog, 'subscribe' | 'newest'>;
  readonly clock: Clock;
  readonly limit: number;
  /** Of one account, so that nobody takes them all. */
  readonly limitOfOne?: number;
  readonly resourceOf: (event: LabEvent) => object;
}

export interface StreamWish {
  /** Whose stream it is. */
  readonly account: string;
  readonly filter: EventFilter;
  readonly after: number | undefined;
  /** Asked at each heartbeat: whoever was logged out or locked out hears no more. */
  readonly mayGoOn: () => Promise<boolean>;
}

/** Answers that never end by themselves: events as they happen (HTML Living Standard, 9.2). */
export class EventStreams {
  readonly #parts: EventStreamsParts;
  /** What ends each, and whose it is. */
  readonly #open = new Map<() => void, string>();
  #closed = false;

  constructor(parts: EventStreamsParts) {
    this.#parts = parts;
  }

  /** Answers until the client goes, `close()` is called, or it may not go on. @throws ProblemError before the answer has begun */
  async run(request: FastifyRequest, reply: FastifyReply, { account, filter, after, mayGoOn }: StreamWish): Promise<void> {
    const { events, limit, limitOfOne = Math.ceil(limit / 4) } = this.#parts;
    if (this.#closed) throw new ProblemError('unavailable', 'virtdom is stopping.');
    if (this.#open.size >= limit)
      throw new ProblemError('too-many', `${limit} clients follow the events already.`, { headers: { 'retry-after': '15' } });
    const own = [...this.#open.values()].filter((whose) => whose === account).length;
    if (own >= limitOfOne)
      throw new ProblemError('too-many', `${account} follows the events ${own} times already: end one of them first.`, {
        headers: { 'retry-after': '15' },
      });
    const { raw } = reply;
    const subscription = events.subscribe({ ...(after !== undefined && { after }), filter });
    const stop = (): void => subscription.close();
    this.#open.set(stop, account);
    request.raw.socket.once('close', stop);
    const heartbeat = this.#heartbeat(reply, mayGoOn, stop);
    try {
      reply.hijack();
      raw.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // A client that was served none yet begins again here after a break; one that names a number keeps it.
        'x-accel-buffering': 'no',
      });
      raw.write(after === undefined ? `retry: 3000\nid: ${events.newest}\n\n` : 'retry: 3000\n\n');
      for await (const item of subscription) {
        if (!raw.writable) break;
        if (!raw.write(this.#text(item))) await drained(reply);
      }
    } finally {
      heartbeat.cancel();
      this.#open.delete(stop);
      request.raw.socket.removeListener('close', stop);
      subscription.close();
      raw.end();
    }
  }

  /** Ends all streams: clients come back by themselves. */
  close(): void {
    this.#closed = true;
    for (const stop of this.#open.keys()) stop();
  }

  get count(): number {
    return this.#open.size;
  }

  #text(item: EventItem): string {
    if (item.kind === 'reset') return `id: ${item.newest}\nevent: reset\ndata: {"newest":${item.newest}}\n\n`;
    return `id: ${item.event.id}\ndata: ${JSON.stringify(this.#parts.resourceOf(item.event))}\n\n`;
  }

  #heartbeat(reply: FastifyReply, mayGoOn: () => Promise<boolean>, stop: () => void): Timer {
    const { clock } = this.#parts;
    let timer: Timer;
    let ended = false;
    let stalledSinceMs: number | undefined;
    const beat = async (): Promise<void> => {
      const mayStay = await mayGoOn().catch(() => false);
      if (ended) return;
      stalledSinceMs = reply.raw.writableNeedDrain ? (stalledSinceMs ?? clock.monotonic()) : undefined;
      const isStalled = stalledSinceMs !== undefined && clock.monotonic() - stalledSinceMs >= stalledMs;
      if (isStalled) reply.raw.destroy();
      if (!mayStay || isStalled) return stop();
      if (!reply.raw.writableNeedDrain) reply.raw.write(': alive\n\n');
      timer = clock.after(heartbeatMs, () => void beat());
    };
    timer = clock.after(heartbeatMs, () => void beat());
    return {
      cancel: () => {
        ended = true;
        timer.cancel();
      },
    };
  }
}

async function drained({ raw }: FastifyReply): Promise<void> {
  const gone = new AbortController();
  try {
    await Promise.race([once(raw, 'drain', { signal: gone.signal }), once(raw, 'close', { signal: gone.signal })]);
  } finally {
    gone.abort();
  }
}
