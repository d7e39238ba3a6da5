import type { AgentParts } from './parts.ts';

/** The agent of one Dom0, from its start until it is closed. */
export class Agent {
  readonly #parts: AgentParts;

  private constructor(parts: AgentParts) {
    this.#parts = parts;
  }

  /** Resolves when it listens, or would if the bus were connected. */
  static start(parts: AgentParts): Promise<Agent> {
    return Promise.resolve(new Agent(parts));
  }

  /** Says goodbye (`left`). What is being done goes on to its end, unheard. */
  async close(): Promise<void> {
    await this.#parts.properties.close();
  }
}
