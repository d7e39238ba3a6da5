import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError } from './problems.ts';

/*
 * The ETag of what has revisions is "<revision>-<hash of the rest>": it changes with everything that is shown, as a strong
 * one must, while If-Match compares the revision, since a machine that goes on booting is no reason to refuse an edit.
 */

export function etagOf(text: string, revision?: number): string {
  const hash = createHash('sha256').update(text).digest('base64url').slice(0, 22);
  return revision === undefined ? `"${hash}"` : `"${revision}-${hash}"`;
}

/** Answers with one resource and its ETag, or with 304 where the client has it already (RFC 9110 13.1.2). */
export function sendTagged(request: FastifyRequest, reply: FastifyReply, resource: object, revision?: number): FastifyReply {
  const text = JSON.stringify(resource);
  const etag = etagOf(text, revision);
  void reply.header('etag', etag).header('cache-control', 'private, no-cache');
  const known = request.headers['if-none-match'];
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (isRead && known !== undefined && tagsOf(known).some((tag) => tag === '*' || tag.replace(/^W\//, '') === etag))
    return reply.code(304).send();
  return reply.type('application/json; charset=utf-8').send(text);
}

export interface RevisionNow {
  readonly revision: number;
  /** What the problem names: `profile/dom0`. */
  readonly object: string;
  readonly updatedBy?: string | undefined;
  readonly updatedMs?: number | undefined;
}

/** @throws ProblemError 428 where If-Match is missing, 412 where it names another revision than the one that is there. */
export function requireMatch(request: FastifyRequest, now: RevisionNow): void {
  if (request.headers['if-match'] === undefined)
    throw new ProblemError(
      'revision-required',
      `Send the ETag of ${now.object} that you have seen as If-Match, so that nobody's change is lost.`,
    );
  checkMatch(request, now);
}

/** Likewise, where If-Match may be left out. */
export function checkMatch(request: FastifyRequest, now: RevisionNow): void {
  const header = request.headers['if-match'];
  if (header === undefined) return;
  if (tagsOf(header).some((tag) => tag === '*' || revisionOf(tag) === now.revision)) return;
  throw changedMeanwhile([now]);
}

export function changedMeanwhile(current: readonly (RevisionNow & { readonly reason?: string | undefined })[]): ProblemError {
  const [first] = current;
  const who = first?.updatedBy === undefined ? '' : ` by ${first.updatedBy}`;
  const detail =
    first === undefined
      ? 'It was changed meanwhile: read it again.'
      : first.revision === 0
        ? `${first.object} is not there any more: read it again.`
        : `${first.object} is at revision ${first.revision} now, changed${who}: read it again and decide anew.`;
  return new ProblemError('changed-meanwhile', detail, {
    current: current.map(({ object, revision, updatedBy, updatedMs, reason }) => ({
      object,
      revision,
      ...(updatedBy !== undefined && { updatedBy }),
      ...(updatedMs !== undefined && { updatedAt: new Date(updatedMs).toISOString() }),
      ...(reason !== undefined && { reason }),
    })),
  });
}

/** A strong one of ours; weak ones never match (RFC 9110 13.1.1). A revision alone is as good: `"5"`. */
function revisionOf(tag: string): number | undefined {
  const [, digits] = /^"(\d{1,15})(?:-[\w-]+)?"$/.exec(tag) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

function tagsOf(header: string): string[] {
  return header.split(',').map((tag) => tag.trim());
}
