import type { Socket } from 'node:net';

interface Turns {
  waiting: number;
  last: Promise<void>;
}

/**
 * What one client may ask of us at a time. Node parses all requests of a pipeline (RFC 9112 9.3.2) at once and would
 * have each answered: a thousand requests for one kernel in a single packet cost a thousand descriptors and a gigabyte.
 */
export class ClientLimits {
  readonly #maxConnections: number;
  readonly #maxPipelined: number;
  readonly #connections = new Map<string, number>();
  readonly #turns = new WeakMap<Socket, Turns>();

  constructor({ maxConnections, maxPipelined }: { readonly maxConnections: number; readonly maxPipelined: number }) {
    this.#maxConnections = maxConnections;
    this.#maxPipelined = maxPipelined;
  }

  /** Counts a connection until it closes; `false` where its client has too many. */
  admits(socket: Socket): boolean {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined) return false; // gone already
    const count = this.#connections.get(remoteAddress) ?? 0;
    if (count >= this.#maxConnections) return false;
    this.#connections.set(remoteAddress, count + 1);
    socket.once('close', () => {
      const left = (this.#connections.get(remoteAddress) ?? 1) - 1;
      if (left > 0) this.#connections.set(remoteAddress, left);
      else this.#connections.delete(remoteAddress);
    });
    return true;
  }

  /**
   * Answers the requests of a connection one after the other, and those of a closed one not at all.
   * @param answer must not reject
   * @returns `false` where too many wait: the connection is not worth its bytes then
   */
  inTurn(socket: Socket, answer: () => Promise<void>): boolean {
    let turns = this.#turns.get(socket);
    if (turns === undefined) this.#turns.set(socket, (turns = { waiting: 0, last: Promise.resolve() }));
    if (turns.waiting >= this.#maxPipelined) return false;
    const mine = turns;
    mine.waiting++;
    mine.last = mine.last
      .then(() => (socket.destroyed ? undefined : answer()))
      .finally(() => {
        mine.waiting--;
      });
    return true;
  }
}
