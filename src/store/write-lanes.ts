import type { Kysely, Transaction } from 'kysely';
import { packNotices } from './change-feed.ts';
import type { Notice } from './change-feed.ts';
import type { Engine } from './engine.ts';
import { GroupCommit } from './group-commit.ts';
import type { CommitCounts } from './group-commit.ts';
import { reasonOf } from './store-error.ts';
import type { Tables } from './tables.ts';

interface Writing {
  readonly transaction: Transaction<Tables>;
  readonly notices: Notice[];
}

/** `tell` says what other servers are to know once the transaction has committed. */
type Write<Result> = (transaction: Transaction<Tables>, tell: (notice: Notice) => void) => Promise<Result>;

/** The group commits of all areas: those that the engine gives the same connection share transactions. */
export class WriteLanes {
  readonly #engine: Engine;
  readonly #self: string;
  readonly #failed: (reason: string) => void;
  readonly #lanes = new Map<Kysely<Tables>, GroupCommit<Writing>>();

  /** `self` tells our own notices from those of others; `failed` is called when it is the database that failed. */
  constructor(engine: Engine, self: string, failed: (reason: string) => void) {
    this.#engine = engine;
    this.#self = self;
    this.#failed = failed;
  }

  get counts(): CommitCounts {
    const each = [...this.#lanes.values()].map(({ counts }) => counts);
    return {
      transactions: each.reduce((sum, { transactions }) => sum + transactions, 0),
      writes: each.reduce((sum, { writes }) => sum + writes, 0),
    };
  }

  /** Resolves when it is durable. */
  commit<Result>(area: string, write: Write<Result>): Promise<Result> {
    return this.#lane(area).commit(({ transaction, notices }) => write(transaction, (notice) => notices.push(notice)));
  }

  /** Writes what is there already: enough to see that a commit gets to the disk. */
  probe(): Promise<void> {
    return this.commit('leases', async (transaction) => {
      await transaction
        .updateTable('schema_migration')
        .set((row) => ({ applied_ms: row.ref('applied_ms') }))
        .execute();
    });
  }

  async idle(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.idle()));
  }

  #lane(area: string): GroupCommit<Writing> {
    const connection = this.#engine.writing(area);
    const known = this.#lanes.get(connection);
    if (known !== undefined) return known;
    const lane = new GroupCommit<Writing>((body) => this.#transact(connection, body), this.#engine.blame);
    this.#lanes.set(connection, lane);
    return lane;
  }

  async #transact(connection: Kysely<Tables>, body: (handle: Writing) => Promise<void>): Promise<void> {
    const { blame, feed } = this.#engine;
    try {
      await connection.transaction().execute(async (transaction) => {
        const notices: Notice[] = [];
        await body({ transaction, notices });
        if (feed !== undefined) await feed.tell(transaction, packNotices(this.#self, notices, feed.messageBytes));
      });
    } catch (error) {
      if (blame(error) === 'database') this.#failed(reasonOf(error));
      throw error;
    }
  }
}
