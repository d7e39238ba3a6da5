import { maxMessageBytes } from '../manager/protocol.ts';
import type { ManagerMessageOf } from '../manager/protocol.ts';
import type { AgentParts, Extracted, PropertyProblem, PropertyValue } from './parts.ts';
import type { Speaker } from './speaker.ts';

const maxFetches = 8;

/** Answers questions for properties, and says what was extracted by their own ticks. */
export class PropertyDesk {
  readonly #parts: AgentParts;
  readonly #speaker: Speaker;
  readonly #end: () => void;
  #fetches = 0;

  constructor(parts: AgentParts, speaker: Speaker) {
    this.#parts = parts;
    this.#speaker = speaker;
    // What nobody hears is not kept for later: the next values are newer.
    this.#end = parts.properties.onValues((extracted) => {
      if (parts.bus.state.kind === 'connected') this.#say(extracted, undefined, 0);
    });
  }

  get({ id, names }: ManagerMessageOf<'GETPROP'>): void {
    if (names.length > 0) {
      this.#say(this.#parts.properties.latest(names), id, 1);
      return;
    }
    const properties = this.#parts.properties.definitions().slice(0, 1024);
    this.#speaker.say({ kind: 'PROPLIST', reply: id, properties: [...properties] });
  }

  fetch({ id, names }: ManagerMessageOf<'FETCHPROP'>): void {
    if (this.#fetches >= maxFetches) {
      this.#speaker.say({
        kind: 'PROPERR',
        reply: id,
        code: 'busy',
        reason: `${maxFetches} questions for properties are being answered already`,
      });
      return;
    }
    this.#fetches++;
    void this.#fetch(id, names).finally(() => this.#fetches--);
  }

  /** Definitions from the manager; what is wrong with them is said. */
  define(id: string, definitions: readonly unknown[]): void {
    for (const problem of this.#parts.properties.setDefinitions(definitions)) this.#complain(problem, id);
  }

  close(): void {
    this.#end();
  }

  async #fetch(id: string, names: readonly string[]): Promise<void> {
    try {
      this.#say(await this.#parts.properties.fetch(names), id, 1);
    } catch (error) {
      this.#complain({ code: 'failed', reason: error instanceof Error ? error.message : String(error) }, id);
    }
  }

  #say({ values, problems }: Extracted, reply: string | undefined, qos: 0 | 1): void {
    for (const problem of problems) this.#complain(problem, reply);
    const nowMs = this.#parts.clock.monotonic();
    for (const some of inMessages(values)) {
      const said = some.map(({ name, type, value, atMs }) => ({ name, type, value, age: Math.max(0, (nowMs - atMs) / 1000) }));
      this.#speaker.say({ kind: 'PROPVAL', ...(reply !== undefined && { reply }), values: said }, qos);
    }
    // Of a question everybody hears an end.
    if (reply !== undefined && values.length === 0 && problems.length === 0) this.#speaker.say({ kind: 'PROPVAL', reply, values: [] });
  }

  #complain({ name, code, reason }: PropertyProblem, reply: string | undefined): void {
    this.#speaker.say({
      kind: 'PROPERR',
      ...(reply !== undefined && { reply }),
      ...(name !== undefined && { name }),
      code: code.slice(0, 32),
      reason: reason.slice(0, 1024),
    });
  }
}

/** As many in one message as fit. */
function inMessages(values: readonly PropertyValue[]): PropertyValue[][] {
  const messages: PropertyValue[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const value of values) {
    const own = Buffer.byteLength(JSON.stringify(value.value) ?? 'null') + 200;
    const last = messages.at(-1);
    if (last !== undefined && bytes + own < maxMessageBytes - 1024 && last.length < 256) {
      last.push(value);
      bytes += own;
    } else {
      messages.push([value]);
      bytes = own;
    }
  }
  return messages;
}
