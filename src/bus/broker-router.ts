import type { AedesPublishPacket } from 'aedes';
import { TopicTree } from './topic-tree.ts';

/** `done` is called when the message is taken: at once, or when there is room for it. */
export type Route = (packet: AedesPublishPacket, done: () => void) => void;

/**
 * Hands each message to all who hear it: what aedes calls its emitter. Its own lets at most 100 messages be on their way, so that one
 * slow listener stops everybody, and takes a message that was overtaken by a later one for a duplicate; this one does neither.
 */
export class BrokerRouter {
  readonly concurrency = 0;
  readonly #routes = new TopicTree<Route>();

  on(filter: string, route: Route, done?: () => void): this {
    this.#routes.add(filter, route);
    done?.();
    return this;
  }

  removeListener(filter: string, route: Route, done?: () => void): this {
    this.#routes.remove(filter, route);
    done?.();
    return this;
  }

  /** `done` is called when all have taken it, and never before this returns: aedes would go on reading in the middle of a packet. */
  emit(packet: AedesPublishPacket, done: () => void = () => undefined): this {
    const routes = this.#routes.match(packet.topic);
    let open = routes.size;
    if (open === 0) setImmediate(done);
    const unnumbered = { ...packet, brokerId: '', brokerCounter: 0 };
    for (const route of routes)
      route(unnumbered, () => {
        open--;
        if (open === 0) setImmediate(done);
      });
    return this;
  }

  close(done: () => void): this {
    setImmediate(done);
    return this;
  }
}
