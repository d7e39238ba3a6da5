import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InstanceLockError, takeInstanceLock } from '../../src/service/instance-lock.ts';
import { secretKey } from '../../src/service/secret-key.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtdom-service-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the instance lock', () => {
  it('is held by one at a time, names the holder, and can be taken again after release', () => {
    const file = join(folder, 'state', 'virtdom.lock');
    const lock = takeInstanceLock(file);
    expect(() => takeInstanceLock(file)).toThrow(InstanceLockError);
    expect(() => takeInstanceLock(file)).toThrow(`process ${process.pid}`);
    lock.release();
    takeInstanceLock(file).release();
  });

  it('goes away with a process that is killed', () => {
    const file = join(folder, 'virtdom.lock');
    const script = `import { takeInstanceLock } from '${join(import.meta.dirname, '../../src/service/instance-lock.ts')}';
      takeInstanceLock('${file}'); process.kill(process.pid, 'SIGKILL');`;
    expect(() => execFileSync(process.execPath, ['--input-type=module-typescript', '-e', script])).toThrow(/SIGKILL|Command failed/);
    takeInstanceLock(file).release();
  });
});

describe('a secret key', () => {
  it('is made once, readable by the owner alone, and the same afterwards', () => {
    const file = join(folder, 'keys', 'handle.key');
    const key = secretKey(file);
    expect(key).toHaveLength(32);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(secretKey(file)).toEqual(key);
  });

  it('is refused where others may read it or where it is cut short', () => {
    const file = join(folder, 'handle.key');
    secretKey(file);
    chmodSync(file, 0o644);
    expect(() => secretKey(file)).toThrow(`chmod 600 ${file}`);
    writeFileSync(join(folder, 'short.key'), 'x', { mode: 0o600 });
    expect(() => secretKey(join(folder, 'short.key'))).toThrow('1 bytes in place of 32');
  });
});
