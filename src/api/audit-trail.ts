import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuditLog } from '../events/audit-log.ts';
import type { AuditEntry } from '../events/audit-store.ts';
import type { EventLog } from '../events/event-log.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { Breath } from '../machines/breath.ts';
import { isDryRun } from './idempotency.ts';
import type { AuditNote } from './request-context.ts';

export interface AuditTrailParts {
  readonly audit: () => Pick<AuditLog, 'recordAll'>;
  readonly events: () => Pick<EventLog, 'append'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the event log calls changes that were made: templates, boots and the VM manager tell of themselves. */
const eventKinds: Readonly<Record<string, string>> = {
  'machine.create': 'machine.created',
  'machine.edit': 'machine.changed',
  'machine.assign': 'machine.assigned',
  'machine.release': 'machine.released',
  'machine.ignore': 'machine.ignored',
  'machine.boot': 'machine.boot-requested',
  'machine.boot-cancel': 'machine.boot-cancelled',
  'machine.delete': 'machine.deleted',
  'profile.create': 'profile.created',
  'profile.replace': 'profile.changed',
  'profile.delete': 'profile.deleted',
  'subnet.create': 'subnet.created',
  'subnet.replace': 'subnet.changed',
  'subnet.delete': 'subnet.deleted',
  'environment.create': 'environment.created',
  'environment.replace': 'environment.changed',
  'environment.delete': 'environment.deleted',
  'role.create': 'role.created',
  'role.replace': 'role.changed',
  'role.delete': 'role.deleted',
  'trigger.create': 'trigger.created',
  'trigger.replace': 'trigger.changed',
  'trigger.delete': 'trigger.deleted',
  'objects.apply': 'object.applied',
  'machine.import': 'object.applied',
  'image.delete': 'image.deleted',
  'lease.delete': 'lease.deleted',
};

/** Writes down every change that somebody made or was refused, before they get their answer. */
export function keepAuditTrail(app: FastifyInstance, { audit, events, clock, log }: AuditTrailParts): void {
  app.decorateRequest('auditNotes');
  app.addHook('onRequest', async (request) => {
    request.auditNotes = [];
  });
  app.addHook('onSend', async (request, reply, payload) => {
    if (!isToBeTold(request, reply)) return payload;
    const entries = entriesOf(request, reply, payload);
    try {
      await audit().recordAll(entries);
    } catch (error) {
      // The change is done: to answer that it failed would be wrong. The log has it at least.
      log.error({ err: error, requestId: request.id, entries }, 'the audit log could not be written');
    }
    const breath = new Breath();
    for (const { action, object, actor, detail, outcome } of entries) {
      await breath.take();
      const kind = eventKinds[action];
      if (kind === undefined || outcome !== 'done') continue;
      const machine = object.startsWith('machine/') ? object.slice('machine/'.length) : undefined;
      events().append({
        atMs: clock.now(),
        kind,
        severity: 'info',
        ...(machine !== undefined && { machine }),
        detail: { object, by: actor, ...detail },
      });
    }
    return payload;
  });
}

function isToBeTold(request: FastifyRequest, reply: FastifyReply): boolean {
  const { action, reads } = request.routeOptions.config;
  if (action === undefined || reads === true || isDryRun(request) || reply.hasHeader('idempotency-replayed')) return false;
  // Of strangers only wrong passwords are told, which the limit of log-ins limits: nobody fills the disk without an account.
  return request.actor !== undefined || reply.statusCode < 400 || (action === 'session.login' && reply.statusCode === 401);
}

function entriesOf(request: FastifyRequest, reply: FastifyReply, payload: unknown): Omit<AuditEntry, 'atMs'>[] {
  const outcome = reply.statusCode < 400 ? 'done' : reply.statusCode < 500 ? 'refused' : 'failed';
  const why = outcome === 'done' ? {} : { status: reply.statusCode, ...problemIn(payload) };
  const { action = '' } = request.routeOptions.config;
  const notes: readonly AuditNote[] = request.auditNotes.length > 0 ? request.auditNotes : [{ action, object: objectOf(request) }];
  const entryOf = (each: AuditNote): Omit<AuditEntry, 'atMs'> => ({
    actor: request.actor?.name ?? 'nobody',
    via: request.actor?.via ?? 'session',
    action: each.action,
    object: each.object,
    requestId: request.id,
    outcome: each.outcome ?? outcome,
    // Tokens of two users may have one name.
    detail: { ...each.detail, ...(request.actor?.owner !== undefined && { owner: request.actor.owner }), ...why },
  });
  return notes.map(entryOf);
}

/** `machine/post01`, from the action's noun and the path. */
function objectOf(request: FastifyRequest): string {
  const [noun = ''] = (request.routeOptions.config.action ?? '').split('.');
  const [name] = Object.values((request.params ?? {}) as Record<string, string>);
  return name === undefined ? noun : `${noun}/${name}`.slice(0, 1024);
}

function problemIn(payload: unknown): { readonly problem?: string } {
  if (typeof payload !== 'string' || payload.length > 1_000_000) return {};
  try {
    const { detail, title } = JSON.parse(payload) as { readonly detail?: string; readonly title?: string };
    const problem = detail ?? title;
    return problem === undefined ? {} : { problem: problem.slice(0, 2048) };
  } catch {
    return {};
  }
}
