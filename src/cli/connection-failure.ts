import { formatApiAddress } from './api-address.ts';
import type { ApiAddress } from './api-address.ts';
import { CliError } from './cli-error.ts';

/** Nobody listens there, or nobody does any more. */
export class NoServiceError extends CliError {
  constructor(message: string, next: string, options?: ErrorOptions) {
    super('failed', message, next, options);
  }
}

/** What went wrong on the way to a service, with what to do about it. */
export function connectionFailure(error: Error, address: ApiAddress): Error {
  if (error instanceof CliError || error.name === 'AbortError') return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  const where = formatApiAddress(address);
  const start = `Start one with virtdom serve, or say where it is with --server or VIRTDOM_SERVER`;
  const fail = (message: string, next: string): CliError => new CliError('failed', message, next, { cause: error });
  if (code === 'ENOENT' || code === 'ECONNREFUSED') return new NoServiceError(`no service runs at ${where}`, start);
  if (code === 'EACCES')
    return fail(`${where} is not open to you`, 'Run this as root, or as the user of the service, or log in over the network');
  if (code === 'ENOTSOCK') return fail(`${where} is no socket`, start);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return fail(`the name in ${where} is not known`, 'Look at its spelling, and at the name servers');
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return fail(`there is no way to ${where}`, 'Look at the network of this machine');
  if (code === 'ETIMEDOUT') return new CliError('timeout', `${where} does not answer`, start, { cause: error });
  if (code.startsWith('ERR_TLS') || code.includes('CERT') || code.includes('SIGNATURE'))
    return fail(`the certificate of ${where} is not trusted (${code})`, 'Name its authority in NODE_EXTRA_CA_CERTS=FILE');
  if (code === 'EPROTO' || code.startsWith('HPE_'))
    return fail(`${where} does not speak this protocol (${code})`, 'Is it http:// where you said https://, or the other way?');
  return new CliError('failed', `${where}: ${error.message}`, undefined, { cause: error });
}
