import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
}

/**
 * What `api.certificate` and `api.key` name.
 * @throws Error that says which of them cannot be used, and why
 */
export function readTlsFiles(certificate: string, key: string): TlsFiles {
  const files = { certificate: read('api.certificate', certificate), key: read('api.key', key) };
  check(`api.certificate: ${certificate} is no certificate in PEM`, { cert: files.certificate });
  check(`api.key: ${key} is no key in PEM that can be read without a password`, { key: files.key });
  check(`api.key: ${key} is not the key of ${certificate}`, { cert: files.certificate, key: files.key });
  return files;
}

function read(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${setting}: ${file} cannot be read by the user of the service: ${why}`, { cause });
  }
}

function check(problem: string, parts: { readonly cert?: string; readonly key?: string }): void {
  try {
    createSecureContext(parts);
  } catch (cause) {
    throw new Error(`${problem}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
