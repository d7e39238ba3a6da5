import { resolve } from 'node:path';
import { CliError } from './cli-error.ts';

/** Where a service is. */
export type ApiAddress =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'network'; readonly origin: string; readonly secure: boolean };

export const defaultSocket = '/run/virtdom/api.sock';

/**
 * Reads `unix:/path`, `/path`, `http://host:port` or `https://host:port`.
 * @param from what the person wrote it into, for the message
 */
export function parseApiAddress(text: string, from: string): ApiAddress {
  if (text.startsWith('unix:')) return { kind: 'socket', path: resolve(text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')) };
  if (text.startsWith('/')) return { kind: 'socket', path: text };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new CliError('usage', `${from}: expected unix:/path, http://host:port or https://host:port, found ${JSON.stringify(text)}`);
  if (url.username !== '' || url.password !== '')
    throw new CliError('usage', `${from}: a name and a password do not belong into an address`, 'Say virtdom login');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw new CliError('usage', `${from}: expected an address without a path, found ${url.pathname}${url.search}${url.hash}`);
  return { kind: 'network', origin: url.origin, secure: url.protocol === 'https:' };
}

/** The address as `--server` takes it. */
export function formatApiAddress(address: ApiAddress): string {
  return address.kind === 'socket' ? `unix:${address.path}` : address.origin;
}

/** Whether nobody on the way can read along. */
export function isPrivate(address: ApiAddress): boolean {
  if (address.kind === 'socket' || address.secure) return true;
  const { hostname } = new URL(address.origin);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname);
}
