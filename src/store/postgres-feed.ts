import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import pg from 'pg';
import type { ChangeFeed, FeedListener } from './engine.ts';
import type { Tables } from './tables.ts';

const channel = 'virtdom';
/** PostgreSQL refuses 8000 and more. */
const messageBytes = 7900;
const firstRetryMs = 200;
const lastRetryMs = 5000;
/** A connection that died without a word is noticed by the silence after this. */
const probeMs = 10_000;

interface Connection {
  readonly client: pg.Client;
  /** Resolves with the reason when it is gone. */
  readonly ended: Promise<string>;
}

/** LISTEN and NOTIFY: what a transaction tells reaches the others when it commits, in the order of commits. */
export class PostgresFeed implements ChangeFeed {
  readonly messageBytes = messageBytes;
  readonly #config: pg.ClientConfig;
  readonly #closing = new AbortController();
  #connection: Connection | undefined;
  #following: Promise<void> | undefined;

  constructor(config: pg.ClientConfig) {
    this.#config = config;
  }

  async tell(transaction: Transaction<Tables>, messages: readonly string[]): Promise<void> {
    if (messages.length === 0) return;
    await sql`select pg_notify(${channel}, message) from unnest(${messages}::text[]) as message`.execute(transaction);
  }

  async listen(listener: FeedListener): Promise<void> {
    this.#connection = await this.#connect(listener);
    this.#following = this.#follow(listener);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#connection?.client.end();
    await this.#following;
  }

  async #follow(listener: FeedListener): Promise<void> {
    while (this.#connection !== undefined) {
      const reason = await this.#connection.ended;
      if (this.#closing.signal.aborted) return;
      listener.lost(reason);
      this.#connection = await this.#reconnect(listener);
      if (this.#connection !== undefined) listener.restored();
    }
  }

  async #reconnect(listener: FeedListener): Promise<Connection | undefined> {
    const { signal } = this.#closing;
    for (let delayMs = firstRetryMs; ; delayMs = Math.min(2 * delayMs, lastRetryMs)) {
      await sleep(delayMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return undefined;
      // Why it failed is what `lost` has said already.
      const connection = await this.#connect(listener).catch(() => undefined);
      if (signal.aborted) await connection?.client.end();
      else if (connection !== undefined) return connection;
    }
  }

  async #connect(listener: FeedListener): Promise<Connection> {
    const client = new pg.Client(this.#config);
    const ended = new Promise<string>((resolve) => {
      client.on('error', ({ message }) => resolve(message));
      client.on('end', () => resolve('the server ended the connection'));
    });
    client.on('notification', ({ payload = '' }) => listener.heard(payload));
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
    } catch (error) {
      await client.end();
      throw error;
    }
    const probing = setInterval(() => {
      // An end while a query waits for its answer destroys the socket.
      client.query('select 1').catch(() => client.end());
    }, probeMs);
    void ended.then(() => clearInterval(probing));
    return { client, ended };
  }
}
