import { METHODS } from 'node:http';
import type { RouteOptions } from 'fastify';
import { ProblemError } from './problems.ts';

/** Which methods a path takes: the router only says that it has no route. */
export class RouteTable {
  readonly #routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];

  add({ method, url }: Pick<RouteOptions, 'method' | 'url'>): void {
    const pattern = url
      .split(/(:\w+\([^)]*\)|:\w+|::)/)
      .map((part) => (part === '::' ? ':' : part.startsWith(':') ? '[^/:]+' : RegExp.escape(part)))
      .join('');
    this.#routes.push({ pattern: new RegExp(`^${pattern}$`), methods: typeof method === 'string' ? [method] : method });
  }

  notFound(method: string, url: string): ProblemError {
    const path = url.split('?', 1)[0] ?? '';
    const allowed = new Set(this.#routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods));
    // It takes the method, and the router still had none: its name holds what no name does, such as an encoded slash.
    if (allowed.size === 0 || allowed.has(method))
      return new ProblemError('no-such-route', 'There is no such route: /api/v1/openapi.json has them all.');
    const allow = METHODS.filter((each) => allowed.has(each)).join(', ');
    return new ProblemError('method-not-allowed', `This path takes ${allow}, not ${method}.`, { headers: { allow } });
  }
}
