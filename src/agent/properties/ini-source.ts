import type { ConfigProblem } from '../../documents/problems.ts';

export interface IniSection {
  readonly name: string;
  readonly line: number;
  readonly values: Readonly<Record<string, string>>;
  /** Line of each key. */
  readonly lines: Readonly<Record<string, number>>;
}

export interface IniFile {
  readonly sections: readonly IniSection[];
  readonly problems: readonly ConfigProblem[];
}

interface OpenSection {
  readonly name: string;
  readonly line: number;
  readonly values: Map<string, string>;
  readonly lines: Map<string, number>;
}

/**
 * The INI of the first virtdom: `[name]`, `key = value` or `key: value`, comments after `#` or `;` on lines of their own, as Python's
 * ConfigParser reads them. A line that is none of these is a problem; the others go on.
 */
export function parseIni(text: string, file: string): IniFile {
  const sections: OpenSection[] = [];
  const problems: ConfigProblem[] = [];
  let inBroken = false;
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim();
    const wrong = (message: string): void =>
      void problems.push({ file, line: index + 1, column: 1, path: sections.at(-1)?.name ?? '', message });
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    if (line.startsWith('[')) {
      const name = /^\[\s*([^\]]*?)\s*\]$/.exec(line)?.[1];
      inBroken = name === undefined || name === '' || sections.some((section) => section.name === name);
      if (name === undefined || name === '') wrong('expected [name] and nothing behind it');
      else if (inBroken) wrong(`[${name}] stands here a second time: this one is left out`);
      else sections.push({ name, line: index + 1, values: new Map(), lines: new Map() });
      continue;
    }
    if (inBroken) continue;
    const [, key = '', value = ''] = /^([^=:]*?)\s*[=:]\s*(.*)$/.exec(line) ?? [];
    const section = sections.at(-1);
    if (key === '') wrong('expected [name], key = value, or a comment after #');
    else if (section === undefined) wrong(`${key} stands before the first [name]`);
    else if (section.values.has(key)) wrong(`${key} stands here a second time`);
    else {
      section.values.set(key, value);
      section.lines.set(key, index + 1);
    }
  }
  return {
    sections: sections.map(({ name, line, values, lines }) => ({
      name,
      line,
      values: Object.fromEntries(values),
      lines: Object.fromEntries(lines),
    })),
    problems,
  };
}
