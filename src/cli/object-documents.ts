import type { Command } from 'commander';
import type { ExportResult } from '../api/schemas/apply.ts';
import type { MachineCreate } from '../api/schemas/machine.ts';
import { isRecord } from '../documents/check-shape.ts';
import type { ObjectKind } from '../machines/object-schemas.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { CliError } from './cli-error.ts';
import { blamingLines } from './document-problems.ts';
import { readText, readWrittenObjects } from './document-source.ts';
import type { WrittenObject } from './document-source.ts';
import { editText } from './editor.ts';
import { mergePatch } from './merge-patch.ts';
import { yamlText } from './output.ts';
import { collections, withArticle } from './object-kinds.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

/** Adds `create` and `edit`: the two commands that take an object as a document. */
export function addDocumentCommands(noun: Command, terminal: Terminal, kind: ObjectKind): void {
  const word = kind.toLowerCase();
  const create = serviceCommand(noun, kind === 'Machine' ? 'create [name]' : 'create', `add ${withArticle(word)}`)
    .option('-f, --file <file>', `the ${word} as YAML or JSON; - for standard input`)
    .option('--dry-run', 'let the service check it and add nothing')
    .action(asking(terminal, (api, ...given: unknown[]) => createObject(terminal, api, kind, given)));
  if (kind === 'Machine') {
    create
      .option('--mac <mac>', 'its MAC address')
      .option('--address <address>', 'the address reserved for it')
      .option('--profile <profile>', 'what it boots')
      .option('--role <role>', 'what it may host once it runs')
      .addHelpText('after', '\nExample:\n  virtdom machine create post07 --mac 52:54:00:00:00:07 --profile dom0');
  }
  serviceCommand(noun, `edit <${word}>`, `edit ${withArticle(word)} in $VISUAL or $EDITOR`).action(
    asking(terminal, (api, name: string) => editObject(terminal, api, kind, name)),
  );
}

interface CreateOptions {
  readonly file?: string;
  readonly dryRun?: true;
  readonly mac?: string;
  readonly address?: string;
  readonly profile?: string;
  readonly role?: string;
}

async function createObject(terminal: Terminal, api: ApiClient, kind: ObjectKind, given: readonly unknown[]): Promise<void> {
  const options = given.at(-1) as CreateOptions;
  const name = given.length > 1 ? (given[0] as string | undefined) : undefined;
  const objects =
    options.file === undefined ? [] : oneOfKind(readWrittenObjects(await readText(terminal, options.file), options.file), kind);
  const fields: Readonly<Record<string, unknown>> = objects[0]?.document ?? { ...machineFrom(name, options, kind) };
  await blamingLines(objects, () =>
    api.post(collections[kind], { body: withoutKind(fields), ...(options.dryRun === true && { query: { dryRun: true } }) }),
  );
  terminal.out(`${printable(`${kind.toLowerCase()} ${String(fields['name'])} created`)}\n`);
  if (options.dryRun === true) terminal.error('dry run: nothing was added\n');
}

function machineFrom(name: string | undefined, { mac, address, profile, role }: CreateOptions, kind: ObjectKind): MachineCreate {
  if (kind !== 'Machine') throw new CliError('usage', `say which file the ${kind.toLowerCase()} stands in: -f FILE`);
  if (name === undefined || mac === undefined) throw new CliError('usage', 'say a name and --mac, or -f FILE');
  return {
    name,
    nics: [{ mac, ...(address !== undefined && { address }) }],
    ...(profile !== undefined && { profile }),
    ...(role !== undefined && { role }),
  };
}

export function oneOfKind(objects: readonly WrittenObject[], kind: ObjectKind): readonly [WrittenObject] {
  const [only, second] = objects;
  if (only === undefined) throw new CliError('usage', 'the file holds no object');
  if (second !== undefined) throw new CliError('usage', 'the file holds several objects', 'virtdom apply -f FILE takes any number');
  if (only.kind !== kind) throw new CliError('usage', `the file holds a ${only.kind}, and a ${kind} is to be created`);
  return [only];
}

async function editObject(terminal: Terminal, api: ApiClient, kind: ObjectKind, name: string): Promise<void> {
  const path = `${collections[kind]}/${encodeURIComponent(name)}`;
  let base: Readonly<Record<string, unknown>> = {};
  await editText(terminal, {
    title: `${kind.toLowerCase()} ${name}`,
    fileName: `${name.replaceAll(/[^\w.-]/g, '-')}.yaml`,
    load: async () => {
      // The ETag first: what changes between the two is a conflict then, and not overwritten unseen.
      const { etag } = await api.get(path);
      base = await exported(api, kind, name);
      return { text: yamlText(base), etag };
    },
    save: async (text, ifMatch, file) => {
      const [object] = oneOfKind(readWrittenObjects(text, file), kind);
      const body = kind === 'Machine' ? mergePatch(withoutKind(base), withoutKind(object.document)) : withoutKind(object.document);
      await blamingLines([object], () => api.request(kind === 'Machine' ? 'PATCH' : 'PUT', path, { ifMatch, body }));
      return printable(`${kind.toLowerCase()} ${name} changed`);
    },
  });
}

/** Writes an object anew as `change` makes it from what a person wrote; refused where somebody else was quicker. */
export async function changeDocument(
  terminal: Terminal,
  api: ApiClient,
  { kind, name, dryRun }: { readonly kind: ObjectKind; readonly name: string; readonly dryRun: boolean },
  change: (document: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>,
): Promise<void> {
  const path = `${collections[kind]}/${encodeURIComponent(name)}`;
  // The ETag first: what changes between the two is a conflict then.
  const { etag } = await api.get(path);
  const body = withoutKind(change(await exported(api, kind, name)));
  await api.request('PUT', path, { ifMatch: etag, body, ...(dryRun && { query: { dryRun: true } }) });
  terminal.out(`${printable(`${kind.toLowerCase()} ${name} changed`)}\n`);
  if (dryRun) terminal.error('dry run: nothing was changed\n');
}

/** The object as a person wrote it, without the defaults. */
export async function exported(api: ApiClient, kind: ObjectKind, name: string): Promise<Readonly<Record<string, unknown>>> {
  const { body } = await api.get<ExportResult>('/objects:export', { kind, name });
  const document = body.documents.find((each) => each['name'] === name);
  if (document !== undefined) return document;
  throw new CliError(
    'notFound',
    `${apiPath`${kind}/${name}`} is not enrolled, so there is nothing to edit`,
    'virtdom machine assign enrols it',
  );
}

function withoutKind(document: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { kind: _, ...fields } = document;
  return isRecord(fields) ? fields : {};
}
