import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { type Actor, lesserOf } from './access.ts';
import type { AccountStore, ApiToken, Session, User } from './account-store.ts';
import type { LoginLimit } from './login-limit.ts';
import type { PasswordHasher } from './password.ts';
import { ProblemError } from './problems.ts';

export const idleMs = 12 * 3_600_000;
export const absoluteMs = 7 * 24 * 3_600_000;
/** How exactly is remembered when a session or a token was last used: each time would be a write. */
const touchMs = 60_000;
export const tokenPrefix = 'vd_';

/** What a request shows of who it is from. */
export interface Credentials {
  readonly authorization: string | undefined;
  readonly sessionCookie: string | undefined;
  /** Of the other end of a unix socket, where that counts. */
  readonly peerUid: number | undefined;
}

export interface AuthenticatorParts {
  readonly accounts: AccountStore;
  readonly hasher: PasswordHasher;
  readonly limit: LoginLimit;
  readonly clock: Clock;
  /** Of this process. */
  readonly ownUid: number;
}

export class Authenticator {
  readonly #parts: AuthenticatorParts;

  constructor(parts: AuthenticatorParts) {
    this.#parts = parts;
  }

  /** Nobody, where no credentials are shown or a cookie has ended. @throws ProblemError for a token that does not count. */
  async authenticate({ authorization, sessionCookie, peerUid }: Credentials): Promise<Actor | undefined> {
    if (authorization !== undefined) return await this.#byToken(authorization);
    if (sessionCookie !== undefined) {
      const actor = await this.#bySession(secretHash(sessionCookie));
      if (actor !== undefined) return actor;
    }
    if (peerUid === 0 || peerUid === this.#parts.ownUid)
      return { name: peerUid === 0 ? 'root' : `uid:${peerUid}`, via: 'socket', role: 'admin', scopes: [], credential: { kind: 'socket' } };
    return undefined;
  }

  /** Whether what an actor came in with still counts. */
  async stillCounts({ credential }: Actor): Promise<boolean> {
    if (credential.kind === 'socket') return true;
    if (credential.kind === 'session') return (await this.#liveSession(credential.hash)) !== undefined;
    return (await this.#liveToken(credential.hash)) !== undefined;
  }

  /**
   * Begins a session. An unknown user, a wrong password and a locked account get the same answer after the same time.
   * @throws ProblemError 401, or 429 after too many tries
   */
  async login(name: string, password: string, from: string): Promise<{ readonly cookie: string; readonly actor: Actor }> {
    const { accounts, hasher, limit, clock } = this.#parts;
    const userKey = `user ${name}`;
    const fromKey = `from ${from}`;
    limit.begin([userKey, fromKey]);
    const user = await accounts.user(name);
    const isRight = await hasher.verify(password, user?.passwordHash);
    if (user === undefined || !isRight || user.disabled)
      throw new ProblemError('wrong-credentials', 'There is no such user with this password.');
    limit.succeeded(userKey, [fromKey]);
    const cookie = randomBytes(32).toString('base64url');
    const nowMs = clock.now();
    const session: Session = {
      idHash: secretHash(cookie),
      user: user.name,
      createdMs: nowMs,
      lastSeenMs: nowMs,
      expiresMs: nowMs + idleMs,
    };
    await accounts.addSession(session);
    return { cookie, actor: actorOfSession(session, user) };
  }

  /** Whether this is a user's password; counts as a try to log in. @throws ProblemError 429 */
  async isPassword(user: User, password: string): Promise<boolean> {
    const { hasher, limit } = this.#parts;
    const key = `user ${user.name}`;
    limit.begin([key]);
    const isRight = await hasher.verify(password, user.passwordHash);
    if (isRight) limit.succeeded(key, []);
    return isRight;
  }

  async #bySession(idHash: string): Promise<Actor | undefined> {
    const live = await this.#liveSession(idHash);
    if (live === undefined) return undefined;
    const { session, user } = live;
    const nowMs = this.#parts.clock.now();
    if (nowMs - session.lastSeenMs < touchMs) return actorOfSession(session, user);
    const expiresMs = Math.min(nowMs + idleMs, session.createdMs + absoluteMs);
    await this.#parts.accounts.touchSession(idHash, nowMs, expiresMs);
    return actorOfSession({ ...session, expiresMs }, user);
  }

  async #liveSession(idHash: string): Promise<{ readonly session: Session; readonly user: User } | undefined> {
    const { accounts, clock } = this.#parts;
    const session = await accounts.session(idHash);
    if (session === undefined || session.expiresMs <= clock.now()) return undefined;
    const user = await accounts.user(session.user);
    return user === undefined || user.disabled ? undefined : { session, user };
  }

  async #byToken(authorization: string): Promise<Actor> {
    const [, token] = /^bearer +(\S{1,256})$/i.exec(authorization) ?? [];
    const hash = secretHash(token ?? '');
    const live = token?.startsWith(tokenPrefix) === true ? await this.#liveToken(hash) : undefined;
    if (live === undefined) throw new ProblemError('not-logged-in', 'The token is wrong, or has ended: make another one.');
    const { token: kept, actor } = live;
    const nowMs = this.#parts.clock.now();
    if (nowMs - (kept.lastUsedMs ?? 0) >= touchMs) await this.#parts.accounts.touchToken(kept.id, nowMs);
    return actor;
  }

  async #liveToken(hash: string): Promise<{ readonly token: ApiToken; readonly actor: Actor } | undefined> {
    const { accounts, clock } = this.#parts;
    const token = await accounts.tokenByHash(hash);
    if (token === undefined || token.expiresMs <= clock.now()) return undefined;
    const owner = await accounts.user(token.owner);
    // Root and the service's own user make tokens over the socket, and have no account that could be locked.
    const isOwnerless = owner === undefined && isSocketOwner(token.owner);
    if (!isOwnerless && (owner === undefined || owner.disabled)) return undefined;
    const role = owner === undefined ? token.role : lesserOf(token.role, owner.role);
    const { name, scopes, createdMs, expiresMs } = token;
    const actor: Actor = {
      name: `token:${name}`,
      ...(owner !== undefined && { user: owner.name }),
      owner: token.owner,
      via: 'token',
      role,
      scopes,
      createdMs,
      expiresMs,
      credential: { kind: 'token', hash },
    };
    return { token, actor };
  }
}

/** No user may have such a name: theirs begin with a letter and hold no colon, and `root` is kept free. */
export function isSocketOwner(name: string): boolean {
  return name === 'root' || name.startsWith('uid:');
}

/** Of session cookies and tokens: 256 random bits need no salt, and a look-up by it tells no prefix by its time. */
export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function actorOfSession(session: Session, user: User): Actor {
  const { createdMs, expiresMs, idHash } = session;
  return {
    name: user.name,
    user: user.name,
    via: 'session',
    role: user.role,
    scopes: [],
    createdMs,
    expiresMs,
    credential: { kind: 'session', hash: idHash },
  };
}
