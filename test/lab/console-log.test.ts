import { expect, it } from 'vitest';
import { ConsoleLog } from '../../src/lab/console-log.ts';
import { LabError } from '../../src/lab/lab-error.ts';

function consoleOf(...chunks: string[]): ConsoleLog {
  let elapsed = 0;
  const log = new ConsoleLog(() => (elapsed += 10));
  for (const chunk of chunks) log.take(Buffer.from(chunk, 'utf8'));
  return log;
}

it('makes lines of what came in pieces, without carriage returns and empty lines', () => {
  const log = consoleOf('(XEN) Xen ver', 'sion 4.20\r\n\r\nNext', '\r\nunfinished');
  expect(log.lines).toEqual([
    { atMs: 10, text: '(XEN) Xen version 4.20' },
    { atMs: 20, text: 'Next' },
  ]);
  expect(log.text.endsWith('unfinished')).toBe(true);
});

it("starts a new line where GRUB's menu moves the cursor, and drops other escape sequences, also those cut in two", () => {
  const log = consoleOf(
    '\u001b[H\u001b[J\u001b[1;1H\u001b[5;3H*dom0@1   \u001b[m\u001b[',
    '6;3H Other\u001b[?25l server\u001b',
    '[7;1Hend',
  );
  expect(log.lines.map(({ text }) => text)).toEqual(['*dom0@1', ' Other server']);
});

it('drops what a terminal would act on, and keeps tabs', () => {
  const log = consoleOf('\u0000a\u0007b\u001b(Bc\u001b[31m\td\u007f\u009b2Je\r\n');
  expect(log.lines.map(({ text }) => text)).toEqual(['abc\td2Je']);
});

it('keeps characters that were cut in two', () => {
  const bytes = Buffer.from('grün\n', 'utf8');
  const log = new ConsoleLog(() => 0);
  log.take(bytes.subarray(0, 3));
  log.take(bytes.subarray(3));
  expect(log.lines[0]?.text).toBe('grün');
});

it('finds what is there already and what comes later', async () => {
  const log = consoleOf('one\n');
  await expect(log.waitFor(/o(n)e/, 1000)).resolves.toMatchObject({ 1: 'n' });
  const later = log.waitFor(/two/, 1000);
  log.take(Buffer.from('tw'));
  log.take(Buffer.from('o'));
  await expect(later).resolves.toMatchObject({ 0: 'two' });
});

it('says what the console showed last when the wanted line does not come', async () => {
  await expect(consoleOf('Kernel panic\n').waitFor(/login/, 5)).rejects.toThrow(/did not show \/login\/ within 0.005 s.*\nKernel panic/);
});

it('tells who waits that the machine has ended', async () => {
  const log = consoleOf('');
  const waiting = log.waitFor(/login/, 60_000);
  log.end(new LabError('machine-ended', 'post01 ended: QEMU exited with 0'));
  await expect(waiting).rejects.toThrow('post01 ended');
  await expect(log.waitFor(/login/, 60_000)).rejects.toThrow('post01 ended');
});
