import { createHash, createHmac } from 'node:crypto';

/**
 * The token that proves a hello to come from this very power-on. It is made anew from the attempt's id wherever it is
 * needed, so that it is stored nowhere. TFTP and HTTP show it to whoever listens on the wire.
 * @param secret the installation's key, 32 bytes
 * @returns 43 characters of base64url
 */
export function bootToken(secret: Uint8Array, attemptId: string): string {
  return createHmac('sha256', secret).update(`virtdom boot token ${attemptId}`).digest('base64url');
}

/** What a token is looked up by. */
export function tokenKey(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
