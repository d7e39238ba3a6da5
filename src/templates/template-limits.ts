/** What grows is bounded: texts are kept in memory and rendered for thousands of machines. */
export const maxTemplateBytes = 256 * 1024;
export const maxTemplates = 500;
export const maxNoteCharacters = 500;
export const shortestTrialMs = 1_000;
export const longestTrialMs = 7 * 86_400_000;

/** Also the name of a file, with `.hbs`. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** @returns what is wrong with the name; nothing where it is one */
export function nameFault(name: string): string | undefined {
  return namePattern.test(name)
    ? undefined
    : `${JSON.stringify(name.slice(0, 80))} is no name of a template: up to 64 letters, digits, dots, dashes and underscores, such as menu.lst`;
}

export function textFault(text: string): string | undefined {
  const bytes = Buffer.byteLength(text);
  if (bytes > maxTemplateBytes) return `the text has ${bytes} bytes; a template has at most ${maxTemplateBytes}`;
  return characterFault('the text', text);
}

export function noteFault(note: string): string | undefined {
  if (note.length > maxNoteCharacters) return `the note has ${note.length} characters; it may have ${maxNoteCharacters}`;
  return characterFault('the note', note);
}

export function trialFault(tryMs: number): string | undefined {
  return Number.isInteger(tryMs) && tryMs >= shortestTrialMs && tryMs <= longestTrialMs
    ? undefined
    : `a trial lasts from ${shortestTrialMs / 1_000} second to ${longestTrialMs / 86_400_000} days`;
}

/** Neither a file nor every database takes these. */
function characterFault(what: string, text: string): string | undefined {
  return text.includes('\0') || !text.isWellFormed() ? `${what} holds a NUL or half a character` : undefined;
}
