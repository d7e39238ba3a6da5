import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from 'fastify';
import type { Authenticator } from './authenticator.ts';
import type { EventStreams } from './event-stream.ts';
import type { PasswordHasher } from './password.ts';

/** What the routes are added to: their schemas say the types of what comes and goes. */
export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** What the routes share beside the control plane. */
export interface ApiParts {
  readonly authenticator: Authenticator;
  readonly hasher: PasswordHasher;
  readonly streams: EventStreams;
  readonly version: string;
}
