/**
 * TLS with pre-shared keys and a fresh ECDHE key for each connection (RFC 5489, RFC 7905): a key that leaks later opens no
 * recording. Of those Node has one with authenticated encryption.
 */
export const pskCiphers = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-PSK-CHACHA20-POLY1305' } as const;
