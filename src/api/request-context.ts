import type { FastifyRequest } from 'fastify';
import type { AuditEntry } from '../events/audit-store.ts';
import type { Actor, RouteAccess } from './access.ts';
import { ProblemError } from './problems.ts';

/** What a change says of itself to the audit log, beside who, when and how it ended. */
export interface AuditNote {
  readonly action: string;
  readonly object: string;
  readonly detail?: AuditEntry['detail'];
  /** Where it is another one than the answer's: in bulk, one item may be refused. */
  readonly outcome?: AuditEntry['outcome'];
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess;
    /** What the audit log calls it: `machine.assign`. Every route that changes something has one. */
    action?: string;
    /** Its body or answer holds a secret: never kept for a repeat. */
    secret?: boolean;
    /** Everything in its body may be left out, and so may the body. */
    emptyBody?: boolean;
    /** Of nobody but who asks: no scope is needed. */
    ownAffair?: boolean;
    /** Changes nothing although it is a POST. */
    reads?: boolean;
  }
  interface FastifyRequest {
    actor: Actor | undefined;
    auditNotes: AuditNote[];
  }
}

/** For routes that ask for a role: there is somebody. */
export function actorOf(request: FastifyRequest): Actor {
  if (request.actor === undefined) throw new ProblemError('not-logged-in', 'Log in, or send a token.');
  return request.actor;
}

/** Tells the audit log what a change is about; without it, the object is made from the path. */
export function note(request: FastifyRequest, object: string, detail: AuditEntry['detail'] = {}): void {
  request.auditNotes = [{ action: request.routeOptions.config.action ?? request.method, object, detail }];
}
