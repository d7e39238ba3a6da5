import { STATUS_CODES } from 'node:http';
import { mostTold } from './schemas/problem.ts';
import type { ProblemResource } from './schemas/problem.ts';

/** Every kind of problem that the API answers with: docs/problems.md has a heading for each. */
export const problemKinds = {
  'invalid-request': { status: 400, title: 'The request is not what this route expects' },
  'not-logged-in': { status: 401, title: 'Nobody is logged in' },
  'wrong-credentials': { status: 401, title: 'User or password is wrong' },
  forbidden: { status: 403, title: 'You may not do this' },
  'foreign-origin': { status: 403, title: 'The request came from a page of somebody else' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'no-such-route': { status: 404, title: 'There is no such route' },
  'method-not-allowed': { status: 405, title: 'This path does not take this method' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive' },
  conflict: { status: 409, title: 'It cannot be done as things are now' },
  refused: { status: 409, title: 'The VM manager does not do it as things are now' },
  'still-running': { status: 409, title: 'The first request under this key is still running' },
  'changed-meanwhile': { status: 412, title: 'Somebody else has changed it meanwhile' },
  'too-large': { status: 413, title: 'The request is too large' },
  'unknown-media-type': { status: 415, title: 'The body is not of a type that this route takes' },
  'invalid-object': { status: 422, title: 'The object would not be valid' },
  'would-break': { status: 422, title: 'It would break machines' },
  'key-reused': { status: 422, title: 'The key was used for another request' },
  'revision-required': { status: 428, title: 'Say which revision you change' },
  'too-many': { status: 429, title: 'Too many of them at once' },
  internal: { status: 500, title: 'virtdom failed' },
  'manager-off': { status: 503, title: 'No VM manager runs in this process' },
  unavailable: { status: 503, title: 'It is not to be had now' },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly title: string }>>;

export type ProblemKind = keyof typeof problemKinds;

/** Where `type` points to: the service itself explains its problems there. */
export const problemsPath = '/api/v1/problems';

interface WrongValue {
  readonly pointer: string;
  readonly detail: string;
  readonly object?: string;
}

interface ProblemParts {
  readonly errors?: readonly WrongValue[];
  readonly current?: ProblemResource['current'];
  /** `Retry-After`, `Allow`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Ends a request with a problem. Its message goes to the client. */
export class ProblemError extends Error {
  readonly code = 'PROBLEM';
  readonly kind: ProblemKind;
  readonly parts: ProblemParts;

  constructor(kind: ProblemKind, detail: string, parts: ProblemParts = {}) {
    super(detail);
    this.name = 'ProblemError';
    this.kind = kind;
    this.parts = parts;
  }

  get status(): number {
    return problemKinds[this.kind].status;
  }
}

export function problemBody({ kind, message, parts }: ProblemError, instance: string, requestId: string): ProblemResource {
  const { status, title } = problemKinds[kind];
  return {
    type: `${problemsPath}/${kind}`,
    title,
    status,
    detail: told(message, mostTold.detail),
    instance: told(instance, mostTold.pointer),
    ...(parts.errors !== undefined && {
      errors: parts.errors.slice(0, maxErrors).map(toldError),
    }),
    ...(parts.current !== undefined && {
      current: parts.current.map((each) => Object.assign({}, each, { object: told(each.object, mostTold.object) })),
    }),
    requestId,
  };
}

/** A name or a key that is asked for may be as long as the whole body. */
function told(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).toWellFormed()}…`;
}

function toldError({ pointer, detail, object }: WrongValue): WrongValue {
  return {
    pointer: told(pointer, mostTold.pointer),
    detail: told(detail, mostTold.detail),
    ...(object !== undefined && { object: told(object, mostTold.object) }),
  };
}

/** A body of 20,000 wrong objects is told about so many of them. */
const maxErrors = 1000;

interface FailureLike {
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly message?: unknown;
  readonly validation?: unknown;
  readonly validationContext?: unknown;
}

interface ValidationFailure {
  readonly instancePath?: string;
  readonly keyword?: string;
  readonly message?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/**
 * Whatever was thrown as a problem. Only what we wrote for clients ourselves, and what fastify says of their requests,
 * keeps its text; `undefined`: it is a surprise, to be logged, of which clients learn nothing.
 */
export function problemOf(error: unknown): ProblemError | undefined {
  if (error instanceof ProblemError) return error;
  if (typeof error !== 'object' || error === null) return undefined;
  const failure = error as FailureLike;
  if (Array.isArray(failure.validation))
    return invalidRequest(
      failure.validation as readonly ValidationFailure[],
      typeof failure.validationContext === 'string' ? failure.validationContext : 'body',
    );
  switch (failure.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ProblemError('too-large', 'The body is larger than this route takes.');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ProblemError('unknown-media-type', 'Send the body as application/json.');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_ASYNC_CONSTRAINT':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new ProblemError('invalid-request', requestFault[failure.code] ?? 'The request cannot be read.');
    default:
  }
  if (error instanceof SyntaxError && failure.statusCode === 400) return new ProblemError('invalid-request', 'The body is not JSON.');
  const status = failure.statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500 && typeof failure.code === 'string' && failure.code.startsWith('FST_'))
    return new ProblemError('invalid-request', STATUS_CODES[status] ?? 'The request cannot be read.');
  return undefined;
}

const requestFault: Readonly<Record<string, string>> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: 'The body is empty; this route expects JSON.',
  FST_ERR_CTP_INVALID_JSON_BODY: 'The body is not JSON.',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'The body is not as long as Content-Length says.',
  FST_ERR_BAD_URL: 'The path is not a valid URL.',
  FST_ERR_MAX_PARAM_LENGTH: 'A part of the path is too long.',
};

function invalidRequest(failures: readonly ValidationFailure[], context: string): ProblemError {
  // An unknown field is told twice: where it stands, and by the object that does not know it.
  const isTold = failures.some(({ keyword }) => keyword === 'boolean');
  const errors = failures
    .filter(({ keyword }) => !isTold || keyword !== 'additionalProperties')
    .slice(0, maxErrors)
    .map((failure) => ({ pointer: pointerOf(failure, context), detail: detailOf(failure) }));
  const place = { querystring: 'query', params: 'path', headers: 'headers' }[context] ?? 'body';
  const [first] = errors;
  const where = first === undefined || first.pointer === '' ? '' : `: ${first.pointer} ${first.detail}`;
  return new ProblemError('invalid-request', `The ${place} is not what this route expects${where}.`, { errors });
}

function pointerOf({ instancePath = '' }: ValidationFailure, context: string): string {
  return context === 'querystring' && instancePath.startsWith('/') ? `?${instancePath.slice(1)}` : instancePath;
}

function detailOf({ keyword, message = 'is wrong', params = {} }: ValidationFailure): string {
  const names = params['additionalProperties'];
  if (keyword === 'additionalProperties' && Array.isArray(names))
    return `has unknown fields: ${names
      .slice(0, 10)
      .map((name) => JSON.stringify(String(name).slice(0, 100)))
      .join(', ')}`;
  if (keyword === 'boolean') return 'is not known here';
  const values = params['allowedValues'];
  if (keyword === 'enum' && Array.isArray(values)) return `must be one of ${values.map(String).join(', ')}`;
  return message.slice(0, 1000);
}
