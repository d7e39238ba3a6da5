import { randomBytes, timingSafeEqual } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { AccountStore, User } from './account-store.ts';
import { secretHash } from './authenticator.ts';
import type { PasswordHasher } from './password.ts';
import { ProblemError } from './problems.ts';

export interface FirstAdminParts {
  readonly accounts: AccountStore;
  readonly hasher: PasswordHasher;
  readonly clock: Clock;
  readonly log: Log;
  /** Where the link is written for who may read it: `/run/virtdom/first-admin`. */
  readonly file: string;
  /** What the link begins with: `https://virtdom.example:8443`. */
  readonly origin: string;
}

/** While there is no user, whoever reads a file of root's may become the first admin, once. */
export class FirstAdmin {
  readonly #parts: FirstAdminParts;
  #tokenHash: string | undefined;

  private constructor(parts: FirstAdminParts) {
    this.#parts = parts;
  }

  /** Writes the link where there is no user yet; removes one that is of no use any more. */
  static async open(parts: FirstAdminParts): Promise<FirstAdmin> {
    const { accounts, file, origin, log } = parts;
    const firstAdmin = new FirstAdmin(parts);
    await rm(file, { force: true });
    if ((await accounts.users()).length > 0) return firstAdmin;
    const token = randomBytes(32).toString('base64url');
    firstAdmin.#tokenHash = secretHash(token);
    await writeFile(file, `${origin}/setup#${token}\n`, { mode: 0o600, flag: 'wx' });
    log.info({ file }, 'there is no user yet: a link in this file makes the first admin, once');
    return firstAdmin;
  }

  /** @throws ProblemError where the token is wrong or was used, or where there is a user by now */
  async redeem(token: string, name: string, password: string): Promise<User> {
    const { accounts, hasher, clock, file, log } = this.#parts;
    const kept = this.#tokenHash;
    if (kept === undefined || !timingSafeEqual(Buffer.from(secretHash(token)), Buffer.from(kept))) throw wrongToken();
    // From here on nobody else can: hashing the password takes a while.
    this.#tokenHash = undefined;
    try {
      const passwordHash = await hasher.hash(password);
      if ((await accounts.users()).length > 0) throw wrongToken();
      const nowMs = clock.now();
      const user: User = { name, role: 'admin', passwordHash, disabled: false, createdMs: nowMs, updatedMs: nowMs };
      if (!(await accounts.addUser(user))) throw wrongToken();
      await rm(file, { force: true });
      log.info({ user: name }, 'the first admin was made');
      return user;
    } catch (error) {
      if (!(error instanceof ProblemError) || error.kind === 'too-many') this.#tokenHash = kept;
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#tokenHash !== undefined) await rm(this.#parts.file, { force: true });
  }
}

function wrongToken(): ProblemError {
  return new ProblemError('forbidden', 'The link is wrong or was used: log in, or restart virtdom for a new one if there is no user yet.');
}
