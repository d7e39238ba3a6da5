import type { Command } from 'commander';
import type { DraftWrite, TemplateResource } from '../api/schemas/template.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { ApiProblem } from './api-problem.ts';
import { confirm } from './confirmation.ts';
import { readText } from './document-source.ts';
import { editText } from './editor.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

/** Adds `edit`, `set`, `discard` and `delete`: a draft is not served before it is published. */
export function addTemplateDraftCommands(template: Command, terminal: Terminal): void {
  serviceCommand(template, 'edit <template>', 'edit the draft in $VISUAL or $EDITOR; it begins as what is served')
    .addHelpText('after', '\nA draft is not served: virtdom template check, diff and publish go on from there.')
    .action(asking(terminal, (api, name: string) => edit(terminal, api, name)));

  serviceCommand(template, 'set <template>', 'make a file the draft; a template that is not there yet begins with it')
    .requiredOption('-f, --file <file>', 'the text; - for standard input')
    .action(
      asking(terminal, async (api, name: string, { file }: { file: string }) => {
        const text = await readText(terminal, file);
        terminal.out(`${await saveDraft(api, name, text, await etagOf(api, name))}\n`);
      }),
    );

  serviceCommand(template, 'discard <template>', 'throw the draft away; asks first')
    .option('-y, --yes', 'do not ask')
    .action(
      asking(terminal, async (api, name: string, { yes }: { yes?: true }) => {
        const { etag, body } = await api.get<TemplateResource>(apiPath`/templates/${name}`);
        if (body.draft === undefined) return terminal.error(`template ${name} has no draft\n`);
        await confirm(terminal, printable(`Throw away the draft of ${name} by ${body.draft.author}?`), yes);
        await api.request('DELETE', apiPath`/templates/${name}/draft`, { ifMatch: etag });
        terminal.out(`the draft of ${printable(name)} is gone\n`);
      }),
    );

  serviceCommand(template, 'delete <template>', 'delete a template that is neither shipped nor used; asks first')
    .option('-y, --yes', 'do not ask')
    .action(
      asking(terminal, async (api, name: string, { yes }: { yes?: true }) => {
        const { etag } = await api.get(apiPath`/templates/${name}`);
        await confirm(terminal, printable(`Delete template ${name} with all its versions?`), yes);
        await api.request('DELETE', apiPath`/templates/${name}`, { ifMatch: etag });
        terminal.out(`template ${printable(name)} deleted\n`);
      }),
    );
}

async function etagOf(api: ApiClient, name: string): Promise<string | undefined> {
  try {
    return (await api.get(apiPath`/templates/${name}`)).etag;
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) return undefined;
    throw error;
  }
}

async function edit(terminal: Terminal, api: ApiClient, name: string): Promise<void> {
  await editText(terminal, {
    title: `template ${name}`,
    fileName: `${name.replaceAll(/[^\w.-]/g, '-')}.hbs`,
    load: async () => {
      const { etag, body } = await api.get<TemplateResource>(apiPath`/templates/${name}`);
      return { text: body.draft?.text ?? body.text ?? '', etag };
    },
    save: (text, etag) => saveDraft(api, name, text, etag),
  });
}

async function saveDraft(api: ApiClient, name: string, text: string, ifMatch: string | undefined): Promise<string> {
  await api.request('PUT', apiPath`/templates/${name}/draft`, { ifMatch, body: { text } satisfies DraftWrite });
  return printable(`draft of ${name} kept; to serve it: virtdom template publish ${name}`);
}
