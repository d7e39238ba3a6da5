import type { BootDesk } from './boot/boot-desk.ts';
import type { NewEvent } from './events/event-store.ts';
import type { TemplateUser } from './templates/template-user.ts';
import type { TemplateNotice } from './templates/template-view.ts';

/** Machines as the users of templates. Before there is a desk nobody boots, and nothing can be checked. */
export function templateUser(desk: () => BootDesk | undefined): TemplateUser {
  return {
    uses: () => desk()?.templateUses() ?? [],
    check: async (set, templates) => (await desk()?.checkTemplates(set, templates))?.problems ?? [],
    preview: (machine, wanted, set) => desk()?.preview(machine, wanted, set) ?? { kind: 'failed', reason: 'virtdom is still starting' },
    use: (set) => desk()?.useTemplates(set),
  };
}

/** What happened to a template, as it is told to people. */
export function templateEventOf({ kind, template, version, author, detail }: TemplateNotice, atMs: number): NewEvent {
  return {
    atMs,
    kind: `template.${kind}`,
    severity: kind === 'shipped-refused' || kind === 'trial-ended' ? 'warning' : 'info',
    detail: { template, ...(version !== undefined && { version }), author, ...detail },
  };
}
