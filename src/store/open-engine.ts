import { isPostgres } from './engine.ts';
import type { Engine, EngineUse } from './engine.ts';
import { postgresEngine } from './postgres.ts';
import { sqliteEngine } from './sqlite.ts';

/** `database` is the path of an SQLite file or a postgres:// URL. Throws StoreError `store-open`. */
export function openEngine(database: string, use: EngineUse): Engine {
  return isPostgres(database) ? postgresEngine(database, use) : sqliteEngine(database, use);
}
