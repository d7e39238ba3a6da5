import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contents } from '../nfs/sample-image.ts';

/** Two namespaces and a cable: ours has 192.168.0.5, the peer's 192.168.0.11, and 10.1.2.3, which may read nothing. */
const ours = `vdN${process.pid}s`;
const theirs = `vdN${process.pid}c`;
const server = '192.168.0.5';
const serverOfForeigners = '10.1.2.1';

function ip(...args: string[]): void {
  execFileSync('ip', args);
}

function asPeer(command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync('ip', ['netns', 'exec', theirs, 'timeout', '20', command, ...args]);
  return { status, stdout, text: stdout.toString(), errors: stderr.toString() };
}

describe('peers of the NFS server', () => {
  const dir = mkdtempSync(join(tmpdir(), 'virtdom-nfs-'));
  let service: ChildProcess;
  let output = '';

  async function said(text: string): Promise<void> {
    for (const deadline = Date.now() + 20_000; !output.includes(text); await new Promise((resolve) => setTimeout(resolve, 20)))
      if (Date.now() > deadline || service.exitCode !== null) throw new Error(`the service did not say ${text}: ${output}`);
  }

  beforeAll(async () => {
    ip('netns', 'add', ours);
    ip('netns', 'add', theirs);
    ip('-n', ours, 'link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'veth0', 'netns', theirs);
    for (const [namespace, addresses] of [
      [ours, [`${server}/24`, `${serverOfForeigners}/24`]],
      [theirs, ['192.168.0.11/24', '10.1.2.3/24']],
    ] as const) {
      for (const address of addresses) ip('-n', namespace, 'address', 'add', address, 'dev', 'veth0');
      for (const link of ['lo', 'veth0']) ip('-n', namespace, 'link', 'set', link, 'up');
    }
    const script = join(import.meta.dirname, '../nfs/serve-sample.ts');
    const args = [script, dir, '192.168.0.0/24', `${server},${serverOfForeigners}`];
    service = spawn('ip', ['netns', 'exec', ours, process.execPath, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    service.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await said('"ready"');
  });

  afterAll(async () => {
    service.stdin?.end();
    await said('"closed"').finally(() => {
      service.kill('SIGKILL');
      ip('netns', 'del', ours);
      ip('netns', 'del', theirs);
      rmSync(dir, { recursive: true, force: true });
    });
  });

  it('libnfs finds the export by portmap and lists a folder', () => {
    const listed = asPeer('nfs-ls', `nfs://${server}/images/dom0@3/etc`);
    expect(listed.errors).toBe('');
    const names = listed.text
      .trim()
      .split('\n')
      .map((line) => line.replace(/ +/g, ' '));
    expect(new Set(names)).toEqual(
      new Set(['-rw-r--r-- 1 0 0 0 empty', '-rw-r--r-- 1 0 0 7 hostname', '-rw------- 1 0 0 21 secret', 'lrwxrwxrwx 1 0 0 19 mtab']),
    );
  });

  it('libnfs lists a folder of 300 names', () => {
    const listed = asPeer('nfs-ls', `nfs://${server}/images/dom0@3/many`);
    expect(listed.text.trim().split('\n')).toHaveLength(300);
  });

  it.each(['/etc/hostname', '/etc/secret', '/usr/big'])('libnfs reads %s byte for byte', (path) => {
    const read = asPeer('nfs-cat', `nfs://${server}/images/dom0@3${path}`);
    expect(read.errors).toBe('');
    expect(read.stdout.equals(contents[path] ?? Buffer.alloc(0))).toBe(true);
  });

  it('libnfs is told that a file is not there', () => {
    const read = asPeer('nfs-cat', `nfs://${server}/images/dom0@3/etc/nothing`);
    expect(read.status).not.toBe(0);
    expect(read.errors).toContain('Failed to open');
  });

  it('libnfs cannot mount from a foreign address', async () => {
    const listed = asPeer('nfs-ls', `nfs://${serverOfForeigners}/images/dom0@3`);
    expect(listed.errors).toContain('MNT3ERR_ACCES');
    await said('"outcome":"refused"');
  });

  it('a foreign address with a valid handle gets NFS3ERR_ACCES (rule 23)', () => {
    const script = join(import.meta.dirname, '../nfs/ask-status.ts');
    const handle = asPeer(process.execPath, script, 'handle', server, '/images/dom0@3').text;
    expect(handle).toMatch(/^[0-9a-f]{88}$/);
    expect(asPeer(process.execPath, script, 'getattr', server, handle).text).toBe('0');
    expect(asPeer(process.execPath, script, 'getattr', serverOfForeigners, handle).text).toBe('13');
  });
});
