import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { cursorOf, positionOf } from '../cursor.ts';
import type { AuditEntry } from '../../events/audit-store.ts';
import { auditPageSchema, auditQuerySchema } from '../schemas/audit.ts';
import type { AuditResource } from '../schemas/audit.ts';
import { answers, base } from './describe.ts';

export function addAuditRoutes(app: Api, plane: ServicePlane): void {
  app.get(
    `${base}/audit`,
    {
      config: { access: { role: 'admin', noun: 'audit' } },
      schema: {
        operationId: 'listAudit',
        summary: 'List who did what to which object, newest first',
        tags: ['audit'],
        querystring: auditQuerySchema,
        ...answers(auditPageSchema),
      },
    },
    async ({ query }) => {
      const { limit = 50, cursor, actor, action, object } = query;
      const [before] = cursor === undefined ? [] : positionOf(cursor, ['number']);
      const entries = await plane.audit.page({
        limit: limit + 1,
        ...(before !== undefined && { before: Number(before) }),
        ...(actor !== undefined && { actor }),
        ...(action !== undefined && { action }),
        ...(object !== undefined && { object }),
      });
      const items = entries.slice(0, limit);
      const end = items.at(-1);
      return {
        items: items.map(entryResource),
        ...(entries.length > limit && end !== undefined && { nextCursor: cursorOf([end.id]) }),
      };
    },
  );
}

function entryResource({
  id,
  atMs,
  actor,
  via,
  action,
  object,
  requestId,
  outcome,
  detail,
}: AuditEntry & { readonly id: number }): AuditResource {
  return {
    id,
    at: new Date(atMs).toISOString(),
    actor,
    via,
    action,
    object,
    ...(requestId !== undefined && { requestId }),
    outcome,
    detail: { ...detail },
  };
}
