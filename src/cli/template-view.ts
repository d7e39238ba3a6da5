import type {
  CheckResult,
  RenderResult,
  TemplateDiff,
  TemplateProblemResource,
  TemplateSummary,
  TemplateVersionSummary,
} from '../api/schemas/template.ts';
import { formatTime } from './duration.ts';
import type { View } from './output.ts';
import { printable } from './printable.ts';

export const templateView: View<TemplateSummary> = {
  columns: [
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'SERVED', cell: ({ published, trial }) => `${versionText(published)}${trial === undefined ? '' : ' on trial'}` },
    { head: 'EDITED', cell: ({ edited, shipped }) => (shipped ? (edited ? 'yes' : 'no') : 'own') },
    { head: 'DRAFT', cell: ({ draft }) => (draft === undefined ? '' : `by ${draft.author}`), tone: () => 'warning' },
    { head: 'USED BY', cell: ({ usedBy }) => usedBy.join(',') },
    { head: 'CHANGED', cell: ({ updatedAt }) => formatTime(updatedAt) },
    { head: 'BY', cell: ({ updatedBy }) => updatedBy },
    { head: 'BACK AT', cell: ({ trial }) => formatTime(trial?.until), wide: true },
    { head: 'REVISION', cell: ({ revision }) => revision, align: 'right', wide: true },
    { head: 'SHA256', cell: ({ sha256 }) => sha256?.slice(0, 12), wide: true },
  ],
  name: ({ name }) => name,
  empty: 'there is no template',
};

export const versionView: View<TemplateVersionSummary> = {
  columns: [
    { head: 'VERSION', cell: ({ version }) => versionText(version) },
    { head: 'MADE (UTC)', cell: ({ createdAt }) => formatTime(createdAt) },
    { head: 'AUTHOR', cell: ({ author }) => author },
    { head: 'ORIGIN', cell: ({ origin }) => origin },
    { head: 'BYTES', cell: ({ bytes }) => bytes, align: 'right' },
    { head: 'SHA256', cell: ({ sha256 }) => sha256.slice(0, 12), wide: true },
    { head: 'NOTE', cell: ({ note }) => note },
  ],
  name: ({ version }) => String(version),
  empty: 'only the shipped file is there',
};

export const checkView: View<CheckResult> = {
  columns: [
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'MACHINES', cell: ({ machines }) => machines, align: 'right' },
    { head: 'RENDERS', cell: ({ renders }) => renders, align: 'right' },
    { head: 'PROBLEMS', cell: ({ problems, problemsLeftOut }) => problems.length + problemsLeftOut, align: 'right' },
    { head: 'GRUB', cell: ({ grub }) => grub },
  ],
  name: ({ name }) => name,
};

export const renderView: View<RenderResult> = {
  columns: [
    { head: 'MACHINE', cell: ({ machine }) => machine },
    { head: 'PATH', cell: ({ path }) => path },
  ],
  name: ({ name }) => name,
  detail: ({ text = '' }) => text,
};

export const diffView: View<TemplateDiff> = {
  columns: [
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'FROM', cell: ({ from }) => from },
    { head: 'TO', cell: ({ to }) => to },
    { head: 'SAME', cell: ({ same }) => same },
  ],
  name: ({ name }) => name,
  detail: ({ diff }) => diff,
};

function versionText(version: number): string {
  return version === 0 ? 'shipped' : String(version);
}

/** `menu.lst.hbs:12: machine.serial is missing (machine post01)` */
export function describeProblem({ template, line, machine, message }: TemplateProblemResource): string {
  return printable(`${template}${line > 0 ? `:${line}` : ''}: ${message}${machine === undefined ? '' : ` (machine ${machine})`}`);
}

/** What a check found, a line for each problem, and the summary last. */
export function describeCheck({ name, summary, problems, problemsLeftOut, broken, grub }: CheckResult): string {
  const lines = [
    ...problems.map(describeProblem),
    ...(problemsLeftOut > 0 ? [`and ${problemsLeftOut} more`] : []),
    ...(broken.length > 0 ? [`loses a file that it has now: ${broken.join(', ')}`] : []),
    ...(grub === undefined ? [] : [`GRUB: ${grub}`]),
    `${name}: ${summary}`,
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}
