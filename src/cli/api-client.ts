import { randomUUID } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as httpsRequest } from 'node:https';
import { formatApiAddress, isPrivate } from './api-address.ts';
import type { ApiAddress } from './api-address.ts';
import { ApiProblem } from './api-problem.ts';
import type { ProblemBody } from './api-problem.ts';
import { CliError } from './cli-error.ts';
import type { Credential } from './credential-file.ts';
import { connectionFailure, NoServiceError } from './connection-failure.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface RequestDetails {
  readonly query?: Query;
  readonly body?: unknown;
  /** The ETag of what is to be changed. */
  readonly ifMatch?: string | undefined;
  readonly headers?: OutgoingHttpHeaders;
}

export interface Answer<Body> {
  readonly status: number;
  readonly body: Body;
  readonly etag?: string;
  readonly headers: IncomingMessage['headers'];
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor?: string | null;
  readonly total?: number;
}

export interface ClientLimits {
  /** Until the whole answer is there. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

const defaultLimits: ClientLimits = { timeoutMs: 60_000, maxAnswerBytes: 64 * 1024 * 1024 };
const pageSize = 1000;

/** The path of a route, its parts escaped: apiPath`/machines/${name}:assign`. */
export function apiPath(parts: TemplateStringsArray, ...values: readonly string[]): string {
  return parts.reduce((path, part, index) => `${path}${encodeURIComponent(values[index - 1] ?? '')}${part}`);
}

/** Speaks with a service over its socket or the network. Answers that are no success become {@link ApiProblem}s. */
export class ApiClient {
  readonly address: ApiAddress;
  readonly #credential: Credential | undefined;
  readonly #limits: ClientLimits;
  readonly #agent: Agent | TlsAgent;

  constructor(address: ApiAddress, credential?: Credential, limits: Partial<ClientLimits> = {}) {
    if (credential !== undefined && !isPrivate(address)) {
      const { host } = new URL(formatApiAddress(address));
      throw new CliError(
        'usage',
        `a ${credential.kind} is not shown over plain HTTP to ${host}: anybody on the way could read it`,
        `Use https://${host}`,
      );
    }
    this.address = address;
    this.#credential = credential;
    this.#limits = { ...defaultLimits, ...limits };
    const options = { keepAlive: true, maxSockets: 4 };
    this.#agent = address.kind === 'network' && address.secure ? new TlsAgent(options) : new Agent(options);
  }

  get<Body>(path: string, query?: Query): Promise<Answer<Body>> {
    return this.request<Body>('GET', path, query === undefined ? {} : { query });
  }

  post<Body>(path: string, details: RequestDetails = {}): Promise<Answer<Body>> {
    // A repeat after a broken connection must not do it twice.
    return this.request<Body>('POST', path, { ...details, headers: { 'idempotency-key': randomUUID(), ...details.headers } });
  }

  /** One request and its whole answer. A connection that broke before the answer is tried once more where that is safe. */
  async request<Body>(method: Method, path: string, details: RequestDetails = {}): Promise<Answer<Body>> {
    try {
      return await this.#attempt<Body>(method, path, details);
    } catch (error) {
      if (!(error instanceof BrokenConnection)) throw error;
      if (method === 'GET' || method === 'POST') return this.#attempt<Body>(method, path, details);
      throw error;
    }
  }

  /** Everything of a collection, page by page; at most `limit` things. */
  async *pages<Item>(path: string, query: Query = {}, limit: number = Infinity): AsyncGenerator<readonly Item[], void> {
    let cursor: string | undefined;
    for (let left = limit; left > 0;) {
      const { body } = await this.get<Page<Item>>(path, { ...query, limit: Math.min(left, pageSize), cursor });
      yield body.items;
      left -= body.items.length;
      if (!body.nextCursor) return;
      if (body.nextCursor === cursor) throw new CliError('failed', `${path}: the service gives the same page again and again`);
      cursor = body.nextCursor;
    }
  }

  async list<Item>(path: string, query: Query = {}, limit?: number): Promise<Item[]> {
    const items: Item[] = [];
    for await (const page of this.pages<Item>(path, query, limit)) items.push(...page);
    return items;
  }

  /** Opens an endless answer, such as a stream of events: the caller reads it, and ends it with the signal. */
  async open(path: string, details: RequestDetails & { readonly signal?: AbortSignal } = {}): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = this.#send('GET', path, details, { ...(details.signal !== undefined && { signal: details.signal }), agent: false });
    request.setTimeout(this.#limits.timeoutMs, () => request.destroy(new CliError('timeout', this.#silence())));
    request.once('response', resolve).once('error', (error) => reject(connectionFailure(error, this.address)));
    request.end();
    const response = await promise;
    if (response.statusCode === 200) return response;
    throw new ApiProblem(response.statusCode ?? 0, await this.#problem(response), `GET ${path}`);
  }

  close(): void {
    this.#agent.destroy();
  }

  #attempt<Body>(method: Method, path: string, details: RequestDetails): Promise<Answer<Body>> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer<Body>>();
    const request = this.#send(method, path, details, { agent: this.#agent });
    const timer = setTimeout(() => request.destroy(new CliError('timeout', this.#silence())), this.#limits.timeoutMs);
    let answered = false;
    const failed = (error: Error): void => {
      const { code } = error as NodeJS.ErrnoException;
      const broken = !answered && (code === 'ECONNRESET' || code === 'EPIPE');
      reject(broken ? new BrokenConnection(this.address, error) : connectionFailure(error, this.address));
    };
    request.once('error', failed).once('close', () => clearTimeout(timer));
    request.once('response', (response) => {
      answered = true;
      this.#read<Body>(response, `${method} ${path}`).then(resolve, failed);
    });
    request.end(details.body === undefined ? undefined : JSON.stringify(details.body));
    return promise;
  }

  #send(method: Method, path: string, { query, body, ifMatch, headers }: RequestDetails, options: RequestOptions): ClientRequest {
    const address = this.address;
    const all: RequestOptions = {
      ...options,
      method,
      path: `/api/v1${path}${queryText(query)}`,
      headers: {
        accept: 'application/json, application/problem+json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(ifMatch !== undefined && { 'if-match': ifMatch }),
        ...credentialHeaders(this.#credential),
        ...headers,
      },
    };
    if (address.kind === 'socket') return httpRequest({ ...all, socketPath: address.path, host: 'localhost' });
    return address.secure ? httpsRequest(address.origin, all) : httpRequest(address.origin, all);
  }

  async #read<Body>(response: IncomingMessage, request: string): Promise<Answer<Body>> {
    const { statusCode: status = 0, headers } = response;
    if (status < 200 || status >= 300) throw new ApiProblem(status, await this.#problem(response), request);
    const text = await this.#text(response);
    const { etag } = headers;
    const body = text === '' ? undefined : isJson(response) ? parseJson(text, request) : text;
    return { status, body: body as Body, headers, ...(etag !== undefined && { etag }) };
  }

  async #problem(response: IncomingMessage): Promise<ProblemBody> {
    const text = await this.#text(response);
    if (!isJson(response)) return { title: `the service answered ${response.statusCode}: ${text.slice(0, 200)}` };
    const body: unknown = parseJson(text, 'a request');
    return typeof body === 'object' && body !== null ? (body as ProblemBody) : {};
  }

  async #text(response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > this.#limits.maxAnswerBytes)
        throw new CliError('failed', `the answer of ${formatApiAddress(this.address)} is longer than ${this.#limits.maxAnswerBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  #silence(): string {
    return `${formatApiAddress(this.address)} did not answer within ${this.#limits.timeoutMs / 1000} s`;
  }
}

/** A change by a session needs a header that no form of another site's page can send. */
function credentialHeaders(credential: Credential | undefined): OutgoingHttpHeaders {
  if (credential === undefined) return {};
  if (credential.kind === 'token') return { authorization: `Bearer ${credential.token}` };
  return { cookie: credential.cookie, 'x-virtdom-request': 'cli' };
}

class BrokenConnection extends NoServiceError {
  constructor(address: ApiAddress, cause: Error) {
    super(`${formatApiAddress(address)} broke the connection off before it answered`, 'See the log of the service', { cause });
  }
}

function isJson({ headers }: IncomingMessage): boolean {
  return /^application\/(?:[\w.]+\+)?json\b/.test(headers['content-type'] ?? '');
}

function parseJson(text: string, request: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError('failed', `the answer to ${request} is not valid JSON`, undefined, { cause: error });
  }
}

function queryText(query: Query = {}): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const each of Array.isArray(value) ? (value as readonly string[]) : [value]) pairs.append(name, String(each));
  }
  const text = pairs.toString();
  return text === '' ? '' : `?${text}`;
}
