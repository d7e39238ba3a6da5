import { once } from 'node:events';
import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Log } from '../log.ts';
import { buildApi } from './build-api.ts';
import type { Api } from './api.ts';
import type { ApiOptions } from './build-api.ts';
import type { ControlPlane, ServicePlane } from './control-plane.ts';
import { peerUid } from './peer-credentials.ts';

export interface ApiServerOptions extends Omit<ApiOptions, 'peerUid'> {
  /** `/run/virtdom/api.sock`; always there. */
  readonly socket: string;
  /** Without TLS only on loopback addresses: passwords and tokens go over it. */
  readonly tcp?: {
    readonly address: string;
    readonly port: number;
    /** PEM texts. */
    readonly tls?: { readonly certificate: string; readonly key: string };
  };
  readonly limits?: Partial<ApiServerLimits>;
}

export interface ApiServerLimits {
  /** On each listener. */
  readonly connections: number;
  readonly headersTimeoutMs: number;
  /** Until the whole request is there. */
  readonly requestTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly headerBytes: number;
  /** How long requests may take to end when the server closes. */
  readonly closeMs: number;
}

const defaultLimits: ApiServerLimits = {
  connections: 500,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveMs: 30_000,
  headerBytes: 16_384,
  closeMs: 5_000,
};

/** The API on its unix socket, and by choice on a TCP port. */
export class ApiServer {
  readonly #api: Api;
  readonly #log: Log;
  readonly #limits: ApiServerLimits;
  readonly #servers: Server[] = [];
  readonly #socketPath: string;

  private constructor(api: Api, log: Log, limits: ApiServerLimits, socketPath: string) {
    this.#api = api;
    this.#log = log;
    this.#limits = limits;
    this.#socketPath = socketPath;
  }

  /** Resolves when it listens. @throws Error where the socket is of a server that lives, or an address is taken */
  static async start(plane: ServicePlane | ControlPlane, options: ApiServerOptions): Promise<ApiServer> {
    const peers = new WeakMap<Socket, number>();
    const api = await buildApi(plane, { ...options, peerUid: (socket) => peers.get(socket) });
    await api.ready();
    // Made now, and kept: it takes too long to be made while machines boot.
    api.swagger();
    const limits = { ...defaultLimits, ...options.limits };
    const server = new ApiServer(api, plane.log, limits, options.socket);
    try {
      await server.#listenOnSocket(peers);
      if (options.tcp !== undefined) await server.#listenOnPort(options.tcp);
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  /** The TCP port, where there is one: another than asked for where that was 0. */
  get port(): number | undefined {
    const addresses = this.#servers.map((server) => server.address());
    return addresses.flatMap((address) => (typeof address === 'object' && address !== null ? address.port : []))[0];
  }

  /** Takes no more connections, ends streams, and waits a while for requests under way. */
  async close(): Promise<void> {
    const closed = this.#servers.map(async (server) => {
      const whole = once(server, 'close');
      server.close();
      await whole;
    });
    await this.#api.close();
    for (const server of this.#servers) server.closeIdleConnections();
    const late = setTimeout(() => {
      for (const server of this.#servers) server.closeAllConnections();
    }, this.#limits.closeMs);
    await Promise.all(closed);
    clearTimeout(late);
  }

  async #listenOnSocket(peers: WeakMap<Socket, number>): Promise<void> {
    const path = this.#socketPath;
    await removeStaleSocket(path);
    const server = createServer(this.#serverOptions(), this.#listener());
    server.on('connection', (socket) => {
      const uid = peerUid(socket);
      if (uid !== undefined) peers.set(socket, uid);
    });
    await this.#listen(server, { path });
    await chmod(path, 0o660);
    this.#log.info({ socket: path }, 'the API listens');
  }

  async #listenOnPort({ address, port, tls }: NonNullable<ApiServerOptions['tcp']>): Promise<void> {
    if (tls === undefined && !isLoopback(address))
      throw new Error(`the API on ${address} needs TLS, since passwords go over it: set api.certificate and api.key, or take 127.0.0.1`);
    const listener = this.#listener();
    const server =
      tls === undefined
        ? createServer(this.#serverOptions(), listener)
        : createTlsServer({ ...this.#serverOptions(), cert: tls.certificate, key: tls.key, minVersion: 'TLSv1.2' }, listener);
    await this.#listen(server, { host: address, port });
    this.#log.info({ address, port: this.port, tls: tls !== undefined }, 'the API listens');
  }

  #listener(): RequestListener {
    return (request, response) => this.#api.routing(request, response);
  }

  #serverOptions() {
    const { headersTimeoutMs, requestTimeoutMs, keepAliveMs, headerBytes } = this.#limits;
    return {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveMs,
      maxHeaderSize: headerBytes,
      connectionsCheckingInterval: 5_000,
    };
  }

  async #listen(server: Server, where: { readonly path: string } | { readonly host: string; readonly port: number }): Promise<void> {
    server.maxConnections = this.#limits.connections;
    server.on('clientError', answerClientError);
    server.listen(where);
    await once(server, 'listening');
    server.on('error', (error) => this.#log.error({ err: error }, 'a listener of the API failed'));
    this.#servers.push(server);
  }
}

/** What is not even HTTP gets a problem without a request to tell of, and the end of its connection. */
function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, title, kind] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'The header of the request is too large', 'too-large']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'The request took too long to arrive', 'request-timeout']
        : ['400 Bad Request', 'The request is not HTTP', 'invalid-request'];
  const body = JSON.stringify({ type: `/api/v1/problems/${kind}`, title, status: Number.parseInt(status, 10), requestId: 'none' });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** A socket that nobody answers on is left from a server that died. @throws Error where somebody does, or it is no socket */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`${path} is in the way: it is no socket; remove it, or set another runtimeDir`);
  if (await answers(path)) throw new Error(`another virtdom answers on ${path}: stop it, or set another runtimeDir`);
  await unlink(path);
}

async function answers(path: string): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const socket = createConnection(path);
  socket.once('connect', () => resolve(true));
  socket.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
    else reject(error);
  });
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address === 'localhost' || /^127(?:\.\d{1,3}){3}$/.test(address);
}
