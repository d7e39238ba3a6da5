import type { LoadedTemplates } from './loaded-templates.ts';
import { sha256Of } from './shipped-templates.ts';
import { maxTemplates, nameFault, textFault } from './template-limits.ts';
import type { TemplateDraft, TemplateState, TemplateVersion } from './template-store.ts';
import type { PublishRequest, Refused, RefusalCode, ServingRequest, TemplateNotice, TemplateRequest } from './template-view.ts';

/** What a change comes to, before it is checked and written. */
export interface TemplatePlan {
  readonly kind: TemplateNotice['kind'] | 'draft';
  readonly state: TemplateState;
  readonly added?: TemplateVersion;
  /** What is served of the template from then on; absent where nothing is. */
  readonly text?: string;
}

/** What a plan rests on; `next` is the state as it is, under its next revision. */
export interface PlanBasis {
  readonly name: string;
  readonly loaded: LoadedTemplates;
  readonly next: TemplateState;
  readonly nowMs: number;
}

export interface DraftRequest extends TemplateRequest {
  readonly text: string;
  /** The version that it was made from: for who merged a newer one into it. */
  readonly basedOn?: number;
}

export function planDraft({ name, loaded, next, nowMs }: PlanBasis, request: DraftRequest): TemplatePlan | Refused {
  const { text, author } = request;
  const fault = nameFault(name) ?? textFault(text);
  if (fault !== undefined) return refused('invalid', fault);
  if (!loaded.exists(name) && loaded.names.length >= maxTemplates)
    return refused('too-many', `there are ${maxTemplates} templates already: delete one that nothing uses`);
  const basedOn = request.basedOn ?? next.draft?.basedOn ?? next.published;
  const shippedSha256 = next.draft?.basedOn === basedOn ? next.draft.shippedSha256 : shippedShaOf(loaded, name);
  const draft: TemplateDraft = { text, basedOn, ...(shippedSha256 !== undefined && { shippedSha256 }), author, updatedMs: nowMs };
  return plan('draft', { ...next, draft }, loaded.servedText(name));
}

export function planDiscard({ name, loaded, next }: PlanBasis): TemplatePlan | Refused {
  const { draft, ...rest } = next;
  return draft === undefined ? refused('not-found', `there is no draft of ${name}`) : plan('draft', rest, loaded.servedText(name));
}

/** Serves the draft. A text that is served already makes no new version. */
export function planPublish(
  { name, loaded, next, nowMs }: PlanBasis,
  { author, note = '', tryMs }: PublishRequest,
): TemplatePlan | Refused {
  const { draft, trial, ...rest } = next;
  if (draft === undefined) return refused('not-found', `there is no draft of ${name} to publish: save one first`);
  const { text, shippedSha256 } = draft;
  if (text === loaded.servedText(name)) return plan('published', { ...rest, ...(trial !== undefined && { trial }) }, text);
  const added = versionOf(next, {
    text,
    author,
    note,
    origin: 'edit',
    createdMs: nowMs,
    ...(shippedSha256 !== undefined && { shippedSha256 }),
  });
  // A trial over a trial goes back to what was confirmed.
  const onTrial = tryMs === undefined ? {} : { trial: { backTo: trial?.backTo ?? next.published, untilMs: nowMs + tryMs } };
  return { ...plan('published', { ...rest, published: added.version, lastVersion: added.version, ...onTrial }, text), added };
}

export function planConfirm({ name, loaded, next }: PlanBasis): TemplatePlan | Refused {
  const { trial, ...rest } = next;
  return trial === undefined
    ? refused('not-now', `nothing of ${name} is on trial: it has ended, or was confirmed before`)
    : plan('confirmed', rest, loaded.servedText(name));
}

export function planRollback(
  { loaded, name, next, nowMs }: PlanBasis,
  old: TemplateVersion,
  { author, note }: ServingRequest,
): TemplatePlan {
  const { trial: _, ...rest } = next;
  const { text, shippedSha256 } = old;
  if (text === loaded.servedText(name)) return plan('rolled-back', rest, text);
  const added = versionOf(next, {
    text,
    author,
    note: note ?? `back to version ${old.version}`,
    origin: 'rollback',
    createdMs: nowMs,
    ...(shippedSha256 !== undefined && { shippedSha256 }),
  });
  return { ...plan('rolled-back', { ...rest, published: added.version, lastVersion: added.version }, text), added };
}

export function planRestore({ name, loaded, next }: PlanBasis): TemplatePlan | Refused {
  const { trial: _, ...rest } = next;
  const text = loaded.shipped.get(name);
  return text === undefined
    ? refused('not-now', `there is no shipped template ${name}: roll back to a version, or delete it`)
    : plan('restored', { ...rest, published: 0 }, text);
}

/** @param usedBy `profile dom0`, `template menu.lst` */
export function planRemove({ name, loaded, next }: PlanBasis, usedBy: readonly string[]): TemplatePlan | Refused {
  if (loaded.shipped.has(name)) return refused('not-now', `${name} is shipped and cannot be deleted: restore it instead`);
  if (usedBy.length > 0) return refused('not-now', `${name} is used by ${usedBy.slice(0, 10).join(', ')}: change that first`);
  const { draft: _draft, trial: _trial, ...rest } = next;
  return plan('deleted', { ...rest, published: 0 }, undefined);
}

/** Whether a change would change nothing but who and when. */
export function isSame(before: TemplateState | undefined, after: TemplateState): boolean {
  if (before === undefined) return after.published === 0 && after.draft === undefined;
  const { draft, trial, published } = before;
  return (
    published === after.published &&
    draft?.text === after.draft?.text &&
    draft?.basedOn === after.draft?.basedOn &&
    trial?.untilMs === after.trial?.untilMs
  );
}

export function refused(code: RefusalCode, reason: string): Refused {
  return { kind: 'refused', code, reason };
}

function plan(kind: TemplatePlan['kind'], state: TemplateState, text: string | undefined): TemplatePlan {
  return { kind, state, ...(text !== undefined && { text }) };
}

function versionOf(
  { name, lastVersion = 0 }: TemplateState,
  version: Omit<TemplateVersion, 'name' | 'version' | 'sha256'>,
): TemplateVersion {
  return { ...version, name, version: lastVersion + 1, sha256: sha256Of(version.text) };
}

function shippedShaOf(loaded: LoadedTemplates, name: string): string | undefined {
  const text = loaded.shipped.get(name);
  return text === undefined ? undefined : sha256Of(text);
}
