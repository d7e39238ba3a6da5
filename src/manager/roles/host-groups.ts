import type { Machine } from '../../model/machine.ts';
import type { Role } from '../../model/vm-environment.ts';

/** An agent is told so many at most (CONTROL `groups`). */
export const maxGroups = 64;
const maxGroupLength = 64;

/** A host's labels: its role's, over which the machine's own win. */
export function effectiveLabels(machine: Pick<Machine, 'labels'>, role: Role | undefined): Readonly<Record<string, string>> {
  return { ...role?.labels, ...machine.labels };
}

/**
 * The groups that a host's agent hears: `all`, `role.worker`, `label.rack.b`. What a topic cannot carry becomes a dash, so two
 * labels may share a group: who commands a group means its name.
 */
export function groupsOf(role: string | undefined, labels: Readonly<Record<string, string>>): readonly string[] {
  const ofLabels = Object.entries(labels)
    .map(([key, value]) => groupName(`label.${key}.${value}`))
    .sort((a, b) => (a < b ? -1 : 1));
  const groups = ['all', ...(role === undefined ? [] : [groupName(`role.${role}`)]), ...ofLabels];
  return [...new Set(groups)].slice(0, maxGroups);
}

function groupName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, maxGroupLength);
}
