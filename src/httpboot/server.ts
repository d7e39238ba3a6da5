import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../clock.ts';
import { DropLog, type Log } from '../log.ts';
import type { BootObserver, Observation } from '../model/boot-trace.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import { AddressListeners } from '../net/address-listeners.ts';
import { describeBindFailure } from '../net/bind-failure.ts';
import type { BootTree } from './boot-tree.ts';
import { ClientLimits } from './client-limits.ts';
import { answerFile } from './file-answer.ts';
import { FileBytes } from './file-bytes.ts';
import { answerHello, helloPath } from './hello-answer.ts';
import type { HelloDesk } from './hello-desk.ts';
import { refuse } from './refusal.ts';
import { requestPath } from './request-path.ts';

export interface BootHttpSettings {
  readonly port: number;
  /** An address: a farm that loads at once, and not every connection a broken client can make. */
  readonly maxConnections?: number;
  /** One machine that loads has two or three. */
  readonly maxConnectionsPerClient?: number;
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs?: number;
  /** How long a client may leave bytes of an answer unread. */
  readonly stallTimeoutMs?: number;
}

export interface BootHttpServerParts {
  readonly settings: BootHttpSettings;
  readonly addresses: readonly Ipv4[];
  readonly tree: BootTree;
  readonly desk: HelloDesk;
  readonly observer: BootObserver;
  readonly clock: Clock;
  readonly log: Log;
}

const maxTargetLength = 2_048;
const maxPathLength = 255;

/** The boot tree over HTTP/1.1, for iPXE, GRUB, UEFI firmware and machines that report that they are up. */
export class BootHttpServer {
  readonly #parts: BootHttpServerParts;
  readonly #drops: DropLog;
  readonly #files = new FileBytes();
  readonly #limits: ClientLimits;
  readonly #listeners: AddressListeners<Server>;

  constructor(parts: BootHttpServerParts) {
    this.#parts = parts;
    this.#drops = new DropLog(parts.log, parts.clock);
    this.#limits = new ClientLimits({ maxConnections: parts.settings.maxConnectionsPerClient ?? 64, maxPipelined: 16 });
    this.#listeners = new AddressListeners({
      name: 'HTTP',
      port: parts.settings.port,
      log: parts.log,
      listen: (address) => this.#listen(address),
      leave: (_address, server) => closeServer(server),
    });
  }

  /** Rejects with the first address that cannot be bound; then none is. */
  start(): Promise<void> {
    return this.#listeners.start(this.#parts.addresses);
  }

  /** Follows the machine's addresses. */
  setAddresses(addresses: readonly Ipv4[]): Promise<void> {
    return this.#listeners.setAddresses(addresses);
  }

  /** Ends every connection, also in the middle of a file, and resolves when all sockets are closed. */
  async close(): Promise<void> {
    await this.#listeners.close();
    this.#drops.close();
  }

  /** Where it listens: the port is the kernel's choice where the settings say 0. */
  get listening(): readonly { readonly address: Ipv4; readonly port: number }[] {
    return this.#listeners.entries().map(([address, server]) => {
      const bound = server.address();
      return { address, port: typeof bound === 'object' && bound !== null ? bound.port : this.#parts.settings.port };
    });
  }

  async #listen(address: Ipv4): Promise<Server> {
    const { maxConnections = 1_024, requestTimeoutMs = 20_000, stallTimeoutMs = 60_000, port } = this.#parts.settings;
    const server = createServer({
      maxHeaderSize: 8 * 1024,
      requestTimeout: requestTimeoutMs,
      headersTimeout: Math.min(10_000, requestTimeoutMs),
      connectionsCheckingInterval: Math.min(5_000, requestTimeoutMs / 2),
      keepAliveTimeout: 15_000,
      noDelay: true,
      highWaterMark: 256 * 1024,
    });
    server.maxConnections = maxConnections;
    server.timeout = stallTimeoutMs;
    server.on('connection', (socket) => {
      if (this.#limits.admits(socket)) return;
      this.#drops.drop('too-many-connections-of-one-client', { client: socket.remoteAddress });
      socket.destroy();
    });
    server.on('request', (request, response) => {
      if (this.#limits.inTurn(request.socket, () => this.#answer(request, response))) return;
      this.#drops.drop('too-many-requests-at-once', { client: request.socket.remoteAddress });
      request.socket.destroy();
    });
    server.on('dropRequest', () => this.#drops.drop('too-many-connections', { address }));
    server.on('drop', () => this.#drops.drop('too-many-connections', { address }));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.#drops.drop('malformed-request', { client: 'remoteAddress' in socket ? socket.remoteAddress : undefined, error: error.code });
      if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
      else socket.end(`HTTP/1.1 ${clientErrorStatus(error.code)}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    });
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error): void => reject(describeBindFailure(error, { protocol: 'tcp', address, port }));
      server.once('error', failed);
      server.listen({ host: address, port, backlog: 1_024 }, () => {
        server.off('error', failed);
        server.on('error', (error) => this.#drops.drop('socket-error', { address, error: error.message }));
        resolve();
      });
    });
    return server;
  }

  /** Receive, ask, send; the one place where a request's surprises end. */
  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#drops.drop('request-failed', { client: request.socket.remoteAddress, method: request.method, error: reason });
      if (response.headersSent) response.destroy();
      else {
        for (const name of response.getHeaderNames()) response.removeHeader(name);
        this.#refuse(request, response, 500, 'the server can not answer this now');
      }
    }
  }

  #refuse(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
    refuse(request, response, status, text, this.#parts.clock);
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? '';
    const path = target.length > maxTargetLength ? undefined : requestPath(target);
    if (path === undefined || path.length > maxPathLength) {
      this.#refuse(
        request,
        response,
        path === undefined && target.length <= maxTargetLength ? 400 : 414,
        'this is no path of the boot tree',
      );
      return;
    }
    const isHello = path === helloPath;
    const allowed = isHello ? ['POST'] : ['GET', 'HEAD'];
    if (!allowed.includes(request.method ?? '')) {
      response.setHeader('Allow', allowed.join(', '));
      // The body of what is not allowed is not read.
      if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined) {
        response.setHeader('Connection', 'close');
      }
      this.#refuse(request, response, 405, `only ${allowed.join(' and ')} here`);
      return;
    }
    if (isHello) await answerHello(request, response, this.#parts.desk);
    else await this.#serve(request, response, path);
  }

  async #serve(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const clientAddress = request.socket.remoteAddress ?? '';
    const serverAddress = request.socket.localAddress ?? '';
    const file = await this.#parts.tree.open({ protocol: 'http', clientAddress, serverAddress, path });
    const observe = (seen: Seen): void =>
      this.#parts.observer.observe({ kind: 'file', protocol: 'http', atMs: this.#parts.clock.now(), clientAddress, path, ...seen });
    switch (file.kind) {
      case 'missing':
        observe({ phase: 'missing', bytes: 0, reason: file.reason });
        this.#refuse(request, response, 404, `there is no ${path} here`);
        return;
      case 'refused':
        observe({ phase: 'refused', bytes: 0, reason: file.reason });
        this.#refuse(request, response, 403, `${path} is not for this client: the server's log says why`);
        return;
      case 'rendered':
      case 'static':
        await answerFile(request, response, file, this.#files, {
          opened: (size) => observe({ phase: 'opened', bytes: 0, size }),
          finished: (bytes, size) => observe({ phase: 'finished', bytes, size }),
          aborted: (bytes, size, reason) => observe({ phase: 'aborted', bytes, size, reason }),
        });
    }
  }
}

type FileObservation = Extract<Observation, { kind: 'file' }>;
type Seen = Omit<FileObservation, 'kind' | 'protocol' | 'atMs' | 'clientAddress' | 'path'>;

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function clientErrorStatus(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
}
