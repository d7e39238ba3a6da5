import type { Machine } from '../../model/machine.ts';
import type { Role } from '../../model/vm-environment.ts';

/** What a rule over a host sees. */
export interface RuleFacts {
  readonly machine: string;
  readonly labels: Readonly<Record<string, string>>;
  /** By name, as they were last read. */
  readonly properties: Readonly<Record<string, unknown>>;
}

export type RuleOutcome = { readonly kind: 'value'; readonly value: unknown } | { readonly kind: 'error'; readonly reason: string };

/** Evaluates the CEL expression of a role. Never throws. */
export type EvaluateRule = (expression: string, facts: RuleFacts) => RuleOutcome;

export interface RoleQuestion {
  readonly machine: Pick<Machine, 'name' | 'role' | 'labels'>;
  readonly properties: Readonly<Record<string, unknown>>;
  /** What a person or a trigger gave it, in place of what a rule says; the machine's document wins over it. */
  readonly assigned?: { readonly role: string; readonly by: string };
  /** The role that it has: it stays while nobody can say what its rule is, as after a restart, when no property is there yet. */
  readonly current?: string;
}

export interface RoleChoice {
  readonly role?: Role;
  readonly by: 'machine' | 'assigned' | 'label' | 'rule' | 'none';
  /** In words, for people. */
  readonly reason: string;
  /** What became of each role that was looked at before one was found, by name. */
  readonly refused: readonly { readonly role: string; readonly reason: string }[];
}

/** The role of a host: the one that its machine document names, one that it was given, or the first whose conditions hold. */
export function chooseRole(question: RoleQuestion, roles: readonly Role[], evaluate: EvaluateRule): RoleChoice {
  const { machine, assigned } = question;
  if (machine.role !== undefined) {
    return namedRole(machine.role, roles, 'machine', `Machine ${machine.name} names it`, `Machine ${machine.name} names role`);
  }
  if (assigned !== undefined) {
    return namedRole(assigned.role, roles, 'assigned', `given by ${assigned.by}`, `${assigned.by} gave it role`);
  }
  return matchingRole(question, roles, evaluate);
}

function namedRole(name: string, roles: readonly Role[], by: 'machine' | 'assigned', reason: string, who: string): RoleChoice {
  const role = roles.find((each) => each.name === name);
  if (role !== undefined) return { role, by, reason, refused: [] };
  return { by: 'none', reason: `${who} ${name}, and there is no such Role: create it, or name another one`, refused: [] };
}

function matchingRole(question: RoleQuestion, roles: readonly Role[], evaluate: EvaluateRule): RoleChoice {
  const refused: { role: string; reason: string }[] = [];
  for (const role of inOrder(roles)) {
    const { match } = role;
    if (match === undefined) continue;
    const outcome = matches(match, question, evaluate);
    const by = match.when === undefined ? 'label' : 'rule';
    if (outcome.kind === 'yes') return { role, by, reason: matchText(match), refused };
    if (outcome.kind === 'unknown' && role.name === question.current) {
      return { role, by, reason: `${matchText(match)}; it keeps it, since ${outcome.reason}`, refused };
    }
    refused.push({ role: role.name, reason: outcome.reason });
  }
  return { by: 'none', reason: noneText(question.machine.name, roles, refused), refused };
}

function inOrder(roles: readonly Role[]): Role[] {
  return roles.toSorted((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1));
}

type Match = { readonly kind: 'yes' } | { readonly kind: 'no' | 'unknown'; readonly reason: string };

function matches(match: NonNullable<Role['match']>, question: RoleQuestion, evaluate: EvaluateRule): Match {
  const { name, labels } = question.machine;
  for (const [key, value] of Object.entries(match.labels ?? {})) {
    const own = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (own === value) continue;
    return { kind: 'no', reason: `it wants label ${key}=${value}, ${own === undefined ? 'there is none' : `found ${own}`}` };
  }
  if (match.when === undefined) return { kind: 'yes' };
  const outcome = evaluate(match.when, { machine: name, labels, properties: question.properties });
  if (outcome.kind === 'error') return { kind: 'unknown', reason: `its rule could not be evaluated: ${outcome.reason}` };
  if (outcome.value === true) return { kind: 'yes' };
  const reason = outcome.value === false ? 'its rule is false' : `its rule gives ${typeof outcome.value}, expected true or false`;
  return { kind: 'no', reason };
}

function matchText({ labels, when }: NonNullable<Role['match']>): string {
  const wanted = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return [...(wanted.length > 0 ? [`label ${wanted.join(', ')}`] : []), ...(when === undefined ? [] : [`rule ${when}`])].join(' and ');
}

function noneText(machine: string, roles: readonly Role[], refused: RoleChoice['refused']): string {
  if (roles.length === 0) return 'there are no roles yet: create a Role';
  const [first] = refused;
  const why = first === undefined ? 'no Role has a match' : `${first.role}: ${first.reason}`;
  const more = refused.length > 1 ? `, and ${refused.length - 1} more` : '';
  return `Machine ${machine} names no role, and none matches (${why}${more})`;
}
