import { problemKinds, problemsPath } from './problems.ts';
import type { ProblemKind } from './problems.ts';

/** What a person does who meets one. */
const advice: Readonly<Record<ProblemKind, string>> = {
  'invalid-request':
    'The path, the query or the body is not what the route takes. `errors` points to each wrong value; the OpenAPI document says what is right.',
  'not-logged-in':
    'Send `Authorization: Bearer vd_…`, or log in by `POST /session`. A token that has ended, or whose owner is locked out, counts no more.',
  'wrong-credentials': 'The answer is the same for a user that is not there, a wrong password and a user who is locked out.',
  forbidden: 'Your role, or the scopes of your token, are not enough. `detail` says what it takes; an admin can give it.',
  'foreign-origin':
    'A change by a session needs an `Origin` header of this service, or `X-Virtdom-Request: 1`: pages of other sites can send neither.',
  'not-found': 'The object may have been deleted or renamed meanwhile. List what there is.',
  'no-such-route': '`/api/v1/openapi.json` has all routes.',
  'method-not-allowed': 'The header `Allow` names the methods that the path takes.',
  'request-timeout': 'Send the request faster: it has 30 seconds.',
  conflict: '`detail` says what is in the way, and `current` what stands there now.',
  refused: '`detail` says why the VM manager does not do it and what would let it. Nothing was done.',
  'still-running':
    'Ask again under the same `Idempotency-Key`; where the first request was broken off, look whether it was done before you take a new key.',
  'changed-meanwhile':
    '`current` has the revision that is there now and who made it. Read it, and decide anew: keep theirs, put yours over it, or merge both.',
  'too-large': 'Bodies may have 64 KiB; texts of templates, files to import and lists of objects 8 MiB.',
  'unknown-media-type': 'Send `Content-Type: application/json`, for PATCH also `application/merge-patch+json`.',
  'invalid-object': 'Nothing was changed. `errors` points to each wrong value of each object.',
  'would-break':
    'The template would not render for machines that it renders for now. `errors` names them with line and reason; `force` publishes all the same.',
  'key-reused': 'An `Idempotency-Key` is for one request: take a new one for each.',
  'revision-required': 'Send the `ETag` that you got with the object as `If-Match`, so that nobody’s change is lost.',
  'too-many': 'Wait as long as `Retry-After` says.',
  internal: 'A fault of virtdom. Its log has the cause under the `requestId`.',
  'manager-off':
    'Documents of environments, roles and triggers can be changed all the same. For hosts, VMs and plans set `manager.run` to `inside` in virtdom.yaml, or ask the process that runs `virtdom manager`: it listens on `manager.sock` beside `api.sock`.',
  unavailable: 'Try again in a moment.',
};

/** docs/problems.md: a heading for each kind. */
export function problemReference(): string {
  const kinds = Object.entries(problemKinds) as [ProblemKind, (typeof problemKinds)[ProblemKind]][];
  const sections = kinds.map(([kind, { status, title }]) => `## ${kind}\n\n${status} — ${title}.\n\n${advice[kind]}\n`);
  return [
    '# Problems\n',
    `Every refusal of the API is \`application/problem+json\` (RFC 9457). Its \`type\` is \`${problemsPath}/KIND\`, an address of the service that\ndescribes the kind; this page has them all.\n`,
    ...sections,
  ].join('\n');
}

export function problemAdvice(kind: ProblemKind): string {
  return advice[kind];
}
