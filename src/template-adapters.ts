import type { BootDesk } from './boot/boot-desk.ts';
import { checkDomains, domainTemplateUses, previewDomain } from './boot/domain-rendering.ts';
import type { NewEvent } from './events/event-store.ts';
import type { VmEnvironment } from './model/vm-environment.ts';
import type { TemplateUser } from './templates/template-user.ts';
import type { TemplateNotice } from './templates/template-view.ts';

/** Machines and environments of VMs as the users of templates. Before there is a desk nobody boots, and nothing of machines can be checked. */
export function templateUser(desk: () => BootDesk | undefined, environments: () => readonly VmEnvironment[]): TemplateUser {
  return {
    uses: () => [...(desk()?.templateUses() ?? []), ...domainTemplateUses(environments())],
    check: async (set, templates) => [
      ...((await desk()?.checkTemplates(set, templates))?.problems ?? []),
      ...checkDomains(set, environments(), templates),
    ],
    preview: (machine, wanted, set) =>
      previewDomain(set, environments(), machine, wanted) ??
      desk()?.preview(machine, wanted, set) ?? { kind: 'failed', reason: 'virtdom is still starting' },
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
