import { Option } from 'commander';
import type { Command } from 'commander';
import type { ApplyResult, DiffResult, ExportResult } from '../api/schemas/apply.ts';
import type { ObjectKind } from '../machines/object-schemas.ts';
import type { ApiClient } from './api-client.ts';
import { changeView, describeChange, summarizeChanges } from './applied-changes.ts';
import { CliError } from './cli-error.ts';
import { confirm } from './confirmation.ts';
import { blamingLines } from './document-problems.ts';
import { readText, readWrittenObjects } from './document-source.ts';
import type { WrittenObject } from './document-source.ts';
import { outputOption, printItems, writeText, yamlText } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { asking, serviceCommand } from './service-command.ts';
import { objectKinds } from './object-kinds.ts';
import type { Terminal } from './terminal.ts';

const kinds: Readonly<Record<string, ObjectKind>> = Object.fromEntries(objectKinds.map((kind) => [kind.toLowerCase(), kind]));

/** Adds `virtdom apply`. */
export function addApplyCommand(program: Command, terminal: Terminal): void {
  serviceCommand(program, 'apply', 'make objects as they are written in a file: what is missing is added, what differs is changed')
    .requiredOption('-f, --file <file>', 'objects as YAML or JSON; - for standard input')
    .option('--prune', 'also delete objects that the file does not hold, of the kinds that it holds; asks first')
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'let the service check everything and change nothing')
    .addHelpText('after', '\nExamples:\n  virtdom apply -f lab.yaml\n  virtdom export | virtdom apply -f - --dry-run')
    .action(asking(terminal, (api, options: ApplyOptions) => applyFile(terminal, api, options)));
}

/** Adds `virtdom diff`. */
export function addDiffCommand(program: Command, terminal: Terminal): void {
  serviceCommand(program, 'diff', 'say how the objects of a file differ from those that are there')
    .requiredOption('-f, --file <file>', 'objects as YAML or JSON; - for standard input')
    .option('--prune', 'also tell which objects the file does not hold, of the kinds that it holds')
    .addOption(outputOption())
    .addHelpText('after', '\nEnds with 0 where they are the same, with 1 where they differ, with more where it cannot tell.')
    .action(asking(terminal, (api, options: ApplyOptions & OutputOptions) => diff(terminal, api, options)));
}

/** Adds `virtdom export`. */
export function addExportCommand(program: Command, terminal: Terminal): void {
  serviceCommand(program, 'export', 'print the objects as people wrote them, for virtdom apply')
    .addOption(new Option('--kind <kind>', 'only these').choices(Object.keys(kinds)))
    .option('--name <name>', 'only this one')
    .addOption(outputOption().default('yaml'))
    .addHelpText('after', '\nExample:\n  virtdom export > lab.yaml')
    .action(asking(terminal, (api, options: ExportOptions) => exportObjects(terminal, api, options)));
}

interface ApplyOptions {
  readonly file: string;
  readonly prune?: true;
  readonly yes?: true;
  readonly dryRun?: true;
}

/** Makes objects as a file says. @param options `only`: the kind that all of them must be of */
export async function applyFile(
  terminal: Terminal,
  api: ApiClient,
  { file, prune, yes, dryRun, only }: ApplyOptions & { readonly only?: ObjectKind },
): Promise<void> {
  const objects = await readObjects(terminal, file);
  const other = only === undefined ? undefined : objects.find(({ kind }) => kind !== only);
  if (other !== undefined)
    throw new CliError('usage', `the file also holds a ${other.kind}, ${other.name}`, `virtdom apply -f ${file} takes all kinds`);
  const body = { documents: objects.map(({ document }) => document), ...(prune === true && { prune }) };
  const send = async (dry: boolean): Promise<ApplyResult> =>
    blamingLines(
      objects,
      async () => (await api.post<ApplyResult>('/objects:apply', { body, ...(dry && { query: { dryRun: true } }) })).body,
    );
  if (prune === true && yes !== true && dryRun !== true) {
    const planned = await send(true);
    const doomed = planned.objects.filter(({ outcome }) => outcome === 'deleted');
    for (const object of doomed) terminal.error(describeChange(object));
    if (doomed.length > 0) await confirm(terminal, `Delete ${doomed.length} ${doomed.length === 1 ? 'object' : 'objects'}?`, yes);
  }
  summarizeChanges(terminal, await send(dryRun === true));
}

async function diff(terminal: Terminal, api: ApiClient, { file, prune, output }: ApplyOptions & OutputOptions): Promise<void> {
  let result: DiffResult;
  try {
    const objects = await readObjects(terminal, file);
    const body = { documents: objects.map(({ document }) => document), ...(prune === true && { prune }) };
    result = await blamingLines(objects, async () => (await api.post<DiffResult>('/objects:diff', { body })).body);
  } catch (error) {
    throw notOne(error);
  }
  if (output === 'table') for (const object of result.objects) writeText(terminal, describeChange(object));
  else printItems(terminal, output, changeView, result.objects);
  if (result.same) terminal.error('no difference\n');
  else process.exitCode = 1;
}

/** 1 says that there are differences: what goes wrong must say something else, as with diff(1). */
function notOne(error: unknown): unknown {
  if (error instanceof CliError && error.exitCode !== 1) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CliError('usage', message, error instanceof CliError ? error.next : undefined, { cause: error });
}

type ObjectDocument = ExportResult['documents'][number];

const documentView: View<ObjectDocument> = {
  columns: [
    { head: 'KIND', cell: ({ kind }) => String(kind) },
    { head: 'NAME', cell: ({ name }) => String(name) },
  ],
  name: ({ kind, name }) => `${String(kind).toLowerCase()}/${String(name)}`,
};

interface ExportOptions extends OutputOptions {
  readonly kind?: string;
  readonly name?: string;
}

async function exportObjects(terminal: Terminal, api: ApiClient, { kind, name, output }: ExportOptions): Promise<void> {
  const { body } = await api.get<ExportResult>('/objects:export', { kind: kind && kinds[kind], name });
  if (body.documents.length === 0 && name !== undefined) throw new CliError('notFound', `there is no object ${name}`);
  if (output === 'yaml') writeText(terminal, body.documents.map((document) => yamlText(document)).join('---\n'));
  else printItems(terminal, output, documentView, body.documents);
}

async function readObjects(terminal: Terminal, file: string): Promise<WrittenObject[]> {
  return readWrittenObjects(await readText(terminal, file), file === '-' ? 'standard input' : file);
}
