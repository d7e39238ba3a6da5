import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SeenRequest {
  readonly method: string;
  /** Below /api/v1, without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export interface FakeAnswer {
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

type Handler = (request: SeenRequest, response: ServerResponse) => FakeAnswer | undefined;

/** A service that answers what a test says, on a unix socket of its own, and remembers what it was asked. */
export class FakeService {
  readonly requests: SeenRequest[] = [];
  readonly folder: string;
  readonly socket: string;
  readonly #server: Server;
  readonly #routes = new Map<string, Handler>();

  private constructor(folder: string) {
    this.folder = folder;
    this.socket = join(folder, 'api.sock');
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<FakeService> {
    const service = new FakeService(mkdtempSync(join(tmpdir(), 'virtdom-cli-')));
    await new Promise<void>((resolve) => void service.#server.listen(service.socket, resolve));
    return service;
  }

  /** `on('GET /machines', …)`: with `undefined` the handler answers by itself. */
  on(route: string, answer: Handler | FakeAnswer): this {
    this.#routes.set(route, typeof answer === 'function' ? answer : () => answer);
    return this;
  }

  /** The requests to a route, `POST /machines:assign`. */
  to(route: string): SeenRequest[] {
    return this.requests.filter(({ method, path }) => `${method} ${path}` === route);
  }

  breakConnections(): void {
    this.#server.closeAllConnections();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const url = new URL(message.url ?? '/', 'http://localhost');
    const request: SeenRequest = {
      method: message.method ?? '',
      path: decodeURIComponent(url.pathname.replace('/api/v1', '')),
      query: Object.fromEntries(url.searchParams),
      headers: message.headers,
      body: text === '' ? undefined : JSON.parse(text),
    };
    this.requests.push(request);
    const handler = this.#routes.get(`${request.method} ${request.path}`);
    const answer = handler === undefined ? problem(404, `no fake for ${request.method} ${request.path}`) : handler(request, response);
    if (answer === undefined) return;
    const { status = 200, body, headers = {} } = answer;
    response.writeHead(status, { 'content-type': status >= 400 ? 'application/problem+json' : 'application/json', ...headers });
    response.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  }
}

export function problem(status: number, detail: string, more: Readonly<Record<string, unknown>> = {}): FakeAnswer {
  return { status, body: { type: '/api/v1/problems/x', title: 'It went wrong', status, detail, requestId: 'req-7', ...more } };
}
