import type { Command } from 'commander';
import type { MachineFiles } from '../api/schemas/machine.ts';
import type {
  CheckResult,
  RenderRequest,
  RenderResult,
  TemplateDiff,
  TemplateResource,
  TemplateSummary,
  TemplateVersionResource,
  TemplateVersionSummary,
} from '../api/schemas/template.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { CliError } from './cli-error.ts';
import { readText } from './document-source.ts';
import { parseCount } from './duration.ts';
import { outputOption, printItem, printItems, writeText } from './output.ts';
import type { OutputOptions } from './output.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import { addTemplateDraftCommands } from './template-draft.ts';
import { addTemplatePublishCommands } from './template-publish.ts';
import { parseVersion } from './template-version.ts';
import { checkView, describeCheck, describeProblem, diffView, renderView, templateView, versionView } from './template-view.ts';
import type { Terminal } from './terminal.ts';

/** Adds `virtdom template …`. */
export function addTemplateCommands(program: Command, terminal: Terminal): void {
  const template = program.command('template').description('see, edit and publish the menus that machines download');

  serviceCommand(template, 'list', 'list templates')
    .option('-q, --search <text>', 'a text in the name')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { search: q, output }: OutputOptions & { search?: string }) => {
        printItems(terminal, output, templateView, await api.list<TemplateSummary>('/templates', { q }));
      }),
    );

  serviceCommand(template, 'get <template>', 'print the text that is served')
    .option('--draft', 'the draft in its place')
    .option('--version <version>', 'a version in its place; 0 or shipped is the shipped file', parseVersion)
    .addOption(outputOption())
    .action(asking(terminal, (api, name: string, options: GetOptions) => get(terminal, api, name, options)));

  serviceCommand(template, 'versions <template>', 'list what was published, the newest first')
    .option('--limit <count>', 'the newest so many', parseCount)
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, name: string, { limit, output }: OutputOptions & { limit?: number }) => {
        printItems(terminal, output, versionView, await api.list<TemplateVersionSummary>(apiPath`/templates/${name}/versions`, {}, limit));
      }),
    );

  serviceCommand(template, 'render <template>', 'print exactly what a machine would download, with <boot-token> in place of its token')
    .requiredOption('-m, --machine <machine>', 'for which machine')
    .option('-f, --file <file>', 'a text of yours in place of the draft; - for standard input')
    .option('--version <version>', 'a version in place of the draft; 0 or shipped is the shipped file', parseVersion)
    .addOption(outputOption())
    .addHelpText(
      'after',
      `
A path in place of a name, such as /grub/post01.conf, prints what is served there now.

Examples:
  virtdom template render menu.lst -m post01
  virtdom template render menu.lst -m post01 -f menu.lst.hbs
  virtdom template render /grub/post01.conf -m post01`,
    )
    .action(asking(terminal, (api, name: string, options: RenderOptions) => render(terminal, api, name, options)));

  serviceCommand(template, 'check [template]', 'render a template, or all, for every machine that uses it, and say what is wrong')
    .option('-f, --file <file>', 'a text of yours in place of the draft; - for standard input')
    .addOption(outputOption())
    .action(asking(terminal, (api, name: string | undefined, options: CheckOptions) => check(terminal, api, name, options)));

  serviceCommand(template, 'diff <template> [from] [to]', 'compare two texts of a template: a version, shipped, published or draft')
    .addOption(outputOption())
    .addHelpText(
      'after',
      `
Without more it compares what is published with the draft, or the shipped file with what is published where there is no
draft. Ends with 0 where they are the same, with 1 where they differ.

Example:
  virtdom template diff menu.lst shipped published`,
    )
    .action(
      asking(terminal, (api, name: string, from: string | undefined, to: string | undefined, options: OutputOptions) =>
        diff(terminal, api, name, { from, to }, options),
      ),
    );

  addTemplateDraftCommands(template, terminal);
  addTemplatePublishCommands(template, terminal);
}

interface GetOptions extends OutputOptions {
  readonly draft?: true;
  readonly version?: number;
}

async function get(terminal: Terminal, api: ApiClient, name: string, { draft, version, output }: GetOptions): Promise<void> {
  if (version !== undefined) {
    const { body } = await api.get<TemplateVersionResource>(apiPath`/templates/${name}/versions/${String(version)}`);
    return printItem(terminal, output, { ...versionView, detail: ({ text }) => text }, body);
  }
  const { body } = await api.get<TemplateResource>(apiPath`/templates/${name}`);
  if (draft === true && body.draft?.text === undefined) throw new CliError('notFound', `template ${name} has no draft`);
  const text = (draft === true ? body.draft?.text : body.text) ?? '';
  printItem(terminal, output, { ...templateView, detail: () => text }, body);
}

interface RenderOptions extends OutputOptions {
  readonly machine: string;
  readonly file?: string;
  readonly version?: number;
}

async function render(terminal: Terminal, api: ApiClient, name: string, { machine, file, version, output }: RenderOptions): Promise<void> {
  if (name.startsWith('/')) return renderPath(terminal, api, name, machine);
  const text = file === undefined ? undefined : await readText(terminal, file);
  const wanted: RenderRequest = { ...(text !== undefined && { text }), ...(version !== undefined && { version }) };
  const { body } = await api.post<RenderResult>(apiPath`/templates/${name}:render`, { query: { machine }, body: wanted });
  if (body.text !== undefined) printItem(terminal, output, renderView, body);
  const others = body.files.filter(({ path }) => path !== body.path);
  if (others.length > 0) terminal.error(`${printable(`it is also part of ${others.map(({ path }) => path).join(', ')}`)}\n`);
  for (const problem of body.problems) terminal.error(`${describeProblem(problem)}\n`);
  if (body.text !== undefined) return;
  if (body.problems.length > 0) throw new CliError('failed', `${name} cannot be rendered for ${machine}`);
  throw new CliError('notFound', `${machine} gets nothing of ${name}`, `virtdom machine explain ${machine} says what it boots`);
}

async function renderPath(terminal: Terminal, api: ApiClient, path: string, machine: string): Promise<void> {
  const { body } = await api.get<MachineFiles>(apiPath`/machines/${machine}/files`, { path });
  const [file] = body.files;
  if (file?.text !== undefined) return writeText(terminal, file.text);
  if (file === undefined) throw new CliError('notFound', `${machine} has no file ${path}: ${body.reason}`);
  throw new CliError('failed', `${path}: ${file.problem ?? 'it is the same for all machines, and not rendered'}`);
}

interface CheckOptions extends OutputOptions {
  readonly file?: string;
}

async function check(terminal: Terminal, api: ApiClient, name: string | undefined, { file, output }: CheckOptions): Promise<void> {
  if (name === undefined && file !== undefined) throw new CliError('usage', 'say which template the text is for');
  const names = name === undefined ? (await api.list<TemplateSummary>('/templates')).map((each) => each.name) : [name];
  const text = file === undefined ? undefined : await readText(terminal, file);
  const results: CheckResult[] = [];
  for (const each of names) {
    const { body } = await api.post<CheckResult>(apiPath`/templates/${each}:check`, { body: text === undefined ? {} : { text } });
    results.push(body);
    if (output === 'table') (body.problems.length === 0 ? terminal.out : terminal.error)(describeCheck(body));
  }
  if (output !== 'table') printItems(terminal, output, checkView, results);
  const wrong = results.filter(({ problems }) => problems.length > 0).length;
  if (wrong > 0) throw new CliError('failed', `${wrong === 1 ? 'one template is' : `${wrong} templates are`} not right`);
}

async function diff(
  terminal: Terminal,
  api: ApiClient,
  name: string,
  texts: { readonly from: string | undefined; readonly to: string | undefined },
  { output }: OutputOptions,
): Promise<void> {
  const { body } = await api.get<TemplateDiff>(apiPath`/templates/${name}:diff`, texts);
  printItem(terminal, output, diffView, body);
  if (body.same) terminal.error(`${printable(`${body.from} and ${body.to} are the same`)}\n`);
  else process.exitCode = 1;
}
