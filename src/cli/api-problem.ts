import { CliError } from './cli-error.ts';

/** What a service says when it refuses something (RFC 9457). */
export interface ProblemBody {
  readonly type?: string;
  readonly title?: string;
  readonly status?: number;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer?: string; readonly detail?: string; readonly object?: string }[];
  readonly requestId?: string;
  readonly [key: string]: unknown;
}

/** An answer that is no success, with what to do about it. */
export class ApiProblem extends CliError {
  readonly status: number;
  readonly body: ProblemBody;

  constructor(status: number, body: ProblemBody, request: string) {
    super(reasonOf(status), describe(status, body, request), nextStep(status, body));
    this.status = status;
    this.body = body;
  }
}

function reasonOf(status: number): ConstructorParameters<typeof CliError>[0] {
  if (status === 404) return 'notFound';
  if (status === 409 || status === 412 || status === 428) return 'conflict';
  return status === 408 || status === 504 ? 'timeout' : 'failed';
}

function describe(status: number, { title, detail, errors = [] }: ProblemBody, request: string): string {
  const first = detail ?? title ?? `the service answered ${status} to ${request}`;
  // The detail may tell of them already.
  const others = errors.filter(({ detail: what = '' }) => !first.includes(what));
  const lines = others.map(({ object, pointer, detail: what = '' }) => {
    const place = [object, pointer].filter((part) => part !== undefined && part !== '').join(' ');
    return place === '' ? `  ${what}` : `  ${place}: ${what}`;
  });
  return [first, ...lines].join('\n');
}

function nextStep(status: number, { requestId }: ProblemBody): string | undefined {
  if (status === 401) return 'Say virtdom login, or set VIRTDOM_TOKEN, or run this as root on the machine of the service';
  if (status === 403) return 'Your role does not allow this: an admin changes roles with virtdom user set NAME --role ROLE';
  if (status === 429) return 'Too many requests: wait a little, and try again';
  if (status >= 500) return `See the log of the service${requestId === undefined ? '' : `, request ${requestId}`}`;
  return undefined;
}
