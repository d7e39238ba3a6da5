import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import pg from 'pg';

export interface PoolLimits {
  readonly connections: number;
  /** How long an answer may take; 0 for as long as it takes. Then the connection is given up: TCP would wait for a quarter of an hour. */
  readonly answerMs: number;
}

/** Connections as Kysely wants them, none of which can hang. */
export function postgresPool(config: pg.PoolConfig, { connections, answerMs }: PoolLimits): PostgresPool {
  const pool = new pg.Pool({ ...config, max: connections });
  // Connections that the server ended, while idle and between two queries: the pool drops them, the next query notices.
  pool.on('error', ignore);
  pool.on('connect', (client) => client.on('error', ignore));
  return {
    options: {},
    connect: async () => new ImpatientClient(await pool.connect(), answerMs),
    end: () => pool.end(),
  };
}

/** pg's own `query_timeout` gives up the query only, and the next one waits behind it. */
class ImpatientClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient;
  readonly #answerMs: number;

  constructor(client: pg.PoolClient, answerMs: number) {
    this.#client = client;
    this.#answerMs = answerMs;
  }

  query: PostgresPoolClient['query'] = ((text: string, parameters: readonly unknown[]) => this.#query(text, parameters)) as never;

  release(destroy?: boolean): void {
    this.#client.release(destroy);
  }

  async #query(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<unknown>> {
    let late = false;
    // An end while a query is waiting destroys the socket, and the pool takes the client out.
    const timer = this.#answerMs > 0 ? setTimeout(() => void this.#giveUp(() => (late = true)), this.#answerMs) : undefined;
    try {
      return (await this.#client.query(text, [...parameters])) as unknown as PostgresQueryResult<unknown>;
    } catch (error) {
      throw late ? new Error(`no answer for ${this.#answerMs / 1000} seconds`, { cause: error }) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #giveUp(saying: () => void): Promise<void> {
    saying();
    await (this.#client as unknown as pg.Client).end();
  }
}

function ignore(): void {}
