import { DropLog } from '../log.ts';
import { maxMessageBytes, protocolVersion, topics } from '../manager/protocol.ts';
import type { AgentMessage, AgentMessageOf } from '../manager/protocol.ts';
import type { Qos } from '../bus/bus.ts';
import type { AgentParts } from './parts.ts';

type OfProperties = AgentMessageOf<'PROPVAL'> | AgentMessageOf<'PROPLIST'> | AgentMessageOf<'PROPERR'>;
type WithoutHead<Message> = Message extends OfProperties
  ? Omit<Message, 'v' | 'id' | 'boot'>
  : Message extends unknown
    ? Omit<Message, 'v' | 'id'>
    : never;
/** A message to managers, before it has its number; one of properties has its boot from here. */
export type Saying = WithoutHead<AgentMessage>;

/** Says things to the managers. What cannot be said now is logged; who needs it asks again. */
export class Speaker {
  readonly #parts: AgentParts;
  readonly #drops: DropLog;
  readonly #topic: string;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#drops = new DropLog(parts.log, parts.clock);
    this.#topic = topics.fromAgent(parts.identity.machine);
  }

  /** Whether it was small enough to be said. */
  say(saying: Saying, qos: Qos = 1): boolean {
    const isOfProperties = saying.kind === 'PROPVAL' || saying.kind === 'PROPLIST' || saying.kind === 'PROPERR';
    const message = { v: protocolVersion, id: this.#parts.newId(), ...(isOfProperties && { boot: this.#parts.identity.boot }), ...saying };
    const payload = Buffer.from(JSON.stringify(message));
    if (payload.byteLength > maxMessageBytes) {
      this.#drops.drop('too large', { message: saying.kind, bytes: payload.byteLength });
      return false;
    }
    this.#parts.bus.publish(this.#topic, payload, { qos }).catch((error: unknown) => {
      this.#drops.drop('not sent', { message: saying.kind, err: error });
    });
    return true;
  }

  close(): void {
    this.#drops.close();
  }
}
