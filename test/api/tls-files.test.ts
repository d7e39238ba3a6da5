import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTlsFiles } from '../../src/api/tls-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'virtdom-tls-'));
const file = (name: string): string => join(folder, name);

beforeAll(() => {
  for (const name of ['one', 'two'])
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=boot.lab'].concat(
        ['-keyout', file(`${name}.key`)],
        ['-out', file(`${name}.pem`)],
      ),
      { stdio: 'ignore' },
    );
  writeFileSync(file('junk'), 'junk\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the files of the TLS port', () => {
  it('are taken where they fit each other', () => {
    expect(readTlsFiles(file('one.pem'), file('one.key')).certificate).toContain('BEGIN CERTIFICATE');
  });

  it.each([
    ['none.pem', 'one.key', /^api\.certificate: .*none\.pem cannot be read by the user of the service: ENOENT/],
    ['one.pem', 'none.key', /^api\.key: .*none\.key cannot be read by the user of the service: ENOENT/],
    ['junk', 'one.key', /^api\.certificate: .*junk is no certificate in PEM/],
    ['one.pem', 'junk', /^api\.key: .*junk is no key in PEM/],
    ['one.pem', 'two.key', /^api\.key: .*two\.key is not the key of .*one\.pem/],
  ])('say which setting is wrong: %s and %s', (certificate, key, problem) => {
    expect(() => readTlsFiles(file(certificate), file(key))).toThrow(problem);
  });
});
