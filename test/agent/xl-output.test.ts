import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseXlInfo, parseXlList, xlErrorCode, xlReason } from '../../src/agent/xl-output.ts';

/** Recorded on a Debian 13 Dom0 with Xen 4.20. */
function recorded(name: string): string {
  return readFileSync(new URL(`../fixtures/xl/${name}`, import.meta.url), 'utf8');
}

const worker = '6b4d1b0a-1111-4222-8333-444455556666';

describe('xl list -v', () => {
  const rows = [
    { file: 'list-v-empty.txt', domains: [] },
    {
      file: 'list-v-running.txt',
      domains: [{ name: 'worker-1', uuid: worker, domid: 1, state: 'running', memoryMib: 128, vcpus: 1 }],
    },
    { file: 'list-v-paused.txt', domains: [{ name: 'worker-1', domid: 1, state: 'paused' }] },
    { file: 'list-v-crashed.txt', domains: [{ name: 'crasher', domid: 11, state: 'crashed' }] },
    { file: 'list-v-shutdown.txt', domains: [{ name: 'offer', domid: 12, state: 'shutdown' }] },
    { file: 'list-v-destroyed.txt', domains: [] },
    // Killed right after it began: no memory yet, and `xl list -l` does not show it at all.
    { file: 'list-v-half-created.txt', domains: [{ name: 'worker-2', domid: 13, state: 'paused', memoryMib: 0, vcpus: 0 }] },
    // The very first moment of a domain: it has its uuid, and no name.
    { file: 'list-v-nameless.txt', domains: [{ name: '', uuid: worker, domid: 1, state: 'paused' }] },
  ];
  it.each(rows)('$file', ({ file, domains }) => {
    const parsed = parseXlList(recorded(file));
    expect(parsed).toMatchObject(domains);
    expect(parsed).toHaveLength(domains.length);
  });

  it('a domain that stands still for its last memory to be sent: it has not ended', () => {
    const text = recorded('list-v-shutdown.txt').replace(/ 0 +-\n$/, ' 2                -\n');
    expect(parseXlList(text)).toMatchObject([{ name: 'offer', state: 'paused' }]);
  });

  it('a dying domain, whatever else it is', () => {
    const text = recorded('list-v-running.txt').replace('-b----', '---scd');
    expect(parseXlList(text)).toMatchObject([{ state: 'dying' }]);
  });

  it('a name with blanks, as a person may give one', () => {
    const text = recorded('list-v-running.txt').replace('worker-1 ', 'my own vm');
    expect(parseXlList(text)).toMatchObject([{ name: 'my own vm', domid: 1 }]);
  });

  it.each([
    '',
    'xl: command not found\n',
    recorded('list.txt'),
    recorded('list-v-running.txt').split('\n').slice(0, 1).join(''),
    recorded('list-v-running.txt').replace('6b4d1b0a', 'what'),
  ])('throws on what is no such table: it must never be taken for no domains', (text) => {
    expect(() => parseXlList(text)).toThrow(/xl list said/);
  });

  it('throws on every shorter piece that cuts a line', () => {
    const text = recorded('list-v-running.txt').trimEnd();
    const lineAt = text.lastIndexOf('\n') + 1;
    for (let end = lineAt + 1; end < lineAt + 110; end++) expect(() => parseXlList(text.slice(0, end))).toThrow(/xl list said/);
  });
});

describe('xl info', () => {
  it('says what there is to give', () => {
    expect(parseXlInfo(recorded('info.txt'))).toEqual({ version: 'Xen 4.20.5-pre', memoryMib: 1534, freeMib: 1003, cpus: 1 });
  });

  it('throws where it says no memory', () => {
    expect(() => parseXlInfo(recorded('info.txt').replace(/free_memory.*/, ''))).toThrow('xl info says no free_memory');
  });
});

describe('what xl says of a failure', () => {
  const rows = [
    { file: 'create-duplicate.err.txt', code: 'exists', reason: /^Domain with name "worker-1" already exists\./ },
    { file: 'create-no-memory.err.txt', code: 'no-memory', reason: /can't allocate low memory for domain: Out of memory/ },
    { file: 'create-syntax.err.txt', code: 'failed', reason: /config parsing error near <newline>.*Failed to parse config/ },
    { file: 'create-no-kernel.err.txt', code: 'failed', reason: /failed to open file '\/nowhere\/vmlinuz': No such file/ },
    { file: 'create-not-a-kernel.err.txt', code: 'failed', reason: /no loader found: Invalid kernel/ },
    { file: 'create-no-bridge.err.txt', code: 'failed', reason: /Could not find bridge device nobridge/ },
    { file: 'create-no-disk.err.txt', code: 'failed', reason: /Disk vdev=xvda failed to stat: \/nowhere\/disk\.img/ },
    { file: 'create-bad-uuid.err.txt', code: 'failed', reason: /^Failed to parse UUID: / },
    { file: 'destroy-unknown.err.txt', code: 'no-such-domain', reason: /^nobody is an invalid domain identifier/ },
    {
      file: 'migrate-receive-broken.err.txt',
      code: 'failed',
      reason: /^xc: error: Failed to populate physmap \(16 = Device or resource busy\)/,
    },
    { file: 'save-broken.err.txt', code: 'failed', reason: /^cat: write error.*Failed to save domain, resuming domain/ },
    { file: 'migrate-unreachable.err.txt', code: 'failed', reason: /ssh: not found/ },
  ];
  it.each(rows)('$file', ({ file, code, reason }) => {
    const text = recorded(file);
    expect(xlErrorCode(text)).toBe(code);
    expect(xlReason(text)).toMatch(reason);
    expect(xlReason(text)).not.toMatch(/Non-existant domain|Unable to destroy guest|Parsing config/);
  });
});
