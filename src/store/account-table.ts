import type { Kysely } from 'kysely';
import type { ApiToken, Session, User } from '../api/account-store.ts';
import { bites } from './bites.ts';
import type { SessionRow, Tables, TokenRow } from './tables.ts';

export async function readUsers(database: Kysely<Tables>): Promise<User[]> {
  const rows = await database.selectFrom('account').select('document').orderBy('name').execute();
  return rows.map(({ document }) => JSON.parse(document) as User);
}

export async function findUser(database: Kysely<Tables>, name: string): Promise<User | undefined> {
  const row = await database.selectFrom('account').select('document').where('name', '=', name).executeTakeFirst();
  return row && (JSON.parse(row.document) as User);
}

/** False where there is one of that name. */
export async function addUser(database: Kysely<Tables>, user: User): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await database
    .insertInto('account')
    .values({ name: user.name, document: JSON.stringify(user) })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** What a session stands for ends with it: password, role and whether the user may come in at all. */
export async function updateUser(database: Kysely<Tables>, user: User): Promise<boolean> {
  const { name } = user;
  const before = await findUser(database, name);
  if (before === undefined) return false;
  const { numUpdatedRows } = await database
    .updateTable('account')
    .set({ document: JSON.stringify(user) })
    .where('name', '=', name)
    .executeTakeFirst();
  if (before.passwordHash !== user.passwordHash || before.role !== user.role || before.disabled !== user.disabled) {
    await database.deleteFrom('session').where('account', '=', name).execute();
  }
  return numUpdatedRows > 0n;
}

/** With its sessions and tokens. */
export async function deleteUser(database: Kysely<Tables>, name: string): Promise<boolean> {
  await database.deleteFrom('session').where('account', '=', name).execute();
  await database.deleteFrom('token').where('owner', '=', name).execute();
  const { numDeletedRows } = await database.deleteFrom('account').where('name', '=', name).executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Throws where there is no such user: it was deleted between its log-in and this. */
export async function addSession(database: Kysely<Tables>, session: Session): Promise<void> {
  const { idHash, user, createdMs, lastSeenMs, expiresMs } = session;
  await database
    .insertInto('session')
    .values({ id_hash: idHash, account: user, created_ms: createdMs, last_seen_ms: lastSeenMs, expires_ms: expiresMs })
    .execute();
}

export async function findSession(database: Kysely<Tables>, idHash: string): Promise<Session | undefined> {
  const row = await database.selectFrom('session').selectAll().where('id_hash', '=', idHash).executeTakeFirst();
  return row && sessionOf(row);
}

export async function touchSession(database: Kysely<Tables>, idHash: string, lastSeenMs: number, expiresMs: number): Promise<void> {
  await database.updateTable('session').set({ last_seen_ms: lastSeenMs, expires_ms: expiresMs }).where('id_hash', '=', idHash).execute();
}

export async function deleteSession(database: Kysely<Tables>, idHash: string): Promise<boolean> {
  const { numDeletedRows } = await database.deleteFrom('session').where('id_hash', '=', idHash).executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Oldest first. */
export async function readTokens(database: Kysely<Tables>): Promise<ApiToken[]> {
  const rows = await database.selectFrom('token').select(['document', 'last_used_ms']).execute();
  return rows.map(tokenOf).sort((a, b) => a.createdMs - b.createdMs);
}

export async function findToken(database: Kysely<Tables>, hash: string): Promise<ApiToken | undefined> {
  const row = await database.selectFrom('token').select(['document', 'last_used_ms']).where('hash', '=', hash).executeTakeFirst();
  return row && tokenOf(row);
}

/** False where there is one of that id or hash. */
export async function addToken(database: Kysely<Tables>, token: ApiToken): Promise<boolean> {
  const { lastUsedMs, ...document } = token;
  const { id, hash, owner, expiresMs } = token;
  const { numInsertedOrUpdatedRows } = await database
    .insertInto('token')
    .values({ id, hash, owner, expires_ms: expiresMs, last_used_ms: lastUsedMs ?? null, document: JSON.stringify(document) })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

export async function touchToken(database: Kysely<Tables>, id: string, lastUsedMs: number): Promise<void> {
  await database.updateTable('token').set({ last_used_ms: lastUsedMs }).where('id', '=', id).execute();
}

export async function deleteToken(database: Kysely<Tables>, id: string): Promise<boolean> {
  const { numDeletedRows } = await database.deleteFrom('token').where('id', '=', id).executeTakeFirst();
  return numDeletedRows > 0n;
}

interface Expired {
  readonly table: 'session' | 'token';
  readonly key: string;
  readonly expiresMs: number;
}

/** Sessions and tokens together, at most `limit`. */
export async function expiredAccess(database: Kysely<Tables>, beforeMs: number, limit: number): Promise<Expired[]> {
  const sessions = await database
    .selectFrom('session')
    .select(['id_hash as key', 'expires_ms as expiresMs'])
    .where('expires_ms', '<', beforeMs)
    .orderBy('expires_ms')
    .limit(limit)
    .execute();
  const tokens = await database
    .selectFrom('token')
    .select(['id as key', 'expires_ms as expiresMs'])
    .where('expires_ms', '<', beforeMs)
    .orderBy('expires_ms')
    .limit(limit - sessions.length)
    .execute();
  return [
    ...sessions.map(({ key, expiresMs }) => ({ table: 'session' as const, key, expiresMs })),
    ...tokens.map(({ key, expiresMs }) => ({ table: 'token' as const, key, expiresMs })),
  ];
}

/** But for sessions that somebody has used meanwhile, which prolonged them. */
export async function removeAccess(database: Kysely<Tables>, expired: readonly Expired[]): Promise<number> {
  let removed = 0;
  for (const bite of bites(expired)) {
    const until = Math.max(...bite.map(({ expiresMs }) => expiresMs));
    const keys = (table: Expired['table']) => bite.flatMap((one) => (one.table === table ? one.key : []));
    const sessions = keys('session');
    const tokens = keys('token');
    const deletions = [
      sessions.length > 0 && database.deleteFrom('session').where('id_hash', 'in', sessions).where('expires_ms', '<=', until),
      tokens.length > 0 && database.deleteFrom('token').where('id', 'in', tokens).where('expires_ms', '<=', until),
    ];
    for (const deletion of deletions) {
      if (deletion !== false) removed += Number((await deletion.executeTakeFirst()).numDeletedRows);
    }
  }
  return removed;
}

function sessionOf({
  id_hash: idHash,
  account,
  created_ms: createdMs,
  last_seen_ms: lastSeenMs,
  expires_ms: expiresMs,
}: SessionRow): Session {
  return { idHash, user: account, createdMs, lastSeenMs, expiresMs };
}

function tokenOf({ document, last_used_ms: lastUsedMs }: Pick<TokenRow, 'document' | 'last_used_ms'>): ApiToken {
  return { ...(JSON.parse(document) as ApiToken), ...(lastUsedMs !== null && { lastUsedMs }) };
}
