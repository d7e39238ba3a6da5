import { Type } from 'typebox';
import type { Static } from 'typebox';
import { anything, oneOf, optional, shape, text, time } from './fields.ts';
import { pageOf, pageQuery } from './page.ts';

export const auditEntrySchema = shape(
  'Who did what to which object.',
  {
    id: Type.Integer({ minimum: 1, description: 'Counts up without end.', examples: [311] }),
    at: time('When.'),
    actor: text('Who: a user, `token:` and its name, `root`, or `virtdom` itself.', 'anna'),
    via: oneOf('How they came in.', ['socket', 'session', 'token', 'service', 'command']),
    action: text('What.', 'machine.assign'),
    object: text('To which object.', 'machine/post01', 4096),
    requestId: optional(text('In which request.', 'req-1f')),
    outcome: oneOf('Whether it was done.', ['done', 'refused', 'failed']),
    detail: anything('What changed, or why not.', { profile: 'dom0' }),
  },
  {
    id: 311,
    at: '2026-03-01T09:30:00.000Z',
    actor: 'anna',
    via: 'session',
    action: 'machine.assign',
    object: 'machine/post01',
    requestId: 'req-1f',
    outcome: 'done',
    detail: { profile: 'dom0' },
  },
);
export type AuditResource = Static<typeof auditEntrySchema>;
export const auditPageSchema = pageOf('audit entries, newest first', auditEntrySchema);
export const auditQuerySchema = shape('Which entries.', {
  ...pageQuery,
  actor: optional(text('By whom.', 'anna')),
  action: optional(text('What.', 'machine.assign')),
  object: optional(text('To which object.', 'machine/post01')),
});
