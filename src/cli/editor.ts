import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiProblem } from './api-problem.ts';
import { CliError, DocumentError } from './cli-error.ts';
import { choose } from './confirmation.ts';
import { printableLines } from './printable.ts';
import type { Terminal } from './terminal.ts';

/** What is edited: how it is read and how it is written back. */
export interface EditedText {
  /** `profile dom0` */
  readonly title: string;
  /** Its ending tells the editor what it is: `dom0.yaml`. */
  readonly fileName: string;
  /** What is there now, and the ETag that a change of it must name. */
  readonly load: () => Promise<{ readonly text: string; readonly etag: string | undefined }>;
  /** Throws DocumentError or ApiProblem where the text is not taken. */
  readonly save: (text: string, etag: string | undefined, file: string) => Promise<string>;
}

/**
 * Lets a person edit a text and writes it back. What is refused can be edited again. Where somebody else was quicker,
 * theirs is shown, and the text can be edited again or put over theirs; in any case it stays in a file that the message names.
 */
export async function editText(terminal: Terminal, edited: EditedText): Promise<void> {
  let { text: base, etag } = await edited.load();
  const folder = mkdtempSync(join(terminal.environment?.['TMPDIR'] || tmpdir(), 'virtdom-edit-'));
  const file = join(folder, edited.fileName);
  writeFileSync(file, base, { mode: 0o600 });
  for (;;) {
    await runEditor(terminal, file);
    const text = readFileSync(file, 'utf8');
    if (text === base || text.trim() === '') {
      rmSync(folder, { recursive: true });
      terminal.error(`${edited.title}: nothing was changed\n`);
      return;
    }
    for (let again = true; again;) {
      const failure = await attempt(() => edited.save(text, etag, file));
      if (failure.kind === 'done') {
        rmSync(folder, { recursive: true });
        terminal.out(`${failure.message}\n`);
        return;
      }
      const next = await askNext(terminal, edited, failure.error, file);
      again = next === 'o';
      if (next === 'e') continue;
      const before = base;
      ({ text: base, etag } = await edited.load());
      if (next === 't') await showTheirs(terminal, file, before, base);
    }
  }
}

type Attempt = { readonly kind: 'done'; readonly message: string } | { readonly kind: 'refused'; readonly error: Error };

async function attempt(save: () => Promise<string>): Promise<Attempt> {
  try {
    return { kind: 'done', message: await save() };
  } catch (error) {
    if (error instanceof DocumentError || error instanceof ApiProblem) return { kind: 'refused', error };
    throw error;
  }
}

/** What a person wants to do about a refusal; throws where they give up, or where nobody is there to ask. */
async function askNext(terminal: Terminal, { title }: EditedText, error: Error, file: string): Promise<'e' | 'o' | 't'> {
  const conflict = error instanceof ApiProblem && error.exitCode === 4;
  const kept = `Your text is kept in ${file}`;
  if (terminal.ask === undefined) {
    if (error instanceof ApiProblem) throw Object.assign(error, { next: kept });
    throw new CliError('failed', error.message, kept);
  }
  terminal.error(`${error.message}\n`);
  const answer = conflict
    ? await choose(terminal.ask, `${title} was changed while you edited it.`, {
        t: 'edit yours again; theirs is put beside it, and what they changed is shown',
        o: 'put yours over theirs',
        q: 'give up; your text stays in a file',
      })
    : await choose(terminal.ask, `${title} was not taken.`, { e: 'edit again', q: 'give up; your text stays in a file' });
  if (answer !== 'q') return answer;
  throw new CliError(conflict ? 'conflict' : 'failed', `${title} is as it was`, kept, { cause: error });
}

/** Not in the same file: what is a comment in a menu is no comment in its template. */
async function showTheirs(terminal: Terminal, file: string, before: string, theirs: string): Promise<void> {
  const { createTwoFilesPatch } = await import('diff');
  const beside = file.replace(/(\.[^.]*)$/, '.theirs$1');
  writeFileSync(beside, theirs, { mode: 0o600 });
  terminal.error(printableLines(createTwoFilesPatch('before', 'theirs', before, theirs)));
  terminal.error(`theirs is in ${beside}\n`);
}

/** Ctrl-C is the editor's while it runs. */
function leaveToEditor(): void {}

async function runEditor({ environment = {} }: Terminal, file: string): Promise<void> {
  const editor = environment['VISUAL'] || environment['EDITOR'] || 'vi';
  // Through a shell, since people write `code --wait` there.
  const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, 'editor', file], { stdio: 'inherit', env: { ...environment } });
  process.on('SIGINT', leaveToEditor);
  try {
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    child.once('error', reject).once('close', resolve);
    const status = await promise;
    if (status !== 0)
      throw new CliError(
        'failed',
        `the editor ${editor} ended with ${status ?? 'a signal'}`,
        `Nothing was changed; the text is in ${file}`,
      );
  } finally {
    process.off('SIGINT', leaveToEditor);
  }
}
