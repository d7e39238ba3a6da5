import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Actor } from './access.ts';
import type { IdempotencyStore, KeptAnswer } from './idempotency-store.ts';
import { ProblemError } from './problems.ts';

/** What many machines were told of may have megabytes. */
const maxKeptCharacters = 256 * 1024;
const keptHeaders = ['content-type', 'etag', 'location'] as const;
const keepMs = 24 * 3_600_000;
const pruneMs = 3_600_000;
/** No request takes longer; who has no answer by then was broken off. */
const brokenOffMs = 10 * 60_000;

/** In place of an answer that is not kept. */
const tooLong = { status: 0, headers: {}, body: '' } as const;

export interface IdempotencyParts {
  readonly store: IdempotencyStore;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * A POST with an Idempotency-Key is done once: the same request under the same key gets the first one's answer for 24 h.
 * Refusals are not kept, since nothing was done. Routes whose answers or bodies hold a secret are left out, as are dry runs.
 */
export function keepAnswers(app: FastifyInstance, { store, clock, log }: IdempotencyParts): void {
  const begun = new WeakMap<FastifyRequest, KeptAnswer>();
  let prunedMs = -Infinity;

  // After validation, so that what is wrong in itself takes no key.
  app.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key'];
    if (key === undefined || request.method !== 'POST' || request.routeOptions.config.secret === true || isDryRun(request)) return;
    if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key))
      throw new ProblemError('invalid-request', 'Idempotency-Key must be 1 to 255 visible characters.');
    const actor = ownerOf(request.actor);
    const kept: KeptAnswer = { actor, key, requestHash: hashOf(request), createdMs: clock.now() };
    const first = await store.begin(kept);
    if (first === undefined) {
      begun.set(request, kept);
      prune();
      return;
    }
    return answerAgain(first, kept, reply, clock.now());
  });

  app.addHook('onSend', async (request, reply, payload: unknown) => {
    const kept = begun.get(request);
    if (kept === undefined) return payload;
    begun.delete(request);
    if (reply.statusCode >= 400 || (payload !== null && payload !== undefined && typeof payload !== 'string')) {
      await store.forget(kept.actor, kept.key);
      return payload;
    }
    const headers = Object.fromEntries(
      keptHeaders.flatMap((name) => (reply.hasHeader(name) ? [[name, String(reply.getHeader(name))]] : [])),
    );
    const body = typeof payload === 'string' ? payload : '';
    const isLong = body.length > maxKeptCharacters;
    await store.finish({ ...kept, answer: isLong ? tooLong : { status: reply.statusCode, headers, body } });
    return payload;
  });

  function prune(): void {
    if (clock.monotonic() - prunedMs < pruneMs) return;
    prunedMs = clock.monotonic();
    store.prune(clock.now() - keepMs).catch((error: unknown) => log.warn({ err: error }, 'old answers could not be deleted'));
  }
}

function answerAgain(first: KeptAnswer, now: KeptAnswer, reply: FastifyReply, nowMs: number): FastifyReply {
  if (first.requestHash !== now.requestHash)
    throw new ProblemError('key-reused', 'This Idempotency-Key was used for another request: take a new one.');
  if (first.answer === undefined) {
    if (nowMs - first.createdMs > brokenOffMs)
      throw new ProblemError(
        'still-running',
        'The first request under this key was broken off: look whether it was done, and take a new key.',
      );
    throw new ProblemError('still-running', 'The first request under this key is still running: ask again.', {
      headers: { 'retry-after': '1' },
    });
  }
  const { status, headers, body } = first.answer;
  if (status === tooLong.status)
    throw new ProblemError(
      'conflict',
      'The first request under this key was done; its answer was too long to be kept: look at what there is now.',
    );
  return reply
    .code(status)
    .headers({ ...headers, 'idempotency-replayed': 'true' })
    .send(body === '' ? undefined : body);
}

/** Tokens of two users may have one name, and must not see each other's answers. */
function ownerOf(actor: Actor | undefined): string {
  if (actor === undefined) return 'nobody';
  return actor.credential.kind === 'token' ? `token:${actor.credential.hash}` : actor.name;
}

function hashOf(request: FastifyRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([request.method, request.originalUrl, request.headers['if-match'] ?? null, request.body ?? null]))
    .digest('hex');
}

export function isDryRun(request: FastifyRequest): boolean {
  return (request.query as { readonly dryRun?: unknown } | undefined)?.dryRun === true;
}
