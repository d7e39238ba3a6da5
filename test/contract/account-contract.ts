import { describe, expect, it } from 'vitest';
import type { ApiToken, Session, User } from '../../src/api/account-store.ts';
import { SharedStore, atMs, odd } from './shared-store.ts';
import type { StoreUnderTest } from './store-contract.ts';

function user(name: string, more: Partial<User> = {}): User {
  return { name, role: 'viewer', passwordHash: '$argon2id$v=19$m=65536$a$b', disabled: false, createdMs: atMs, updatedMs: atMs, ...more };
}

function session(idHash: string, of: string, more: Partial<Session> = {}): Session {
  return { idHash, user: of, createdMs: atMs, lastSeenMs: atMs, expiresMs: atMs + 1000, ...more };
}

function token(id: string, owner: string, more: Partial<ApiToken> = {}): ApiToken {
  return { id, hash: `hash of ${id}`, name: odd, owner, role: 'operator', scopes: [], createdMs: atMs, expiresMs: atMs + 1000, ...more };
}

/** Where users, sessions and tokens outlive the process. */
export function accountContract(make: () => Promise<StoreUnderTest>): void {
  describe('users', () => {
    const store = new SharedStore(make);
    const accounts = () => store.now.accounts;

    it('are given back as they were added', async () => {
      expect(await accounts().users()).toEqual([]);
      expect(await accounts().user('anna')).toBeUndefined();
      const anna = user('anna', { role: 'admin', updatedMs: 2 ** 45, passwordHash: odd });
      expect(await accounts().addUser(anna)).toBe(true);
      expect(await accounts().addUser(user('bert', { disabled: true }))).toBe(true);
      await store.reopen();
      expect(await accounts().user('anna')).toEqual(anna);
      expect(await accounts().users()).toEqual([anna, user('bert', { disabled: true })]);
    });

    it('are added once, also when two add the same at once', async () => {
      const first = user('carl', { role: 'admin' });
      expect(await Promise.all([accounts().addUser(first), accounts().addUser(user('carl'))])).toEqual([true, false]);
      expect(await accounts().addUser(user('carl'))).toBe(false);
      expect(await accounts().user('carl')).toEqual(first);
    });

    it('are replaced where there is one', async () => {
      expect(await accounts().updateUser(user('dora'))).toBe(false);
      await accounts().addUser(user('dora'));
      expect(await accounts().updateUser(user('dora', { role: 'admin', updatedMs: atMs + 1 }))).toBe(true);
      expect(await accounts().user('dora')).toEqual(user('dora', { role: 'admin', updatedMs: atMs + 1 }));
      expect(await accounts().user('eve')).toBeUndefined();
    });

    it.each([
      ['password', { passwordHash: 'other' }, false],
      ['role', { role: 'admin' }, false],
      ['being let in', { disabled: true }, false],
      ['nothing but the time', { updatedMs: atMs + 1 }, true],
    ] as const)('lose their sessions with a change of %s', async (what, change, kept) => {
      const name = `fred ${what}`;
      await accounts().addUser(user(name));
      await accounts().addUser(user(`other ${what}`));
      await accounts().addSession(session(`s ${what}`, name));
      await accounts().addSession(session(`o ${what}`, `other ${what}`));
      await accounts().updateUser(user(name, change));
      expect((await accounts().session(`s ${what}`)) !== undefined).toBe(kept);
      expect(await accounts().session(`o ${what}`)).toBeDefined();
    });

    it('are deleted with their sessions and tokens, and a later one of the name has none', async () => {
      for (const name of ['gerd', 'hans']) {
        await accounts().addUser(user(name));
        await accounts().addSession(session(`s ${name}`, name));
        await accounts().addToken(token(`t ${name}`, name));
      }
      expect(await accounts().deleteUser('gerd')).toBe(true);
      expect(await accounts().deleteUser('gerd')).toBe(false);
      await accounts().addUser(user('gerd'));
      expect(await accounts().session('s gerd')).toBeUndefined();
      expect(await accounts().tokenByHash('hash of t gerd')).toBeUndefined();
      expect(await accounts().session('s hans')).toBeDefined();
      expect(await accounts().tokenByHash('hash of t hans')).toBeDefined();
    });
  });

  describe('sessions', () => {
    const store = new SharedStore(make);
    const accounts = () => store.now.accounts;

    it('are found by the hash of their cookie, with when they were used last', async () => {
      await accounts().addUser(user('anna'));
      await accounts().addSession(session('aa', 'anna'));
      await store.reopen();
      expect(await accounts().session('aa')).toEqual(session('aa', 'anna'));
      await accounts().touchSession('aa', atMs + 5, 2 ** 45);
      expect(await accounts().session('aa')).toEqual(session('aa', 'anna', { lastSeenMs: atMs + 5, expiresMs: 2 ** 45 }));
      expect(await accounts().session('bb')).toBeUndefined();
    });

    it('end once', async () => {
      await accounts().addUser(user('bert'));
      await accounts().addSession(session('cc', 'bert'));
      expect(await accounts().deleteSession('cc')).toBe(true);
      expect(await accounts().deleteSession('cc')).toBe(false);
      expect(await accounts().session('cc')).toBeUndefined();
    });

    it('that have ended are not brought back by a request that was under way', async () => {
      await accounts().touchSession('dd', atMs, atMs);
      expect(await accounts().session('dd')).toBeUndefined();
    });

    it('are of users that there are', async () => {
      await expect(accounts().addSession(session('ee', 'nobody'))).rejects.toMatchObject({ code: 'store-write' });
    });
  });

  describe('tokens', () => {
    const store = new SharedStore(make);
    const accounts = () => store.now.accounts;

    it('are given back as they were added, oldest first, whoever owns them', async () => {
      const both = [
        token('t1', 'anna', { createdMs: atMs + 5, scopes: ['machines:read', odd], expiresMs: 2 ** 45 }),
        token('t2', 'root', { lastUsedMs: atMs }),
      ];
      for (const each of both) expect(await accounts().addToken(each)).toBe(true);
      await store.reopen();
      expect(await accounts().tokens()).toEqual(both.toReversed());
      expect(await accounts().tokenByHash('hash of t1')).toEqual(both[0]);
      expect(await accounts().tokenByHash('t1')).toBeUndefined();
    });

    it('have an id and a hash of their own', async () => {
      await accounts().addToken(token('t3', 'anna'));
      expect(await accounts().addToken(token('t3', 'bert', { hash: 'another' }))).toBe(false);
      expect(await accounts().addToken(token('t4', 'bert', { hash: 'hash of t3' }))).toBe(false);
      expect(await accounts().tokenByHash('hash of t3')).toMatchObject({ owner: 'anna' });
    });

    it('know when they were used last', async () => {
      await accounts().addToken(token('t5', 'anna'));
      expect(await accounts().tokenByHash('hash of t5')).toEqual(token('t5', 'anna'));
      await accounts().touchToken('t5', 2 ** 44);
      await accounts().touchToken('never', 2 ** 44);
      expect(await accounts().tokenByHash('hash of t5')).toEqual(token('t5', 'anna', { lastUsedMs: 2 ** 44 }));
    });

    it('are deleted once', async () => {
      await accounts().addToken(token('t6', 'anna'));
      expect(await accounts().deleteToken('t6')).toBe(true);
      expect(await accounts().deleteToken('t6')).toBe(false);
      expect(await accounts().tokenByHash('hash of t6')).toBeUndefined();
    });
  });

  describe('sessions and tokens', () => {
    const store = new SharedStore(make);

    it('are pruned when they have expired before, and no others', async () => {
      const { accounts } = store.now;
      await accounts.addUser(user('anna'));
      for (let i = 0; i < 4; i++) {
        await accounts.addSession(session(`s${i}`, 'anna', { expiresMs: atMs + i }));
        await accounts.addToken(token(`t${i}`, 'anna', { expiresMs: atMs + i }));
      }
      expect(await accounts.prune(atMs)).toBe(0);
      expect(await accounts.prune(atMs + 2)).toBe(4);
      expect(await accounts.session('s1')).toBeUndefined();
      expect(await accounts.session('s2')).toBeDefined();
      expect((await accounts.tokens()).map(({ id }) => id).sort()).toEqual(['t2', 't3']);
      expect(await accounts.prune(atMs + 2)).toBe(0);
    });
  });
}
