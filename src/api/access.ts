import type { Role } from './account-store.ts';

/** Who a request is from, and what they may do. */
export interface Actor {
  /** As the audit log names them: `anna`, `token:ci`, `root`. */
  readonly name: string;
  /** The account, where there is one: root on the socket has none. */
  readonly user?: string;
  /** Of a token: whose it is. */
  readonly owner?: string;
  readonly via: 'socket' | 'session' | 'token';
  readonly role: Role;
  /** Of a token: none for all that its role may. */
  readonly scopes: readonly string[];
  readonly createdMs?: number;
  readonly expiresMs?: number;
  /** What this rests on: ending a session needs it, and a long answer asks again whether it still counts. */
  readonly credential: { readonly kind: 'socket' } | { readonly kind: 'session' | 'token'; readonly hash: string };
}

/** What a route asks for. Each route says it; `nobody` is for routes that everybody may use, logged in or not. */
export interface RouteAccess {
  readonly role: Role | 'nobody';
  /** What its scope is called: `machines` is reached with `machines:read`. */
  readonly noun: string;
}

const ranks: Readonly<Record<Role | 'nobody', number>> = { nobody: 0, viewer: 1, operator: 2, admin: 3 };

/** Why somebody may not, in words; nothing where they may. */
export function refusalOf(actor: Actor, { role, noun }: RouteAccess, isRead: boolean, isOwnAffair = false): string | undefined {
  if (ranks[actor.role] < ranks[role]) return `This takes the role ${role}; ${actor.name} has ${actor.role}.`;
  if (role === 'nobody' || isOwnAffair || actor.scopes.length === 0) return undefined;
  const enough = isRead ? [`${noun}:read`, `${noun}:write`] : [`${noun}:write`];
  if (actor.scopes.some((scope) => enough.includes(scope))) return undefined;
  return `This takes the scope ${enough[0]}; ${actor.name} has ${actor.scopes.join(', ')}.`;
}

export function isAtMost(role: Role, limit: Role): boolean {
  return ranks[role] <= ranks[limit];
}

export function lesserOf(left: Role, right: Role): Role {
  return isAtMost(left, right) ? left : right;
}
