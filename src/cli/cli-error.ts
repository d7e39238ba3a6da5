import { ConfigError } from '../documents/problems.ts';

/** What the process says when it ends; scripts may rely on it. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, notFound: 3, conflict: 4, timeout: 5 } as const;

/** A failure that a person can do something about: what failed, on which object, and what to do next. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;
  readonly next: string | undefined;

  constructor(reason: Exclude<keyof typeof exitCodes, 'ok'>, message: string, next?: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCodes[reason];
    this.next = next;
  }
}

/** What is wrong with objects that a command was given, each with file and line. */
export class DocumentError extends ConfigError {}
