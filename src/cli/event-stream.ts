import type { ApiClient, Query } from './api-client.ts';
import { ApiProblem } from './api-problem.ts';
import { CliError } from './cli-error.ts';

/** One message of a stream of server-sent events (HTML Living Standard, 9.2). */
export interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

const maxMessageLength = 4 * 1024 * 1024;

/** Takes the text of a stream piece by piece, and gives the messages that have become whole. */
export class ServerEventParser {
  /** What the stream asked to be waited before another try. */
  retryMs: number | undefined;
  /** Of the last message that was whole, one without data included. */
  lastId = '';
  #rest = '';
  #id = '';
  #event = '';
  #data: string[] = [];
  #length = 0;

  *take(text: string): Generator<ServerEvent, void> {
    // CR LF, LF and CR all end a line; a CR at the end may have its LF in the next piece.
    const pieces = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = pieces.pop() ?? '';
    if (this.#rest.length > maxMessageLength) throw new CliError('failed', 'a line of the stream of events is without end');
    for (const line of pieces) {
      const message = this.#line(line);
      if (message !== undefined) yield message;
    }
  }

  #line(line: string): ServerEvent | undefined {
    if (line === '') return this.#dispatch();
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'data') {
      this.#length += value.length + 1;
      if (this.#length > maxMessageLength) throw new CliError('failed', 'a message of the stream of events is without end');
      this.#data.push(value);
    } else if (field === 'event') this.#event = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d{1,7}$/.test(value)) this.retryMs = Number(value);
    return undefined;
  }

  #dispatch(): ServerEvent | undefined {
    this.lastId = this.#id;
    const message = { id: this.#id, event: this.#event === '' ? 'message' : this.#event, data: this.#data.join('\n') };
    const empty = this.#data.length === 0;
    this.#event = '';
    this.#data = [];
    this.#length = 0;
    return empty ? undefined : message;
  }
}

export interface FollowOptions {
  readonly query?: Query;
  /** Begin behind the event of this number; without it, with what happens from now on. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal;
  /** Called when the stream is opened for the first time, and whenever it broke. */
  readonly onState?: (state: 'open' | 'broken', reason: string) => void;
  readonly retryMs?: number;
  /** The service sends a sign of life each 15 s: without one for so long the connection is dead. */
  readonly silenceMs?: number;
}

/** The messages of a stream without end: a connection that breaks is opened again behind the last message that came. */
export async function* followEvents(client: ApiClient, path: string, options: FollowOptions = {}): AsyncGenerator<ServerEvent, void> {
  const { signal, query, onState, silenceMs = 45_000 } = options;
  let last = options.after;
  let retryMs = options.retryMs ?? 1000;
  let opened = false;
  const ended = (): boolean => signal?.aborted === true;
  while (!ended()) {
    const parser = new ServerEventParser();
    try {
      const headers = { accept: 'text/event-stream', ...(last !== undefined && { 'last-event-id': last }) };
      const response = await client.open(path, { headers, ...(query !== undefined && { query }), ...(signal !== undefined && { signal }) });
      response.socket.setTimeout(silenceMs, () => response.destroy(new CliError('timeout', 'the stream of events went silent')));
      opened = true;
      onState?.('open', '');
      response.setEncoding('utf8');
      for await (const chunk of response as AsyncIterable<string>) {
        yield* parser.take(chunk);
        if (parser.lastId !== '') last = parser.lastId;
      }
      onState?.('broken', 'the service ended the stream');
    } catch (error) {
      if (ended()) return;
      // Before the first success there is nothing to go on with; a refusal does not get better by asking again.
      if (!opened || !(error instanceof Error) || (error instanceof ApiProblem && error.status < 500)) throw error;
      onState?.('broken', error.message);
    }
    retryMs = parser.retryMs ?? retryMs;
    await pause(retryMs, signal);
  }
}

function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal?.addEventListener('abort', done);
  });
}
