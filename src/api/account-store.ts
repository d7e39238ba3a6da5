/** What somebody may do: `viewer` reads, `operator` also changes machines, templates and boots, `admin` also users and settings. */
export type Role = 'viewer' | 'operator' | 'admin';

export interface User {
  readonly name: string;
  readonly role: Role;
  /** argon2id in the PHC text form. Never leaves the server. */
  readonly passwordHash: string;
  readonly disabled: boolean;
  /** Wall-clock milliseconds. */
  readonly createdMs: number;
  readonly updatedMs: number;
}

export interface Session {
  /** sha256 of the cookie's value, hex. */
  readonly idHash: string;
  readonly user: string;
  readonly createdMs: number;
  readonly lastSeenMs: number;
  readonly expiresMs: number;
}

export interface ApiToken {
  /** Short and public, to name it by. */
  readonly id: string;
  /** sha256 of the whole token, hex. */
  readonly hash: string;
  readonly name: string;
  readonly owner: string;
  readonly role: Role;
  /** Nouns that it is confined to, such as `machines:read`; none for all that its role may. */
  readonly scopes: readonly string[];
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly lastUsedMs?: number;
}

/** Where accounts outlive the process. `false`: there is none, or, for adding, there is one already. */
export interface AccountStore {
  users(): Promise<readonly User[]>;
  user(name: string): Promise<User | undefined>;
  addUser(user: User): Promise<boolean>;
  /** Replaces it; its sessions end where password, role or `disabled` changed. */
  updateUser(user: User): Promise<boolean>;
  /** With its sessions and tokens. */
  deleteUser(name: string): Promise<boolean>;
  addSession(session: Session): Promise<void>;
  session(idHash: string): Promise<Session | undefined>;
  touchSession(idHash: string, lastSeenMs: number, expiresMs: number): Promise<void>;
  deleteSession(idHash: string): Promise<boolean>;
  tokens(): Promise<readonly ApiToken[]>;
  tokenByHash(hash: string): Promise<ApiToken | undefined>;
  addToken(token: ApiToken): Promise<boolean>;
  touchToken(id: string, lastUsedMs: number): Promise<void>;
  deleteToken(id: string): Promise<boolean>;
  /** Deletes sessions and tokens that have expired before. */
  prune(beforeMs: number): Promise<number>;
}
