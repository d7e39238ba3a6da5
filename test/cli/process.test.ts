import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readHiddenLine } from '../../src/cli/hidden-line.ts';
import { readAll } from '../../src/cli/terminal.ts';
import { FakeService } from './fake-service.ts';

const main = resolve(import.meta.dirname, '../../src/main.ts');
const virtdom = `'${process.execPath}' '${main}'`;

const machines = (count: number) => ({
  body: {
    items: Array.from({ length: count }, (_, index) => ({
      name: `node${index}`,
      nics: [{ mac: '52:54:00:00:00:01' }],
      state: index === 0 ? 'stuck' : 'up',
      since: '2026-03-01T11:00:00Z',
      reason: 'x'.repeat(200),
    })),
  },
});

const onTerminal = (before: string): string => `script -qec "stty cols 80; ${before} ${virtdom} machine list" /dev/null`;

const lineOf = (...pieces: readonly string[]) => {
  const input = new PassThrough();
  const line = readHiddenLine(input);
  for (const piece of pieces) input.write(piece);
  input.end();
  return line;
};

describe('the program in a shell', { timeout: 20_000 }, () => {
  let service: FakeService;
  beforeEach(async () => {
    service = await FakeService.start();
  });
  afterEach(() => service.close());

  /** Runs a line of bash; `typed` is given to it piece by piece, each when what is before it was seen. */
  function bash(
    line: string,
    typed: readonly (readonly [seen: string, text: string])[] = [],
  ): Promise<{ out: string; error: string; code: number | null }> {
    const env = { ...process.env, VIRTDOM_SERVER: `unix:${service.socket}`, HOME: service.folder, TERM: 'xterm', NO_COLOR: '' };
    const child = spawn('bash', ['-c', line], { env, stdio: 'pipe' });
    const left = [...typed];
    let out = '';
    let error = '';
    let from = 0;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      const [next] = left;
      if (next === undefined || !out.slice(from).includes(next[0])) return;
      left.shift();
      from = out.length;
      child.stdin.write(next[1]);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => void (error += text));
    return new Promise((done) => void child.once('close', (code) => done({ out, error, code })));
  }

  it('ends without a word when the reader of its output goes away', async () => {
    service.on('GET /machines', machines(20_000));
    const { out, error, code } = await bash(`set -o pipefail; ${virtdom} machine list -o jsonl | head -n 1 | wc -l`);
    expect({ out: out.trim(), error }).toEqual({ out: '1', error: '' });
    expect(code).toBe(0);
  });

  it('writes all of a long answer into a pipe before it ends', async () => {
    service.on('GET /machines', machines(20_000));
    const { out, code } = await bash(`${virtdom} machine list -o name | (sleep 0.5; cat) | tail -n 1`);
    expect({ out, code }).toEqual({ out: 'node19999\n', code: 0 });
  });

  it('has no colour and cuts nothing in a pipe', async () => {
    service.on('GET /machines', machines(2));
    const { out } = await bash(`${virtdom} machine list`);
    expect(out).not.toContain('\u001b');
    expect(out).toContain('x'.repeat(200));
  });

  it('has colour and cuts at the edge on a terminal, and none with NO_COLOR', async () => {
    service.on('GET /machines', machines(2));
    const { out } = await bash(onTerminal('env -u NO_COLOR'));
    expect(out).toContain('\u001b[31mstuck');
    expect(out).not.toContain('x'.repeat(80));
    expect((await bash(onTerminal('env NO_COLOR=1'))).out).not.toContain('\u001b');
  });

  it('asks for a password twice on a terminal, and shows no letter of it', async () => {
    service.on('POST /users', ({ body }) => ({ status: 201, body: { name: (body as { name: string }).name, role: 'viewer' } }));
    const { out } = await bash(`script -qec "${virtdom} user create anna --role viewer" /dev/null`, [
      ['Password for anna: ', 'correct horse batteryX\u007f\r'],
      ['Password for anna, once more: ', 'correct horse battery\r'],
    ]);
    expect(service.to('POST /users')[0]?.body).toEqual({ name: 'anna', role: 'viewer', password: 'correct horse battery' });
    expect(out).toContain('anna added (viewer)');
    expect(out).not.toContain('horse');
  });

  it('gives the terminal back when a password is given up with Ctrl-C', async () => {
    const { out } = await bash(`script -qec "${virtdom} user create anna --role viewer; echo ended \\$?; stty -a" /dev/null`, [
      ['Password for anna: ', 'secret\u0003'],
    ]);
    expect(out).toMatch(/given up\r?\n\s*ended 1/);
    expect(out).toMatch(/[^-]icanon/);
    expect(service.requests).toEqual([]);
  });

  it('asks on a terminal before it deletes', async () => {
    const item = { name: 'node1', status: 200, outcome: 'done' };
    const result = { atomic: false, dryRun: false, done: 1, unchanged: 0, refused: 0, items: [item] };
    service.on('POST /machines:delete', { body: result });
    const { out } = await bash(`script -qec "${virtdom} machine delete node1" /dev/null`, [['Delete machine node1? [y/N] ', 'y\n']]);
    expect(out).toContain('node1 deleted');
    expect(service.to('POST /machines:delete')).toHaveLength(2);
  });

  it('says file and line of a wrong document of standard input, and ends with 1', async () => {
    const { error, code } = await bash(`printf 'kind: [' | ${virtdom} apply -f -`);
    expect(error).toMatch(/^standard input:1:\d+: not valid YAML/);
    expect(code).toBe(1);
  });

  it('takes a token file of its own folder', async () => {
    mkdirSync(join(service.folder, '.config/virtdom'), { recursive: true });
    writeFileSync(join(service.folder, '.config/virtdom/token'), 'vd_for_all\n', { mode: 0o600 });
    service.on('GET /machines', machines(0));
    await bash(`${virtdom} machine list`);
    expect(service.requests[0]?.headers.authorization).toBe('Bearer vd_for_all');
  });
});

describe('reading what is typed', () => {
  it('takes a line with its backspaces, letters of several bytes included', async () => {
    expect(await lineOf('abc\u007f\u007fx\r')).toBe('ax');
    expect(await lineOf('junk\u0015kept', ' more\n')).toBe('kept more');
    const input = new PassThrough();
    const line = readHiddenLine(input);
    for (const byte of Buffer.from('päß\r')) input.write(Buffer.of(byte));
    expect(await line).toBe('päß');
  });

  it('ends with nothing at the end of the input, and is given up with Ctrl-C', async () => {
    expect(await lineOf('abc')).toBeUndefined();
    expect(await lineOf('\u0004')).toBeUndefined();
    await expect(lineOf('abc\u0003')).rejects.toThrow('given up');
  });

  it('reads all of an input, and refuses one without end', async () => {
    const input = new PassThrough();
    input.write('a');
    input.end('b');
    expect(await readAll(input)).toBe('ab');
    const endless = new PassThrough();
    endless.end('x'.repeat(100));
    await expect(readAll(endless, 10)).rejects.toThrow('longer than 10 bytes');
  });
});
