import { createHash } from 'node:crypto';
import type { TemplateProblem } from '../../boot/template-error.ts';
import type { TemplateCheck } from '../../templates/template-check.ts';
import type { TemplateLibrary } from '../../templates/template-library.ts';
import type { TemplateVersion } from '../../templates/template-store.ts';
import type { Refused, TemplateChangeResult, TemplateVersionEntry, TemplateView } from '../../templates/template-view.ts';
import { changedMeanwhile } from '../etag.ts';
import { ProblemError } from '../problems.ts';
import type {
  CheckResult,
  TemplateProblemResource,
  TemplateResource,
  TemplateSummary,
  TemplateVersionResource,
  TemplateVersionSummary,
} from '../schemas/template.ts';

export function templateResource(library: TemplateLibrary, view: TemplateView): TemplateResource {
  // A template that is only a draft so far serves nothing.
  const { text = '', draft } = view;
  const { draft: summarized, ...rest } = templateSummary(library, view);
  return {
    ...rest,
    text,
    ...(summarized !== undefined && draft !== undefined && { draft: { ...summarized, text: draft.text } }),
  };
}

export function templateSummary(library: TemplateLibrary, view: TemplateView): TemplateSummary {
  const { name, revision, version, text = '', sha256, shippedSha256, draft, trial, updatedMs, updatedBy } = view;
  return {
    name,
    revision,
    published: version,
    shipped: shippedSha256 !== undefined,
    edited: sha256 !== shippedSha256,
    sha256: sha256 ?? createHash('sha256').digest('hex'),
    bytes: Buffer.byteLength(text),
    usedBy: [...library.usage(name).profiles],
    ...(draft !== undefined && {
      draft: { basedOn: draft.basedOn, author: draft.author, updatedAt: new Date(draft.updatedMs).toISOString() },
    }),
    ...(trial !== undefined && { trial: { backTo: trial.backTo, until: new Date(trial.untilMs).toISOString() } }),
    ...(updatedMs !== undefined && { updatedAt: new Date(updatedMs).toISOString() }),
    ...(updatedBy !== undefined && { updatedBy }),
  };
}

export function versionSummary(
  entry: TemplateVersionEntry | (Omit<TemplateVersion, 'text'> & { readonly characters: number }),
): TemplateVersionSummary {
  const { name, version, sha256, author, note, createdMs, origin, characters } = entry;
  return {
    name,
    version,
    sha256,
    bytes: characters,
    author,
    note,
    ...(version !== 0 && { createdAt: new Date(createdMs).toISOString() }),
    origin,
  };
}

export function versionResource({ text, ...version }: TemplateVersion): TemplateVersionResource {
  return { ...versionSummary({ ...version, characters: Buffer.byteLength(text) }), text };
}

export function checkResource(name: string, check: TemplateCheck): CheckResult {
  const { machines, rendered, problems, problemsLeftOut, broken, grub } = check;
  const all = problems.length + problemsLeftOut;
  const wrong = all === 0 ? '' : `, ${all} ${all === 1 ? 'problem' : 'problems'}`;
  return {
    name,
    machines,
    renders: rendered,
    summary: `renders for ${rendered} of ${machines} machines${wrong}`,
    problems: problems.map(problemResource),
    problemsLeftOut,
    broken: [...broken],
    ...(grub !== undefined && {
      grub:
        grub.kind === 'not-checked'
          ? `not asked: ${grub.reason}`
          : `${grub.scripts} scripts read${grub.leftOut > 0 ? `, ${grub.leftOut} left out` : ''}`,
    }),
  };
}

export function problemResource({ template, line, machine, variable, message }: TemplateProblem): TemplateProblemResource {
  return { template, line, ...(machine !== undefined && { machine }), ...(variable !== undefined && { variable }), message };
}

/** @throws ProblemError for all but what is done */
export function changeDone(result: TemplateChangeResult, name: string): Extract<TemplateChangeResult, { kind: 'done' }> {
  if (result.kind === 'refused') throw refusalProblem(result);
  if (result.kind === 'conflict') {
    const { current } = result;
    throw changedMeanwhile([
      { object: `template/${name}`, revision: current?.revision ?? 0, updatedBy: current?.updatedBy, updatedMs: current?.updatedMs },
    ]);
  }
  return result;
}

const refusalKinds = {
  'not-found': 'not-found',
  invalid: 'invalid-object',
  unparsable: 'invalid-object',
  'breaks-machines': 'would-break',
  'too-many': 'conflict',
  busy: 'too-many',
  'not-now': 'conflict',
} as const;

export function refusalProblem({ code, reason, check }: Refused): ProblemError {
  const errors = check?.problems.map(errorOf);
  return new ProblemError(refusalKinds[code], reason, {
    ...(errors !== undefined && { errors }),
    ...(code === 'busy' && { headers: { 'retry-after': '5' } }),
  });
}

function errorOf({ template, line, machine, message }: TemplateProblem): { pointer: string; detail: string; object?: string } {
  return { pointer: '/text', detail: `${template}:${line}: ${message}`, ...(machine !== undefined && { object: `machine/${machine}` }) };
}
